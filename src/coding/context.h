// The arithmetic of one position, in whole numbers, so that every instruction set finds the same intervals.
//
// At position p, with history h (symbols less their zero symbol, clamped, plus 64) and errors' energy e of what is coded:
//   mean[k]   = round(sum over terms and the channel's own neighbours of h * w, scaled) + bias[k]   in 1/32 symbol, clamped to the channel
//   spread[k] = base[k] + around[k] * T(p) + before[k] * P(p, group of k)                           in 1/4096 of the channel's scale
//   T = 8 * (2 left + 2 top + top right + top left) of the positions' mean energies, P = mean energy of earlier groups
//   rate[k]   = rates(log2(spread * scale))                                                         what divides distances from the mean
//   slots below value v's upper edge = shape((32 v + 16 - mean) * rate), of 2^13
// `rates` and `shape` are curves of 16 straight pieces. This file is the plain form; context_<isa>.h gives the same numbers.
// 16-bit sums wrap, products are as the instructions pmaddubsw, pmulhrsw, pmulhuw and pmullw give them.
#pragma once

#include <bit>
#include <cstdlib>

#include "coding/codec.h"
#include "coding/rans.h"

namespace scissionlite::coding {
namespace {  // each instruction set compiles its own: a linker that kept one of several would mix them

/// What the coder needs to know about the 16 channels of a group, beside their means.
struct GroupContexts {
  alignas(32) uint16_t rate[kGroup];
  alignas(32) uint16_t width[kGroup];  // about 2^20 / rate: where to look first; not filled in by the plain form
  [[nodiscard]] uint32_t rate_of(int j) const { return rate[j]; }
};

/// T of a position from the activities of the four neighbours; `stride` positions are in a row.
inline uint16_t energy_around(const uint16_t* activity, int64_t stride) {
  const uint32_t sum = 2U * activity[-1] + 2U * activity[-stride] + activity[1 - stride] + activity[-1 - stride];
  return static_cast<uint16_t>(std::min(8 * sum, 65535U));
}
/// P of a group.
inline uint16_t energy_before(const GroupFields& fields, uint32_t sum) {
  return static_cast<uint16_t>(std::min<uint64_t>((uint64_t{sum} * fields.before_scale) >> 16, 65535));
}
/// What a finished position leaves for later ones: 256 = ordinary.
inline uint16_t activity_of(const ModelData& data, uint32_t sum) {
  return static_cast<uint16_t>(std::min<uint64_t>(16 * uint64_t{sum} / static_cast<uint64_t>(data.shape.channels), 4080));
}

/// x / 256 pieces into a falling curve.
inline uint16_t curve_at(const Curve& curve, int x) {
  const uint32_t piece = static_cast<uint32_t>(x) >> 8, rest = static_cast<uint32_t>(x & 255) << 8;
  const uint32_t drop = static_cast<uint32_t>(curve[piece] - curve[piece + 1]);
  return static_cast<uint16_t>(curve[piece] - (drop * rest >> 16));
}
/// 256 * log2(x), straight within each octave: exponent and eight bits of the fraction of a float. @pre 1 <= x <= 65535
inline int log_of(uint32_t x) { return static_cast<int>(std::bit_cast<uint32_t>(static_cast<float>(x)) >> 15) - (127 << 8); }

/// Slots below the upper edge of `value` in channel k.
inline uint32_t slots_below(const ModelData& data, int k, int value, int mean, uint32_t rate) {
  const int edge = kMeanUnit * value + kMeanUnit / 2 - mean;
  const uint32_t distance = std::min<uint32_t>(static_cast<uint32_t>(std::abs(edge)), data.reach[k]) * data.reach_unit[k];
  const uint32_t outside = curve_at(data.shape_curve, std::min<int>(static_cast<int>(distance * rate >> 16), kCurveEnd));
  return ((edge < 0 ? outside : 2 * kHalf - outside) * (2 * kEscapeSlot)) >> 16;
}
/// The escape's where the model leaves no slot.
inline Interval interval_of(const ModelData& data, int k, int value, int mean, uint32_t rate) {
  const uint32_t low = slots_below(data, k, value - 1, mean, rate), high = slots_below(data, k, value, mean, rate);
  return low == high ? Interval{} : Interval{low, high - low};
}

struct Found {
  int value = kNoValue;
  Interval interval;
};
/// The value whose interval `slot` is in; kNoValue for the escape and for slots that the encoder leaves alone.
inline Found find(const ModelData& data, int k, uint32_t slot, int mean, uint32_t rate) {
  int value = (mean + kMeanUnit / 2) >> 5;
  uint32_t low = slots_below(data, k, value - 1, mean, rate), high = slots_below(data, k, value, mean, rate);
  if (slot == kEscapeSlot) return {};
  for (; slot < low && value > -kNoValue; --value) high = low, low = slots_below(data, k, value - 2, mean, rate);
  for (; slot >= high && value < kNoValue; ++value) low = high, high = slots_below(data, k, value + 1, mean, rate);
  if (slot < low || slot >= high) return {kNoValue, {slot, 1}};
  return {value, {low, high - low}};
}

/// States of the lanes where one by one can be changed.
struct LanesInMemory {
  alignas(32) uint32_t states[kLanes];
  explicit LanesInMemory(const uint32_t* from) { std::memcpy(states, from, sizeof states); }
  void store(uint32_t* to) const { std::memcpy(to, states, sizeof states); }
  void change(auto&& call) { call(states); }
};

/// Calls with the number of a block's groups, known to the compiler.
inline void with_groups(const Block& block, auto&& call) {
  switch (block.groups) {
    case 1: return call(std::integral_constant<int, 1>());
    case 2: return call(std::integral_constant<int, 2>());
    case 3: return call(std::integral_constant<int, 3>());
    default: call(std::integral_constant<int, kBlock / kGroup>());
  }
}

struct PlainOps {
  static constexpr const char* kName = "scalar";
  using Contexts = GroupContexts;
  using Lanes = LanesInMemory;
  using Value = int16_t;
  using Sum = uint32_t;  // of energies
  static uint32_t total(Sum sum) { return sum; }

