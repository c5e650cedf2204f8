// The steps of rans.h on eight lanes an instruction; a group is two of them.
#pragma once

#include <immintrin.h>

#include <bit>

#include "coding/context.h"

namespace scissionlite::coding {
namespace {  // see context.h

/// For each set of lanes in need of a word, which word each takes; for words given off, which lane's goes where.
struct Routes {
  alignas(32) uint8_t expand[256][8] = {}, gather_right[256][8] = {};
  constexpr Routes() {
    for (int mask = 0; mask < 256; ++mask) {
      int count = 0;
      for (int i = 0; i < 8; ++i)
        if ((mask >> i & 1) != 0) expand[mask][i] = static_cast<uint8_t>(count++);
      int place = 8 - count;
      for (int i = 0; i < 8; ++i)
        if ((mask >> i & 1) != 0) gather_right[mask][place++] = static_cast<uint8_t>(i);
    }
  }
};
constexpr Routes kRoutes{};

/// Numbers in memory, where an instruction finds them: compilers else rebuild them from immediates in every group.
template <typename Word>
struct alignas(32) Repeated {
  Word words[32 / sizeof(Word)] = {};
  explicit constexpr Repeated(int64_t value) {
    for (Word& word : words) word = static_cast<Word>(value);
  }
};
struct Numbers {
  Repeated<int16_t> one{1}, curve_end{kCurveEnd}, half_unit{kMeanUnit / 2}, whole{2 * kHalf}, slots{2 * kEscapeSlot}, escape{kEscapeSlot},
      all_slots{kSlots};
  Repeated<int16_t> top_bit{0x8000}, middle_bit{0x80}, high_byte{0xff00}, exponent{127 << 8}, middle_slot{kSlots / 2}, far{16000}, most_error{8191},
      most_energy{255};
  Repeated<int16_t> most_value{kMostValue}, least_value{-kMostValue}, history_zero{kHistoryZero};
  Repeated<int32_t> slot_mask{kSlots - 1}, word_mask{0xffff};
};
// Not const and "used", so that no compiler knows the values; constinit, so that no code of this instruction set runs before main.
[[gnu::used]] alignas(32) constinit Numbers numbers;

struct Avx2Lanes {
  using Lanes = LanesInMemory;

  static __m256i load(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
  static void store(void* to, __m256i value) { _mm256_storeu_si256(static_cast<__m256i*>(to), value); }

  static void intervals(const ModelData& data, const GroupFields& fields, const GroupContexts& contexts, const int16_t* means, const int16_t* values,
                        uint16_t* lows, uint16_t* frequencies) {
    const Channels channels = channels_of(data, fields, contexts, means);
    const __m256i value = load(values), low = slots_below_each(data, channels, _mm256_sub_epi16(value, number(numbers.one)));
    finish_intervals(data, fields, low, _mm256_sub_epi16(slots_below_each(data, channels, value), low), lows, frequencies);
  }

  static __m256i number(const auto& repeated) { return _mm256_load_si256(reinterpret_cast<const __m256i*>(repeated.words)); }

  static uint32_t take_group(const ModelData& data, const GroupFields& fields, const GroupContexts& contexts, const int16_t* means, Lanes& lanes,
                             const uint8_t*& next, int16_t* values) {
    const __m256i first = load(lanes.states), second = load(lanes.states + 8);
    const __m256i slots = _mm256_permute4x64_epi64(_mm256_packus_epi32(slots_of(first), slots_of(second)), 0xd8);
    const Channels channels = channels_of(data, fields, contexts, means);
    const __m256i edge = likely_edge(data, contexts, channels.mean, slots), here = slots_below_each(data, channels, edge);
    const __m256i is_below = _mm256_cmpgt_epi16(here, slots);  // -1 or 0
    const __m256i other_edge = _mm256_add_epi16(edge, _mm256_or_si256(_mm256_add_epi16(is_below, is_below), number(numbers.one)));
    const __m256i there = slots_below_each(data, channels, other_edge);
    __m256i low = _mm256_min_epi16(here, there), high = _mm256_max_epi16(here, there), value = _mm256_max_epi16(edge, other_edge);
    __m256i is_outside = _mm256_or_si256(_mm256_cmpgt_epi16(low, slots), _mm256_xor_si256(_mm256_cmpgt_epi16(high, slots), _mm256_set1_epi16(-1)));
    __m256i frequency = _mm256_sub_epi16(high, low);
    uint32_t escapes = 0;
    if (fields.channels < kGroup) [[unlikely]]
      is_outside = skip_padding(data, fields, is_outside, low, frequency, value);
    if (_mm256_testz_si256(is_outside, is_outside) == 0) [[unlikely]]
      escapes = search(data, fields, contexts, means, slots, is_outside, low, frequency, value);
    store(values, value);
    step_back(lanes.states, first, low, frequency, slots, next);
    return escapes;
  }

  static void put_group(const uint16_t* lows, const uint16_t* frequencies, const uint8_t* symbols, Lanes& lanes, uint8_t*& end) {
    const __m256i low = load(lows), frequency = load(frequencies);
    uint32_t escapes = static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi16(low, number(numbers.escape))));
    for (; escapes != 0; escapes &= ~(3U << (std::bit_width(escapes) - 2))) [[unlikely]] {
        const int j = (std::bit_width(escapes) - 1) / 2;
        put_escape(lanes.states[j], symbols[j], end);
      }
    put_half(widen_high(low), widen_high(frequency), lanes.states + 8, end);
    put_half(widen_low(low), widen_low(frequency), lanes.states, end);
  }

