// The plain arithmetic of context.h: means of 32 channels an instruction, the rest 16 with two values of each.
#pragma once

#include "coding/context_avx2.h"
#include "coding/lanes_avx512vnni.h"

namespace scissionlite::coding {
namespace {  // see context.h

struct Avx512Ops : Avx512Lanes {
  static constexpr const char* kName = "avx512vnni";
  using Sum = __m128i;  // of energies, in two parts
  static uint32_t total(Sum sum) { return static_cast<uint32_t>(_mm_cvtsi128_si32(sum) + _mm_extract_epi32(sum, 2)); }

  static void above(const ModelData& data, const uint8_t* here, int64_t columns, int16_t* sums) {
    const int64_t padded = data.padded();
    for (const Block& block : data.blocks)
      with_groups(block, [&](auto groups) {
        int64_t x = 0;
        for (; x + 4 <= columns; x += 4) above_of<groups(), 4>(data, block, here + x * padded, sums + x * padded);
        const auto rest = [&](auto count) { above_of<groups(), count()>(data, block, here + x * padded, sums + x * padded); };
        if (columns - x == 3) rest(std::integral_constant<int, 3>());
        else if (columns - x == 2) rest(std::integral_constant<int, 2>());
        else if (columns - x == 1) rest(std::integral_constant<int, 1>());
      });
  }
  static void beside(const ModelData& data, const Block& block, const uint8_t* here, const int16_t* sums, int16_t* mean) {
    with_groups(block, [&](auto groups) { beside_of<groups()>(data, block, here, sums, mean); });
  }

  static void rates(const ModelData& data, const GroupFields& fields, uint16_t around, Sum sum, Contexts& out) {
    const WideFields& wide = fields.wide;
    const __m512i from_around = _mm512_mulhi_epu16(load(wide.spread_around), all(uint32_t{around}));
    const __m512i from_before = _mm512_mulhi_epu16(load(wide.spread_before), energy_before_all(fields, sum));
    const __m512i spread = _mm512_adds_epu16(_mm512_adds_epu16(load(wide.spread_base), from_around), from_before);
    const __m512 x = _mm512_cvtepi32_ps(_mm512_max_epu32(spread, all(wide_numbers.one)));
    __m512i log = _mm512_add_epi32(_mm512_srli_epi32(_mm512_castps_si512(x), 15), load(wide.scales));
    log = _mm512_min_epi32(_mm512_max_epi32(log, _mm512_setzero_si512()), all(wide_numbers.curve_end));
    const __m512i rate = curve_at_each(data.fast_rate, twice(log)), piece = _mm512_srli_epi32(log, 7);
    store(out.rate, _mm512_sllv_epi16(_mm512_min_epu16(rate, load(wide.rate_reach)), load(wide.fineness)));
    const auto& line = data.inverse_line;
    const auto entry = [&](const float* table) { return _mm512_permutex2var_ps(_mm512_loadu_ps(table), piece, _mm512_loadu_ps(table + kGroup)); };
    _mm512_store_ps(out.inverse, _mm512_fmadd_ps(entry(line.slope.data()), _mm512_cvtepi32_ps(log), entry(line.start.data())));
  }

  static uint32_t remember(const ModelData& data, const GroupFields& fields, const int16_t* values, const int16_t* mean, uint8_t* history) {
    return Avx2Ops::remember(data, fields, values, mean, history);
  }
  static Sum remember(const ModelData& data, const GroupFields& fields, const int32_t* values, const int16_t* mean, uint8_t* history) {
    const int k = fields.group * kGroup;
    const __m512i value = load(values);
    const __m512i means = _mm512_slli_epi32(_mm512_cvtepi16_epi32(load_words(mean + k)), 3);
    const __m512i error = _mm512_abs_epi32(_mm512_sub_epi32(_mm512_slli_epi32(value, 8), means));  // 8 times; below 2^16 for all symbols
    const __m512i energy = _mm512_min_epu32(_mm512_mulhi_epu16(error, load(fields.wide.inverse)), all(wide_numbers.most_energy));
    const __m512i kept = _mm512_max_epi32(_mm512_min_epi32(value, all(wide_numbers.most_value)), all(wide_numbers.least_value));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(history + k), _mm512_cvtepi32_epi8(_mm512_add_epi32(kept, all(wide_numbers.history_zero))));
    return _mm_sad_epu8(_mm512_cvtepi32_epi8(energy), _mm_setzero_si128());
  }

  static bool to_symbols(const ModelData& data, const GroupFields& fields, const int32_t* values, uint8_t* symbols) {
    const __m512i symbol = _mm512_add_epi32(load(values), load(fields.wide.zeros));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(symbols), _mm512_cvtepi32_epi8(symbol));
    return _mm512_cmpgt_epu32_mask(symbol, load(fields.wide.tops)) == 0;
  }

 private:
  static constexpr int kPair = 2 * kGroup;  // channels of two groups

