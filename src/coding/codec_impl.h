// The three passes over an image, written once for all instruction sets. `Ops` is PlainOps or one of the same shape.
#pragma once

#include "coding/codec.h"
#include "coding/context.h"
#include "coding/rans.h"
#include "coding/stream.h"

namespace scissionlite::coding {
namespace {  // see context.h

template <typename Ops>
struct Passes {
  using Contexts = typename Ops::Contexts;
  using Lanes = typename Ops::Lanes;
  using Value = typename Ops::Value;

  /// A position on its way through the image, in raster order.
  struct Cursor {
    uint8_t* history;
    uint16_t* activity;
    const int16_t* sums;
    int64_t position;  // 0 .. positions - 1
  };
  template <typename Visit>
  static void each_position(const ModelData& data, Workspace& work, Visit&& visit) {
    const int64_t padded = data.padded(), wide = data.shape.columns + 2;
    for (int64_t y = 0; y < data.shape.rows; ++y) {
      Ops::above(data, work.history.data() + ((y + 1) * wide + 1) * padded, data.shape.columns, work.sums.data());
      for (int64_t x = 0; x < data.shape.columns; ++x) {
        const int64_t place = (y + 1) * wide + x + 1;
        if (!visit(Cursor{work.history.data() + place * padded, work.activity.data() + place, work.sums.data() + x * padded,
                          y * data.shape.columns + x}))
          return;
      }
    }
  }

  /// Calls visit(group, contexts) for each coded group of a position; it gives the group's values.
  template <typename Visit>
  static void each_group(const ModelData& data, Workspace& work, const Cursor& at, bool with_quiet, Visit&& visit) {
    int16_t* means = work.means.data();
    const uint16_t around = energy_around(at.activity, data.shape.columns + 2);
    typename Ops::Sum sum{};
    for (const Block& block : data.blocks) {
      Ops::beside(data, block, at.history, at.sums,
                  means);  // only now, so that it goes on beside the last block's groups, which wait for one another
      const GroupFields* const first = data.fields.data() + block.first_group;
      for (const GroupFields* fields = first; fields != first + block.groups; ++fields) {
        if (fields->is_quiet && !with_quiet) continue;
        Contexts contexts;
        Ops::rates(data, *fields, around, sum, contexts);
        alignas(64) Value values[kGroup];  // all are written
        visit(*fields, contexts, values);
        sum += Ops::remember(data, *fields, values, means, at.history);
      }
    }
    *at.activity = activity_of(data, Ops::total(sum));
  }

  template <bool kSteps>
  static void analyse(const ModelData& data, Workspace& work, bool with_quiet) {
    const int16_t* means = work.means.data();
    each_position(data, work, [&](const Cursor& at) {
      each_group(data, work, at, with_quiet, [&](const GroupFields& fields, const Contexts& contexts, Value* values) {
        const int64_t first = at.position * data.padded() + fields.group * kGroup;
        const uint8_t* symbols = work.symbols.data() + first;
        for (int j = 0; j < kGroup; ++j) values[j] = static_cast<Value>(symbols[j] - fields.zeros[j]);
        Ops::intervals(data, fields, contexts, means, values, work.lows.data() + first, work.frequencies.data() + first);
        if constexpr (kSteps) find_nearer(data, fields, contexts, means, values, work.nearer.data() + first);
      });
      return true;
    });
  }
  static void find_nearer(const ModelData& data, const GroupFields& fields, const Contexts& contexts, const int16_t* means, const Value* values,
                          uint16_t* nearer) {
    alignas(64) Value stepped[kGroup];
    alignas(64) uint16_t lows[kGroup];
    for (int j = 0; j < kGroup; ++j) stepped[j] = static_cast<Value>(values[j] - (values[j] > 0) + (values[j] < 0));
    Ops::intervals(data, fields, contexts, means, stepped, lows, nearer);
    for (int j = 0; j < kGroup; ++j)
      if (lows[j] == kEscapeSlot) nearer[j] = 0;
  }

  /// Puts symbol `index` of the image onto a state.
  static void put(const Workspace& work, int64_t index, uint32_t& state, uint8_t*& end) {
    const Interval interval{work.lows[index], work.frequencies[index]};
    if (interval.low == kEscapeSlot) put_escape(state, work.symbols[index], end);
    put_interval(state, interval, end);
  }

  /// Visits (index of the first symbol, channels) of all coded groups, last one first.
  template <typename Visit>
  static void each_group_backwards(const ModelData& data, bool with_quiet, Visit&& visit) {
    for (int64_t position = data.shape.positions() - 1; position >= 0; --position)
      for (int group = data.groups - 1; group >= 0; --group)
        if (!data.quiet[group] || with_quiet) visit(position * data.padded() + group * kGroup, data.channels_of(group));
  }

