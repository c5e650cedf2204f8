// The plain arithmetic of context.h, 16 channels an instruction.
#pragma once

#include "coding/context.h"
#include "coding/lanes_avx2.h"

namespace scissionlite::coding {
namespace {  // see context.h

struct Avx2Ops : Avx2Lanes {
  static constexpr const char* kName = "avx2";
  using Contexts = GroupContexts;
  using Value = int16_t;
  using Sum = uint32_t;  // of energies
  static uint32_t total(Sum sum) { return sum; }

  static void above(const ModelData& data, const uint8_t* here, int64_t columns, int16_t* sums) {
    const int64_t padded = data.padded();
    for (const Block& block : data.blocks) {
      int64_t x = 0;  // two positions at once, so that weights are loaded half as often
      for (; x + 2 <= columns; x += 2)
        with_groups(block, [&](auto groups) { above_of<groups(), 2>(data, block, here + x * padded, sums + x * padded); });
      if (x < columns) with_groups(block, [&](auto groups) { above_of<groups(), 1>(data, block, here + x * padded, sums + x * padded); });
    }
  }
  static void beside(const ModelData& data, const Block& block, const uint8_t* here, const int16_t* sums, int16_t* mean) {
    with_groups(block, [&](auto groups) { beside_of<groups()>(data, block, here, sums, mean); });
  }

  static void rates(const ModelData& data, const GroupFields& fields, uint16_t around, uint32_t sum, GroupContexts& out) {
    const uint16_t before = energy_before(fields, sum);
    const __m256i from_around = _mm256_mulhi_epu16(load(fields.spread_around), _mm256_set1_epi16(static_cast<int16_t>(around)));
    const __m256i from_before = _mm256_mulhi_epu16(load(fields.spread_before), _mm256_set1_epi16(static_cast<int16_t>(before)));
    __m256i spread = _mm256_adds_epu16(_mm256_adds_epu16(load(fields.spread_base), from_around), from_before);
    spread = _mm256_max_epu16(spread, number(numbers.one));
    __m256i log = _mm256_add_epi16(log_of_each(spread), load(fields.scales));
    log = _mm256_min_epi16(_mm256_max_epi16(log, _mm256_setzero_si256()), number(numbers.curve_end));
    const __m256i rate = curve_at_each(data.fast_rate, places_of(log));
    store(out.rate, _mm256_mullo_epi16(_mm256_min_epu16(rate, load(fields.rate_reach)), load(fields.rate_unit)));
    store(out.width, width_of(rate));
  }

  static uint32_t remember(const ModelData& data, const GroupFields& fields, const int16_t* values, const int16_t* mean, uint8_t* history) {
    const int k = fields.group * kGroup;
    const __m256i value = load(values);
    __m256i error = _mm256_abs_epi16(_mm256_sub_epi16(_mm256_slli_epi16(value, 5), load(mean + k)));
    error = _mm256_slli_epi16(_mm256_min_epi16(error, number(numbers.most_error)), 3);
    const __m256i energy = _mm256_min_epu16(_mm256_mulhi_epu16(error, load(fields.inverse)), number(numbers.most_energy));
    const __m256i most = number(numbers.most_value);
    __m256i kept = _mm256_max_epi16(_mm256_min_epi16(value, most), number(numbers.least_value));
    kept = _mm256_add_epi16(kept, number(numbers.history_zero));
    const __m256i bytes = _mm256_permute4x64_epi64(_mm256_packus_epi16(kept, energy), 0xd8);  // kept, then energy
    _mm_storeu_si128(reinterpret_cast<__m128i*>(history + k), _mm256_castsi256_si128(bytes));
    const __m128i sums = _mm_sad_epu8(_mm256_extracti128_si256(bytes, 1), _mm_setzero_si128());
    return static_cast<uint32_t>(_mm_cvtsi128_si32(sums) + _mm_extract_epi16(sums, 4));
  }

