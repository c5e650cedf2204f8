// The steps of rans.h on sixteen lanes an instruction. A channel is 32 bits of a register, whose two halves try two values at once.
#pragma once

#include <immintrin.h>

#include <bit>

#include "coding/context.h"
#include "coding/context_avx2.h"

namespace scissionlite::coding {
namespace {  // see context.h

/// What the coder needs to know about the 16 channels of a group, beside their means.
struct WideContexts {
  alignas(64) uint32_t rate[kGroup];  // in both halves
  alignas(64) float inverse[kGroup];  // about 1 / rate: where to look first
  [[nodiscard]] uint32_t rate_of(int j) const { return rate[j] & 0xffff; }
};

/// Numbers in memory for the same reason as those of lanes_avx2.h; one load repeats 32 bits in a register.
struct WideNumbers {
  static constexpr uint32_t both(int word) { return (static_cast<uint32_t>(word) & 0xffff) * 0x10001; }
  static constexpr uint32_t halves(int lower, int upper) { return (static_cast<uint32_t>(lower) & 0xffff) | static_cast<uint32_t>(upper) << 16; }
  uint32_t one = 1, minus_ones = both(-1), whole_symbols = both(-kMeanUnit), low_half = 0xffff, low_bits = 0x7fff, all_bits = ~0U, far = 0x8000,
           sign = 1U << 31, escape = kEscapeSlot, all_slots = kSlots, slot_mask = kSlots - 1, middle_slot = kSlots / 2, lowest_state = kLowestState;
  uint32_t curve_end = kCurveEnd, most_energy = 255, most_value = kMostValue, least_value = static_cast<uint32_t>(-kMostValue),
           history_zero = kHistoryZero;
  uint32_t curve_ends = both(kCurveEnd), half_units = both(kMeanUnit / 2), whole = both(2 * kHalf), slots = both(2 * kEscapeSlot);
  uint32_t inner = halves(-kMeanUnit, 0), outer = halves(-2 * kMeanUnit, kMeanUnit);
  float unit = 1, mean_unit = 1.0F / kMeanUnit, round_up = 3 * 0x1p17F + 0.5F, just_below = 1 - 0x1p-22F;
};
[[gnu::used]] constinit WideNumbers wide_numbers;

/// States of the lanes in a register.
struct LanesInRegister {
  __m512i states;
  explicit LanesInRegister(const uint32_t* from) : states(_mm512_loadu_si512(from)) {}
  void store(uint32_t* to) const { _mm512_storeu_si512(to, states); }
  void change(auto&& call) {
    alignas(64) uint32_t each[kLanes];
    store(each), call(each), states = _mm512_load_si512(each);
  }
};

struct Avx512Lanes {
  using Contexts = WideContexts;
  using Lanes = LanesInRegister;
  using Value = int32_t;

  static void intervals(const ModelData& data, const GroupFields& fields, const Contexts& contexts, const int16_t* means, const int32_t* values,
                        uint16_t* lows, uint16_t* frequencies) {
    const Channels channels = channels_of(fields, contexts, means);
    const __m512i lower_upper = slots_below_each(data, channels, edges_of(_mm512_slli_epi16(twice(load(values)), 5), channels, wide_numbers.inner));
    const __m512i low = _mm512_and_si512(lower_upper, all(wide_numbers.low_half)),
                  frequency = _mm512_sub_epi32(_mm512_srli_epi32(lower_upper, 16), low);
    const __mmask16 is_escape = _mm512_testn_epi32_mask(frequency, frequency), is_channel = channel_mask(fields);
    const __m512i stored_low = _mm512_maskz_mov_epi32(is_channel, _mm512_mask_mov_epi32(low, is_escape, all(wide_numbers.escape)));
    const __m512i stored =
        _mm512_mask_mov_epi32(all(wide_numbers.all_slots), is_channel, _mm512_mask_mov_epi32(frequency, is_escape, all(wide_numbers.one)));
    store_words(lows, stored_low), store_words(frequencies, stored);
  }