  /// The last symbols of the image on one state of its own, until its words fill the payload.
  struct Tail {
    uint32_t state;
    uint8_t buffer[2 * kPayloadWords] = {};
    uint8_t* end = buffer + sizeof buffer;
    int symbols = 0;
    bool is_open = true;

    /// False, and nothing changed, when the payload would not hold it.
    bool put(const Workspace& work, int64_t index) {
      if (!is_open) return false;
      uint8_t spill[2 * kPayloadWords + 4];  // a symbol gives two words at most
      uint8_t* const spill_end = spill + sizeof spill;
      uint32_t next = state;
      uint8_t* at = spill_end;
      Passes::put(work, index, next, at);
      const auto size = spill_end - at;
      is_open = symbols < kMostTail && end - size >= buffer + 4;  // the state itself takes two words
      if (!is_open) return false;
      end -= size, state = next, ++symbols;
      std::memcpy(end, at, static_cast<size_t>(size));
      return true;
    }
    /// State, words in the order of reading, zeros.
    void store(uint16_t* payload) const {
      payload[0] = static_cast<uint16_t>(state >> 16), payload[1] = static_cast<uint16_t>(state);
      std::memcpy(payload + 2, end, static_cast<size_t>(buffer + sizeof buffer - end));
    }
  };

  static void encode(const ModelData& data, Workspace& work, Interleaved& out) {
    Tail tail{kLowestState | out.check};
    uint8_t* const stop = work.words.data() + work.words.size();
    uint8_t* end = stop;
    bool has_lanes = false;
    Lanes lanes(out.lanes);
    each_group_backwards(data, out.with_quiet, [&](int64_t first, int count) {
      int j = count - 1;
      while (j >= 0 && tail.put(work, first + j)) --j;
      if (j >= 0 && !has_lanes) {
        has_lanes = true;
        tail.store(out.payload);
        for (int i = 0; i < kLanes; ++i) out.lanes[i] = kLowestState | out.payload[i];
        lanes = Lanes(out.lanes);
      }
      if (j < count - 1) {
        for (; j >= 0; --j) put(work, first + j, out.lanes[j], end);
        lanes = Lanes(out.lanes);
      } else {
        Ops::put_group(&work.lows[first], &work.frequencies[first], &work.symbols[first], lanes, end);
      }
    });
    if (has_lanes) lanes.store(out.lanes);
    else tail.store(out.payload);
    out.tail = tail.symbols, out.first = end, out.last = stop;
  }

  /// The three values nearest to the means of a group, where single states look first.
  struct Likely {
    alignas(64) Value values[kGroup];  // of the middle ones
    alignas(64) uint16_t lows[3][kGroup], frequencies[3][kGroup];
    Likely(const ModelData& data, const GroupFields& fields, const Contexts& contexts, const int16_t* means) {
      for (int i = 0; i < 3; ++i) {
        for (int j = 0; j < kGroup; ++j) values[j] = static_cast<Value>(((means[fields.group * kGroup + j] + kMeanUnit / 2) >> 5) + i - 1);
        Ops::intervals(data, fields, contexts, means, values, lows[i], frequencies[i]);
      }
      for (Value& value : values) --value;
    }
    /// Whether `slot` of channel j, not the escape's, is of one of them.
    bool find(int j, uint32_t slot, Found& found) const {
      const uint32_t low = lows[1][j], high = low + frequencies[1][j];
      const int i = (slot >= low ? 1 : 0) + (slot >= high ? 1 : 0);
      found = {static_cast<int>(values[j]) + i - 1, {lows[i][j], frequencies[i][j]}};
      return slot - found.interval.low < found.interval.frequency;
    }
  };

  /// Takes one symbol from a state; its value, whether or not it is one of the channel's.
  static Value take(const ModelData& data, const Contexts& contexts, const Likely& likely, int channel, int j, int mean, uint32_t& state,
                    const uint8_t*& next) {
    const uint32_t slot = slot_of(state);
    const bool is_escape = slot == kEscapeSlot;
    Found found;
    if (is_escape || !likely.find(j, slot, found)) found = find(data, channel, slot, mean, contexts.rate_of(j));
    take_interval(state, found.interval, next);
    return static_cast<Value>(is_escape ? static_cast<int>(take_escape(state, next)) - data.zeros[channel] : found.value);
  }