  static bool to_symbols(const ModelData& data, const GroupFields& fields, const int16_t* values, uint8_t* symbols) {
    const __m256i symbol = _mm256_add_epi16(load(values), load(fields.zeros));
    const __m256i fitting = _mm256_min_epu16(symbol, load(fields.tops));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(symbols), narrow(_mm256_and_si256(symbol, number(numbers.most_energy))));
    return _mm256_movemask_epi8(_mm256_cmpeq_epi16(symbol, fitting)) == -1;
  }

 protected:
  static __m256i widen(const uint8_t* bytes) { return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes))); }
  static __m128i narrow(__m256i words) { return _mm256_castsi256_si128(_mm256_permute4x64_epi64(_mm256_packus_epi16(words, words), 0xd8)); }

  static __m256i pair_at(const uint8_t* bytes) {
    int16_t pair = 0;
    __builtin_memcpy(&pair, bytes, 2);
    return _mm256_set1_epi16(pair);
  }
  /// Bytes of two places, in turn.
  static __m256i in_turn(const uint8_t* a, const uint8_t* b) { return _mm256_or_si256(widen(a), _mm256_slli_epi16(widen(b), 8)); }
  static __m256i plus(__m256i sum, __m256i values, const int8_t* weights) {
    return _mm256_add_epi16(sum, _mm256_maddubs_epi16(values, load(weights)));
  }

  template <int kGroups, int kColumns>
  static void above_of(const ModelData& data, const Block& block, const uint8_t* here, int16_t* to) {
    const int first = block.first_group * kGroup;
    const int64_t padded = data.padded(), stride = data.row_stride();
    __m256i sums[kColumns][kGroups];
    for (int x = 0; x < kColumns; ++x)
      for (int g = 0; g < kGroups; ++g) {
        const int64_t k = first + g * kGroup;
        const uint8_t* top = here + x * padded + k - stride;
        sums[x][g] = plus(load(&data.starts[k]), in_turn(top, top + padded), &data.own_above[2 * k]);
      }
    const int8_t* weights = block.weights.data() + block.beside * 32 * kGroups;
    for (size_t t = block.beside; t < block.offsets.size(); ++t, weights += 32 * kGroups) {
      __m256i pairs[kColumns];
      for (int x = 0; x < kColumns; ++x) pairs[x] = pair_at(here + x * padded + block.offsets[t]);
#pragma GCC unroll 4
      for (int g = 0; g < kGroups; ++g)
#pragma GCC unroll 2
        for (int x = 0; x < kColumns; ++x) sums[x][g] = plus(sums[x][g], pairs[x], weights + 32 * g);
    }
    for (int x = 0; x < kColumns; ++x)
      for (int g = 0; g < kGroups; ++g) store(to + x * padded + first + g * kGroup, sums[x][g]);
  }

  template <int kGroups>
  static void beside_of(const ModelData& data, const Block& block, const uint8_t* here, const int16_t* from, int16_t* mean) {
    const int first = block.first_group * kGroup;
    const int64_t padded = data.padded(), stride = data.row_stride();
    __m256i sums[kGroups];
#pragma GCC unroll 4
    for (int g = 0; g < kGroups; ++g) {
      const int64_t k = first + g * kGroup;
      sums[g] = plus(load(from + k), in_turn(here + k - padded, here + k - padded - stride), &data.own_beside[2 * k]);
    }
    const int8_t* weights = block.weights.data();
    for (size_t t = 0; t < block.beside; ++t, weights += 32 * kGroups) {
      const __m256i pair = pair_at(here + block.offsets[t]);
#pragma GCC unroll 4
      for (int g = 0; g < kGroups; ++g) sums[g] = plus(sums[g], pair, weights + 32 * g);
    }
#pragma GCC unroll 4
    for (int g = 0; g < kGroups; ++g) {
      const int k = first + g * kGroup;
      __m256i out = _mm256_adds_epi16(_mm256_mulhrs_epi16(sums[g], load(&data.multipliers[k])), load(&data.biases[k]));
      out = _mm256_min_epi16(_mm256_max_epi16(out, load(&data.lows[k])), load(&data.highs[k]));
      store(mean + k, out);
    }
  }
};

}  // namespace
}  // namespace scissionlite::coding