  static uint32_t take_group(const ModelData& data, const GroupFields& fields, const Contexts& contexts, const int16_t* means, Lanes& lanes,
                             const uint8_t*& next, int32_t* values) {
    const __m512i state = lanes.states, slot = _mm512_and_si512(state, all(wide_numbers.slot_mask)), slots = twice(slot);
    const Channels channels = channels_of(fields, contexts, means);
    const __m512i likely = likely_value(data, contexts, means + fields.group * kGroup, slot);
    const __m512i inner = slots_below_each(data, channels, edges_of(likely, channels, wide_numbers.inner));
    const __m512i outer = slots_below_each(data, channels, edges_of(likely, channels, wide_numbers.outer));
    // slots from the interval's low edge to the slot, and from there to its high edge less one; edges on the other side wrap to large numbers
    __m512i above = nearest(_mm512_sub_epi16(slots, inner), _mm512_sub_epi16(slots, outer));
    const __m512i not_slots = _mm512_xor_si512(slots, all(wide_numbers.all_bits));
    const __m512i rest = nearest(_mm512_add_epi16(inner, not_slots), _mm512_add_epi16(outer, not_slots));
    __m512i frequency = _mm512_add_epi32(_mm512_add_epi32(above, rest), all(wide_numbers.one));
    const __m512i is_beyond = _mm512_srli_epi16(_mm512_sub_epi16(slots, inner), 15);  // of the two inner edges
    // the value tried first, one more, and one less for each edge beyond the slot
    const __m512i most = _mm512_add_epi32(_mm512_srai_epi32(likely, 5 + 16), all(wide_numbers.one));
    __m512i found = _mm512_dpwssd_epi32(most, is_beyond, all(wide_numbers.minus_ones));
    __mmask16 is_outside = _mm512_test_epi32_mask(_mm512_or_si512(above, rest), all(wide_numbers.far));
    if (fields.channels < kGroup) [[unlikely]] {
      const __mmask16 is_channel = channel_mask(fields);
      is_outside = _kand_mask16(is_outside, is_channel);
      above = _mm512_mask_mov_epi32(slot, is_channel, above), found = _mm512_maskz_mov_epi32(is_channel, found);
      frequency = _mm512_mask_mov_epi32(all(wide_numbers.all_slots), is_channel, frequency);
    }
    uint32_t escapes = 0;
    if (is_outside != 0) [[unlikely]]
      escapes = search(data, fields, contexts, means, slot, is_outside, above, frequency, found);
    store(values, found);
    // (state >> 13) * frequency + above, from 15 bits and 4, since products of words take half as long
    const __m512i low_part = _mm512_and_si512(_mm512_srli_epi32(state, kProbabilityBits), all(wide_numbers.low_bits)),
                  high_part = _mm512_srli_epi32(state, kProbabilityBits + 15);
    const __m512i stepped =
        _mm512_add_epi32(_mm512_dpwssd_epi32(above, low_part, frequency), _mm512_slli_epi32(_mm512_madd_epi16(high_part, frequency), 15));
    lanes.states = refill(stepped, next);
    return escapes;
  }