  static void take_escapes(const ModelData& data, int channel, uint32_t escapes, uint32_t* states, const uint8_t*& next, Value* values) {
    for (; escapes != 0; escapes &= escapes - 1) {
      const int j = std::countr_zero(escapes);
      values[j] = static_cast<Value>(static_cast<int>(take_escape(states[j], next)) - data.zeros[channel + j]);
    }
  }

  /// Reads the payload once the lanes have given all they hold.
  struct TailReader {
    uint32_t state = 0;
    uint8_t words[2 * kPayloadWords + kSlackBytes] = {};
    const uint8_t* next = words;
    void open(const uint16_t* payload) {
      state = static_cast<uint32_t>(payload[0]) << 16 | payload[1];
      std::memcpy(words, payload + 2, 2 * (kPayloadWords - 2));
    }
    /// Back where an encoder may begin, nothing but zeros left.
    [[nodiscard]] bool is_spent() const {
      bool rest_is_zero = true;
      for (const uint8_t* at = next; at < words + 2 * kPayloadWords; ++at) rest_is_zero = rest_is_zero && *at == 0;
      return state >> 16 == 1 && next <= words + 2 * (kPayloadWords - 2) && rest_is_zero;
    }
  };

  static bool store_payload(Interleaved& in) {
    bool is_good = true;
    for (int i = 0; i < kLanes; ++i) is_good = is_good && in.lanes[i] >> 16 == 1, in.payload[i] = static_cast<uint16_t>(in.lanes[i]);
    return is_good;
  }

  static Damage decode(const ModelData& data, Workspace& work, Interleaved& in) {
    int64_t left = coded_symbols(data, in.with_quiet) - in.tail;  // for the lanes
    if (left < 0) return Damage::kShort;
    Lanes lanes(in.lanes);
    bool are_lanes_full = true;  // while whole groups are taken; then single ones, of in.lanes
    const auto end_groups = [&] {
      if (are_lanes_full) lanes.store(in.lanes);
      are_lanes_full = false;
    };
    const uint8_t* next = in.first;
    TailReader tail;
    const int16_t* means = work.means.data();
    bool in_tail = left == 0;
    if (in_tail) tail.open(in.payload);
    Damage damage = Damage::kNone;
    const auto enter_tail = [&] {
      in_tail = true;
      end_groups();
      if (!store_payload(in)) damage = Damage::kCheck;
      tail.open(in.payload);
    };
    each_position(data, work, [&](const Cursor& at) {
      each_group(data, work, at, in.with_quiet, [&](const GroupFields& fields, const Contexts& contexts, Value* values) {
        const int count = fields.channels, channel = fields.group * kGroup;
        if (left >= count) [[likely]] {
          const uint32_t escapes = Ops::take_group(data, fields, contexts, means, lanes, next, values);
          if (escapes != 0) [[unlikely]]
            lanes.change([&](uint32_t* states) { take_escapes(data, channel, escapes, states, next, values); });
          left -= count;
        } else {
          end_groups();
          const Likely likely(data, fields, contexts, means);
          for (int j = 0; j < count; ++j) {
            if (left == 0 && !in_tail) enter_tail();
            if (in_tail) values[j] = take(data, contexts, likely, channel + j, j, means[channel + j], tail.state, tail.next);
            else values[j] = take(data, contexts, likely, channel + j, j, means[channel + j], in.lanes[j], next), --left;
            if (tail.next > tail.words + 2 * kPayloadWords) tail.next = tail.words, damage = Damage::kCheck;
          }
          for (int j = count; j < kGroup; ++j) values[j] = 0;
        }
        const bool fits = Ops::to_symbols(data, fields, values, work.symbols.data() + at.position * data.padded() + channel);
        if (next > in.last) next = in.last, damage = Damage::kShort;  // the slack behind it was read, no more
        else if (!fits && damage == Damage::kNone) damage = Damage::kSymbol;
      });
      return damage == Damage::kNone;
    });
    if (damage != Damage::kNone) return damage;
    if (!in_tail) enter_tail();
    if (damage != Damage::kNone) return damage;
    if (next != in.last) return Damage::kLong;
    in.check = static_cast<uint16_t>(tail.state);
    return tail.is_spent() ? Damage::kNone : Damage::kCheck;
  }

  /// Means of all channels at the position whose history is at `here`.
  static void means(const ModelData& data, const uint8_t* here, int16_t* mean) {
    Ops::above(data, here, 1, mean);
    for (const Block& block : data.blocks) Ops::beside(data, block, here, mean, mean);
  }

  static constexpr Codec kCodec{Ops::kName, means, Ops::remember, analyse<false>, analyse<true>, encode, decode};
};

}  // namespace
}  // namespace scissionlite::coding