  static int16_t clamp16(int value) { return static_cast<int16_t>(std::clamp(value, -32768, 32767)); }

  /// What the row above gives to the sums behind the means of positions in a row, whose history begins at `here`.
  static void above(const ModelData& data, const uint8_t* here, int64_t columns, int16_t* sums) {
    const int64_t padded = data.padded(), stride = data.row_stride();
    for (int64_t x = 0; x < columns; ++x, here += padded, sums += padded) {
      for (int64_t k = 0; k < padded; ++k)
        sums[k] =
            static_cast<int16_t>(data.starts[k] + here[k - stride] * data.own_above[2 * k] + here[k - stride + padded] * data.own_above[2 * k + 1]);
      for (const Block& block : data.blocks) add_terms(block, block.beside, block.terms.size(), here, sums);
    }
  }
  /// Means of a position's block from those sums.
  static void beside(const ModelData& data, const Block& block, const uint8_t* here, const int16_t* sums, int16_t* mean) {
    const int64_t padded = data.padded(), stride = data.row_stride(), first = block.first_group * kGroup, end = first + block.groups * kGroup;
    for (int64_t k = first; k < end; ++k)
      mean[k] = static_cast<int16_t>(sums[k] + here[k - padded] * data.own_beside[2 * k] + here[k - stride - padded] * data.own_beside[2 * k + 1]);
    add_terms(block, 0, block.beside, here, mean);
    for (int64_t k = first; k < end; ++k) mean[k] = finish_mean(data, static_cast<int>(k), mean[k]);
  }

  static void rates(const ModelData& data, const GroupFields& fields, uint16_t around, uint32_t sum, GroupContexts& out) {
    const uint16_t before = energy_before(fields, sum);
    for (int j = 0; j < kGroup; ++j) {
      const int k = fields.group * kGroup + j;
      const uint32_t spread =
          data.spread_base[k] + ((uint32_t{data.spread_around[k]} * around) >> 16) + ((uint32_t{data.spread_before[k]} * before) >> 16);
      const int log = std::clamp(log_of(std::clamp(spread, 1U, 65535U)) + data.scales[k], 0, kCurveEnd);
      out.rate[j] = static_cast<uint16_t>(std::min(curve_at(data.rate_curve, log), data.rate_reach[k]) * data.rate_unit[k]);
    }
  }