  static void put_group(const uint16_t* lows, const uint16_t* frequencies, const uint8_t* symbols, Lanes& lanes, uint8_t*& end) {
    const __m512i low = widen(lows), f = widen(frequencies);
    const uint32_t escapes = _mm512_cmpeq_epi32_mask(low, all(wide_numbers.escape));
    if (escapes != 0) [[unlikely]]
      lanes.change([&](uint32_t* states) { put_escapes(escapes, symbols, states, end); });
    __m512i state = lanes.states;
    const __mmask16 is_full = _mm512_cmpge_epu32_mask(_mm512_srli_epi32(state, 32 - kProbabilityBits), f);
    const int count = std::popcount(static_cast<uint32_t>(is_full));
    end -= 2 * count;
    _mm256_mask_storeu_epi16(end, static_cast<__mmask16>((1U << count) - 1), _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(is_full, state)));
    state = _mm512_mask_srli_epi32(state, is_full, state, 16);
    // The quotient is below 2^19 and a float's error then below 1: rounded down it is right or one too small.
    const __m512 inverse = _mm512_mul_ps(_mm512_div_ps(all(wide_numbers.unit), _mm512_cvtepi32_ps(f)), all(wide_numbers.just_below));
    const __m512i quotient = _mm512_cvttps_epi32(_mm512_mul_ps(_mm512_cvtepu32_ps(state), inverse));
    const __m512i rest = _mm512_sub_epi32(state, _mm512_mullo_epi32(quotient, f));
    const __mmask16 is_small = _mm512_cmpge_epu32_mask(rest, f);
    const __m512i next = _mm512_add_epi32(_mm512_add_epi32(_mm512_slli_epi32(quotient, kProbabilityBits), low), rest);
    lanes.states = _mm512_mask_add_epi32(next, is_small, next, _mm512_sub_epi32(all(wide_numbers.all_slots), f));
  }