 protected:
  static __m256i route(const uint8_t* order) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(order))); }
  static uint32_t mask_of(__m256i lanes) { return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(lanes))); }

  static __m256i widen_low(__m256i words) { return _mm256_cvtepu16_epi32(_mm256_castsi256_si128(words)); }
  static __m256i widen_high(__m256i words) { return _mm256_cvtepu16_epi32(_mm256_extracti128_si256(words, 1)); }
  static __m256i slots_of(__m256i states) { return _mm256_and_si256(states, number(numbers.slot_mask)); }

  /// Points of curves: which piece, in both bytes where shuffles want it, and the rest.
  struct Places {
    __m256i low, high, rest;
  };
  static Places places_of(__m256i x) {  // a byte with its top bit set gives 0
    return {_mm256_or_si256(_mm256_srli_epi16(x, 8), number(numbers.top_bit)),
            _mm256_or_si256(_mm256_and_si256(x, number(numbers.high_byte)), number(numbers.middle_bit)), _mm256_slli_epi16(x, 8)};
  }
  static __m256i twice(const std::array<uint8_t, kCurvePieces>& bytes) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes.data())));
  }
  static __m256i curve_at_each(const FastCurve& curve, const Places& at) {
    const __m256i value = _mm256_or_si256(_mm256_shuffle_epi8(twice(curve.value_low), at.low), _mm256_shuffle_epi8(twice(curve.value_high), at.high));
    const __m256i drop = _mm256_or_si256(_mm256_shuffle_epi8(twice(curve.drop_low), at.low), _mm256_shuffle_epi8(twice(curve.drop_high), at.high));
    return _mm256_sub_epi16(value, _mm256_mulhi_epu16(drop, at.rest));
  }
  static __m256i log_of_each(__m256i x) {
    const __m256i low = _mm256_unpacklo_epi16(x, _mm256_setzero_si256()), high = _mm256_unpackhi_epi16(x, _mm256_setzero_si256());
    const auto bits = [](__m256i half) { return _mm256_srli_epi32(_mm256_castps_si256(_mm256_cvtepi32_ps(half)), 15); };
    return _mm256_sub_epi16(_mm256_packus_epi32(bits(low), bits(high)), number(numbers.exponent));
  }

  /// About 2^20 / rate: CPUs differ in the last bits.
  static __m256i width_of(__m256i rate) {
    const __m256i low = _mm256_unpacklo_epi16(rate, _mm256_setzero_si256()), high = _mm256_unpackhi_epi16(rate, _mm256_setzero_si256());
    const auto inverse = [](__m256i half) {
      return _mm256_cvttps_epi32(_mm256_mul_ps(_mm256_rcp_ps(_mm256_cvtepi32_ps(half)), _mm256_set1_ps(1 << 20)));
    };
    return _mm256_packus_epi32(inverse(low), inverse(high));
  }

  struct Channels {
    __m256i mean, rate, reach, unit;
  };
  static Channels channels_of(const ModelData& data, const GroupFields& fields, const GroupContexts& contexts, const int16_t* means) {
    const int k = fields.group * kGroup;
    return {load(means + k), load(contexts.rate), load(fields.reach), load(fields.reach_unit)};
  }
  static __m256i slots_below_each(const ModelData& data, const Channels& channels, __m256i value) {
    const __m256i edge = _mm256_sub_epi16(_mm256_add_epi16(_mm256_slli_epi16(value, 5), number(numbers.half_unit)), channels.mean);
    const __m256i distance = _mm256_mullo_epi16(_mm256_min_epu16(_mm256_abs_epi16(edge), channels.reach), channels.unit);
    const __m256i place = _mm256_min_epu16(_mm256_mulhi_epu16(distance, channels.rate), number(numbers.curve_end));
    const __m256i outside = curve_at_each(data.fast_shape, places_of(place));
    const __m256i inside = _mm256_sub_epi16(number(numbers.whole), outside);
    const __m256i below = _mm256_blendv_epi8(inside, outside, _mm256_srai_epi16(edge, 15));
    return _mm256_mulhi_epu16(below, number(numbers.slots));
  }
  /// Stores intervals; those of no slot become the escape's.
  static void finish_intervals(const ModelData& data, const GroupFields& fields, __m256i low, __m256i frequency, uint16_t* lows,
                               uint16_t* frequencies) {
    const __m256i is_escape = _mm256_cmpeq_epi16(frequency, _mm256_setzero_si256());
    store(lows, _mm256_blendv_epi8(low, number(numbers.escape), is_escape));
    store(frequencies, _mm256_sub_epi16(frequency, is_escape));
    for (int j = fields.channels; j < kGroup; ++j) lows[j] = 0, frequencies[j] = kSlots;
  }

  /// The value nearest to whose upper edge the slots' place in the distribution is, about.
  static __m256i likely_edge(const ModelData& data, const GroupContexts& contexts, __m256i mean, __m256i slots) {
    const __m256i outside = _mm256_min_epi16(slots, _mm256_sub_epi16(number(numbers.escape), slots)), one = number(numbers.one);
    const __m256i log = log_of_each(_mm256_or_si256(_mm256_add_epi16(outside, outside), one));
    const __m256i place = _mm256_slli_epi16(curve_at_each(data.fast_guess, places_of(log)), 4);
    const __m256i distance = _mm256_min_epu16(_mm256_mulhi_epu16(place, load(contexts.width)), number(numbers.far));
    const __m256i sign = _mm256_sub_epi16(slots, number(numbers.middle_slot));
    return _mm256_srai_epi16(_mm256_add_epi16(mean, _mm256_sign_epi16(distance, _mm256_or_si256(sign, one))), 5);
  }
  /// Gives all slots and value 0 to channels that only fill up the group.
  static __m256i skip_padding(const ModelData& data, const GroupFields& fields, __m256i is_outside, __m256i& low, __m256i& frequency,
                              __m256i& value) {
    const __m256i is_channel = load(fields.is_channel);
    low = _mm256_and_si256(low, is_channel), value = _mm256_and_si256(value, is_channel);
    frequency = _mm256_blendv_epi8(number(numbers.all_slots), frequency, is_channel);
    return _mm256_and_si256(is_outside, is_channel);
  }
  /// Finds what `likely_edge` missed. Returns the escapes.
  static uint32_t search(const ModelData& data, const GroupFields& fields, const GroupContexts& contexts, const int16_t* means, __m256i slots,
                         __m256i is_outside, __m256i& low, __m256i& frequency, __m256i& value) {
    alignas(32) uint16_t slot[kGroup], outside[kGroup], lows[kGroup], frequencies[kGroup];
    alignas(32) int16_t values[kGroup];
    store(slot, slots), store(outside, is_outside), store(lows, low), store(frequencies, frequency), store(values, value);
    uint32_t escapes = 0;
    for (int j = 0; j < kGroup; ++j) {
      if (outside[j] == 0) continue;
      const Found found = find(data, fields.group * kGroup + j, slot[j], means[fields.group * kGroup + j], contexts.rate[j]);
      lows[j] = static_cast<uint16_t>(found.interval.low), frequencies[j] = static_cast<uint16_t>(found.interval.frequency);
      values[j] = static_cast<int16_t>(found.value), escapes |= static_cast<uint32_t>(slot[j] == kEscapeSlot) << j;
    }
    low = load(lows), frequency = load(frequencies), value = load(values);
    return escapes;
  }
  static void step_back(uint32_t* lanes, __m256i first, __m256i low, __m256i frequency, __m256i slots, const uint8_t*& next) {
    const __m256i second = load(lanes + 8), above = _mm256_sub_epi16(slots, low);
    const auto stepped = [](__m256i state, __m256i f, __m256i rest) {
      return _mm256_add_epi32(_mm256_mullo_epi32(_mm256_srli_epi32(state, kProbabilityBits), f), rest);
    };
    store(lanes, refill_half(stepped(first, widen_low(frequency), widen_low(above)), next));
    store(lanes + 8, refill_half(stepped(second, widen_high(frequency), widen_high(above)), next));
  }

  static __m256i refill_half(__m256i state, const uint8_t*& next) {
    const __m256i is_low = _mm256_cmpeq_epi32(_mm256_srli_epi32(state, 16), _mm256_setzero_si256());
    const uint32_t mask = mask_of(is_low);
    const __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(next)));
    const __m256i filled = _mm256_or_si256(_mm256_slli_epi32(state, 16), _mm256_permutevar8x32_epi32(words, route(kRoutes.expand[mask])));
    next += 2 * std::popcount(mask);
    return _mm256_blendv_epi8(state, filled, is_low);
  }

  /// floor(a / b) of four u32 each, a / b < 2^31: exact, since a double holds quotients of such numbers to far below 1 / b.
  static __m128i divide(__m128i a, __m128i b) {
    const __m256d magic = _mm256_set1_pd(0x1p52);
    const __m256d top = _mm256_sub_pd(_mm256_castsi256_pd(_mm256_or_si256(_mm256_cvtepu32_epi64(a), _mm256_castpd_si256(magic))), magic);
    return _mm256_cvttpd_epi32(_mm256_div_pd(top, _mm256_cvtepi32_pd(b)));
  }
  static void put_half(__m256i low, __m256i f, uint32_t* lanes, uint8_t*& end) {
    __m256i state = load(lanes);
    // state >= f << 19, compared after a shift that loses nothing of the bound
    const __m256i is_full = _mm256_cmpgt_epi32(_mm256_srli_epi32(state, 32 - kProbabilityBits), _mm256_sub_epi32(f, _mm256_set1_epi32(1)));
    const uint32_t mask = mask_of(is_full);
    const __m256i words = _mm256_permutevar8x32_epi32(_mm256_and_si256(state, number(numbers.word_mask)), route(kRoutes.gather_right[mask]));
    const __m128i packed = _mm_packus_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(end - 16), packed);
    end -= 2 * std::popcount(mask);
    state = _mm256_blendv_epi8(state, _mm256_srli_epi32(state, 16), is_full);
    const __m128i lower = divide(_mm256_castsi256_si128(state), _mm256_castsi256_si128(f));
    const __m128i upper = divide(_mm256_extracti128_si256(state, 1), _mm256_extracti128_si256(f, 1));
    const __m256i quotient = _mm256_set_m128i(upper, lower);
    const __m256i rest = _mm256_sub_epi32(state, _mm256_mullo_epi32(quotient, f));
    store(lanes, _mm256_add_epi32(_mm256_add_epi32(_mm256_slli_epi32(quotient, kProbabilityBits), rest), low));
  }
};

}  // namespace
}  // namespace scissionlite::coding