  /// `energy_before` for each channel.
  static __m512i energy_before_all(const GroupFields& fields, Sum sum) {
    const __m128i parts = _mm_mul_epu32(sum, _mm_set1_epi64x(fields.before_scale));
    const __m128i before = _mm_srli_epi64(_mm_add_epi64(parts, _mm_unpackhi_epi64(parts, parts)), 16);
    return _mm512_broadcastd_epi32(_mm_min_epu32(before, _mm_cvtsi32_si128(65535)));
  }
  /// Which channels of pair `p` there are.
  static constexpr __mmask32 mask_of(int groups, int p) { return 2 * p + 1 < groups ? ~0U : 0xffffU; }
  static __m512i load_some(__mmask32 mask, const void* from) { return _mm512_maskz_loadu_epi16(mask, from); }
  static __m512i widen_some(__mmask32 mask, const uint8_t* bytes) { return _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(mask, bytes)); }
  /// What neighbours `a` and `b` of the channels themselves give.
  static __m512i own(__mmask32 mask, const uint8_t* a, const uint8_t* b, const int8_t* weights) {
    const __m512i in_turn = _mm512_or_si512(widen_some(mask, a), _mm512_slli_epi16(widen_some(mask, b), 8));
    return _mm512_maddubs_epi16(in_turn, load_some(mask, weights));
  }
  static __m512i quad_at(const uint8_t* here, const int32_t* offsets) {
    int32_t lower = 0;
    int16_t upper = 0;
    __builtin_memcpy(&lower, here + offsets[0], 4), __builtin_memcpy(&upper, here + offsets[1], 2);
    return _mm512_mask_set1_epi16(_mm512_set1_epi32(lower), 0xaaaaaaaa, upper);
  }

  /// Sums of a block's quads at several positions; of each pair of groups the even channels and the odd ones.
  template <int kPairs, int kColumns>
  [[gnu::always_inline]] static void sum_up(const Quads& quads, const uint8_t* here, int64_t padded, __m512i (&sums)[kColumns][2 * kPairs]) {
    for (auto& row : sums)
      for (__m512i& sum : row) sum = _mm512_setzero_si512();
    const Quads::Weights* weights = quads.weights.data();
    const int32_t* const end = quads.offsets.data() + quads.offsets.size();
    for (const int32_t* offsets = quads.offsets.data(); offsets != end; offsets += 2, weights += 2 * kPairs) {
#pragma GCC unroll 4
      for (int x = 0; x < kColumns; ++x) {
        const __m512i quad = quad_at(here + x * padded, offsets);
#pragma GCC unroll 4
        for (int i = 0; i < 2 * kPairs; ++i) sums[x][i] = _mm512_dpbusd_epi32(sums[x][i], quad, _mm512_load_si512(weights + i));
      }
    }
  }
  /// Even and odd channels in turn, modulo 2^16.
  static __m512i interleave(__m512i even, __m512i odd) { return _mm512_mask_blend_epi16(0xaaaaaaaa, even, _mm512_slli_epi32(odd, 16)); }

  template <int kGroups, int kColumns>
  static void above_of(const ModelData& data, const Block& block, const uint8_t* here, int16_t* to) {
    constexpr int kPairs = (kGroups + 1) / 2;
    const int64_t padded = data.padded(), stride = data.row_stride();
    __m512i sums[kColumns][2 * kPairs];
    sum_up<kPairs>(block.quads_above, here, padded, sums);
#pragma GCC unroll 4
    for (int x = 0; x < kColumns; ++x)
#pragma GCC unroll 2
      for (int p = 0; p < kPairs; ++p) {
        const int64_t k = block.first_group * kGroup + p * kPair;
        const __mmask32 mask = mask_of(kGroups, p);
        const uint8_t* top = here + x * padded + k - stride;
        const __m512i base = _mm512_add_epi16(load_some(mask, &data.starts[k]), own(mask, top, top + padded, &data.own_above[2 * k]));
        _mm512_mask_storeu_epi16(to + x * padded + k, mask, _mm512_add_epi16(base, interleave(sums[x][2 * p], sums[x][2 * p + 1])));
      }
  }
  template <int kGroups>
  static void beside_of(const ModelData& data, const Block& block, const uint8_t* here, const int16_t* from, int16_t* mean) {
    constexpr int kPairs = (kGroups + 1) / 2;
    const int64_t padded = data.padded(), stride = data.row_stride();
    __m512i sums[1][2 * kPairs];
    sum_up<kPairs>(block.quads_beside, here, padded, sums);
#pragma GCC unroll 2
    for (int p = 0; p < kPairs; ++p) {
      const int64_t k = block.first_group * kGroup + p * kPair;
      const __mmask32 mask = mask_of(kGroups, p);
      const uint8_t* left = here + k - padded;
      const __m512i base = _mm512_add_epi16(load_some(mask, from + k), own(mask, left, left - stride, &data.own_beside[2 * k]));
      const __m512i sum = _mm512_add_epi16(base, interleave(sums[0][2 * p], sums[0][2 * p + 1]));
      const __m512i out = _mm512_adds_epi16(_mm512_mulhrs_epi16(sum, load_some(mask, &data.multipliers[k])), load_some(mask, &data.biases[k]));
      _mm512_mask_storeu_epi16(mean + k, mask,
                               _mm512_min_epi16(_mm512_max_epi16(out, load_some(mask, &data.lows[k])), load_some(mask, &data.highs[k])));
    }
  }
};

}  // namespace
}  // namespace scissionlite::coding