 protected:
  static __m512i load(const void* from) { return _mm512_loadu_si512(from); }
  static void store(void* to, __m512i value) { _mm512_storeu_si512(to, value); }
  static __m512i all(uint32_t number) { return _mm512_set1_epi32(static_cast<int>(number)); }
  static __m512 all(float number) { return _mm512_set1_ps(number); }
  static __m256i load_words(const void* from) { return _mm256_loadu_si256(static_cast<const __m256i*>(from)); }
  static __m512i widen(const void* from) { return _mm512_cvtepu16_epi32(load_words(from)); }
  static void store_words(void* to, __m512i lanes) { _mm256_storeu_si256(static_cast<__m256i*>(to), _mm512_cvtepi32_epi16(lanes)); }
  /// The lower half of each 32 bits, in both.
  static __m512i twice(__m512i lanes) {
    return _mm512_shuffle_epi8(lanes, _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13)));
  }
  static __mmask16 channel_mask(const GroupFields& fields) { return static_cast<__mmask16>((1U << fields.channels) - 1); }

  static __m512i curve_at_each(const FastCurve& curve, __m512i x) {
    const __m512i piece = _mm512_srli_epi16(x, 8), value = _mm512_castsi256_si512(load_words(curve.value.data())),
                  drop = _mm512_castsi256_si512(load_words(curve.drop.data()));
    return _mm512_sub_epi16(_mm512_permutexvar_epi16(piece, value),
                            _mm512_mulhi_epu16(_mm512_permutexvar_epi16(piece, drop), _mm512_slli_epi16(x, 8)));
  }

  struct Channels {
    __m512i to_edge, rate, reach, coarseness;  // to_edge: half a symbol less the mean
  };
  static Channels channels_of(const GroupFields& fields, const Contexts& contexts, const int16_t* means) {
    return {_mm512_sub_epi16(all(wide_numbers.half_units), twice(widen(means + fields.group * kGroup))), load(contexts.rate), load(fields.wide.reach),
            load(fields.wide.coarseness)};
  }
  /// Distances of upper edges from the mean; values and the steps added to them are in mean units.
  static __m512i edges_of(__m512i values, const Channels& channels, uint32_t steps) {
    return _mm512_add_epi16(values, _mm512_add_epi16(channels.to_edge, all(steps)));
  }
  static __m512i slots_below_each(const ModelData& data, const Channels& channels, __m512i edge) {
    const __m512i distance = _mm512_sllv_epi16(_mm512_min_epu16(_mm512_abs_epi16(edge), channels.reach), channels.coarseness);
    const __m512i outside =
        curve_at_each(data.fast_shape, _mm512_min_epu16(_mm512_mulhi_epu16(distance, channels.rate), all(wide_numbers.curve_ends)));
    const __mmask32 is_inside = _mm512_cmpge_epi16_mask(edge, _mm512_setzero_si512());
    return _mm512_mulhi_epu16(_mm512_mask_sub_epi16(outside, is_inside, all(wide_numbers.whole), outside), all(wide_numbers.slots));
  }
  /// The value around whose middle the slots' place in the distribution is, about; in mean units, in both halves.
  static __m512i likely_value(const ModelData& data, const Contexts& contexts, const int16_t* means, __m512i slot) {
    const __m512i outside = _mm512_min_epu32(slot, _mm512_sub_epi32(all(wide_numbers.escape), slot));
    const __m512 x = _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_add_epi32(outside, outside), all(wide_numbers.one)));
    const __m512i exponent = _mm512_srli_epi32(_mm512_castps_si512(x), 23);
    const __m512 start = _mm512_permutexvar_ps(exponent, _mm512_loadu_ps(data.guess_line.start.data())),
                 slope = _mm512_permutexvar_ps(exponent, _mm512_loadu_ps(data.guess_line.slope.data()));
    const __m512 place = _mm512_fmadd_ps(slope, x, start);
    // At this size a float's last bits count mean units.
    const __m512 mean =
        _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(load_words(means))), all(wide_numbers.mean_unit), all(wide_numbers.round_up));
    // the sign of slot - middle
    const __m512i signed_place =
        _mm512_ternarylogic_epi32(_mm512_castps_si512(place), _mm512_sub_epi32(slot, all(wide_numbers.middle_slot)), all(wide_numbers.sign), 0x78);
    const __m512 likely = _mm512_fmadd_ps(_mm512_castsi512_ps(signed_place), _mm512_load_ps(contexts.inverse), mean);
    return _mm512_and_si512(twice(_mm512_castps_si512(likely)), all(wide_numbers.whole_symbols));
  }
  /// The least of four distances, two in each register.
  static __m512i nearest(__m512i inner, __m512i outer) {
    const __m512i least = _mm512_min_epu16(inner, outer);
    return _mm512_min_epu16(least, _mm512_srli_epi32(least, 16));
  }

  static void put_escapes(uint32_t escapes, const uint8_t* symbols, uint32_t* states, uint8_t*& end) {
    while (escapes != 0) {
      const int j = std::bit_width(escapes) - 1;
      put_escape(states[j], symbols[j], end);
      escapes ^= 1U << j;
    }
  }
  /// Finds what `likely_value` missed. Returns the escapes.
  static uint32_t search(const ModelData& data, const GroupFields& fields, const Contexts& contexts, const int16_t* means, __m512i slots,
                         uint32_t outside, __m512i& above, __m512i& frequency, __m512i& value) {
    alignas(64) uint32_t slot[kGroup], from_low[kGroup], frequencies[kGroup];
    alignas(64) int32_t values[kGroup];
    store(slot, slots), store(from_low, above), store(frequencies, frequency), store(values, value);
    uint32_t escapes = 0;
    for (; outside != 0; outside &= outside - 1) {
      const int j = std::countr_zero(outside);
      const Found found = find(data, fields.group * kGroup + j, slot[j], means[fields.group * kGroup + j], contexts.rate_of(j));
      from_low[j] = slot[j] - found.interval.low, frequencies[j] = found.interval.frequency;
      values[j] = found.value, escapes |= static_cast<uint32_t>(slot[j] == kEscapeSlot) << j;
    }
    above = load(from_low), frequency = load(frequencies), value = load(values);
    return escapes;
  }

  static __m512i refill(__m512i state, const uint8_t*& next) {
    const __mmask16 is_low = _mm512_cmplt_epu32_mask(state, all(wide_numbers.lowest_state));
    const __m512i filled = _mm512_or_si512(_mm512_slli_epi32(state, 16), _mm512_maskz_expand_epi32(is_low, widen(next)));
    next += 2 * std::popcount(static_cast<uint32_t>(is_low));
    return _mm512_mask_mov_epi32(state, is_low, filled);
  }
};

}  // namespace
}  // namespace scissionlite::coding