  /// Intervals of a group's values; channels that only fill up the group get all slots, which codes nothing.
  static void intervals(const ModelData& data, const GroupFields& fields, const GroupContexts& contexts, const int16_t* mean, const int16_t* values,
                        uint16_t* lows, uint16_t* frequencies) {
    for (int j = 0; j < kGroup; ++j) {
      const int k = fields.group * kGroup + j;
      const Interval interval = j < fields.channels ? interval_of(data, k, values[j], mean[k], contexts.rate[j]) : Interval{0, kSlots};
      lows[j] = static_cast<uint16_t>(interval.low), frequencies[j] = static_cast<uint16_t>(interval.frequency);
    }
  }

  /// Stores values (symbols less zero) for later neighbours and returns the energy of their errors.
  static uint32_t remember(const ModelData& data, const GroupFields& fields, const int16_t* values, const int16_t* mean, uint8_t* history) {
    uint32_t sum = 0;
    for (int j = 0; j < kGroup; ++j) {
      const int k = fields.group * kGroup + j, error = std::min(std::abs(values[j] * kMeanUnit - mean[k]), 8191);
      sum += std::min<uint32_t>((static_cast<uint32_t>(8 * error) * data.inverse[k]) >> 16, 255);
      history[k] = static_cast<uint8_t>(std::clamp<int>(values[j], -kMostValue, kMostValue) + kHistoryZero);
    }
    return sum;
  }

  /// Puts a group onto the lanes: escapes behind the intervals, all in order of channels.
  static void put_group(const uint16_t* lows, const uint16_t* frequencies, const uint8_t* symbols, Lanes& lanes, uint8_t*& end) {
    for (int j = kGroup - 1; j >= 0; --j)
      if (lows[j] == kEscapeSlot) put_escape(lanes.states[j], symbols[j], end);
    for (int j = kGroup - 1; j >= 0; --j) put_interval(lanes.states[j], {lows[j], frequencies[j]}, end);
  }

  /// The inverse but for escapes: gives values, and a bit for each channel whose escape is still to be taken.
  static uint32_t take_group(const ModelData& data, const GroupFields& fields, const GroupContexts& contexts, const int16_t* mean, Lanes& lanes,
                             const uint8_t*& next, int16_t* values) {
    uint32_t escapes = 0;
    for (int j = 0; j < kGroup; ++j) {
      values[j] = 0;
      if (j >= fields.channels) continue;
      const Found found = find(data, fields.group * kGroup + j, slot_of(lanes.states[j]), mean[fields.group * kGroup + j], contexts.rate[j]);
      escapes |= static_cast<uint32_t>(slot_of(lanes.states[j]) == kEscapeSlot) << j;
      take_interval(lanes.states[j], found.interval, next);
      values[j] = static_cast<int16_t>(found.value);
    }
    return escapes;
  }

  /// Symbols from values; whether all are within their channels' levels.
  static bool to_symbols(const ModelData& data, const GroupFields& fields, const int16_t* values, uint8_t* symbols) {
    int wrong = 0;
    for (int j = 0; j < kGroup; ++j) {
      const int k = fields.group * kGroup + j, symbol = values[j] + data.zeros[k];
      wrong |= static_cast<uint32_t>(symbol) > data.tops[k];
      symbols[j] = static_cast<uint8_t>(symbol);
    }
    return wrong == 0;
  }

 private:
  static void add_terms(const Block& block, size_t first, size_t last, const uint8_t* here, int16_t* sums) {
    const int channels = block.groups * kGroup;
    sums += block.first_group * kGroup;
    for (size_t t = first; t < last; ++t) {
      const int a = here[block.offsets[t]], b = here[block.offsets[t] + 1];
      const int8_t* weights = block.weights.data() + t * 2 * channels;
      for (int k = 0; k < channels; ++k) sums[k] = static_cast<int16_t>(sums[k] + a * weights[2 * k] + b * weights[2 * k + 1]);
    }
  }
  static int16_t finish_mean(const ModelData& data, int k, int16_t sum) {
    const int scaled = (int{sum} * data.multipliers[k] + 0x4000) >> 15;
    return std::clamp(clamp16(static_cast<int16_t>(scaled) + data.biases[k]), data.lows[k], data.highs[k]);
  }
};

}  // namespace
}  // namespace scissionlite::coding
