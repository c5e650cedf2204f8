// The plain arithmetic of context.h, 16 channels an instruction.
#pragma once

#include "coding/context.h"
#include "coding/lanes_avx2.h"

namespace scissionlite::coding {
namespace {  // see context.h

struct Avx2Ops : Avx2Lanes {
  static constexpr const char* kName = "avx2";

  static void means(const ModelData& data, const uint8_t* here, int16_t* mean) {
    for (const Block& block : data.blocks) {
      switch (block.groups) {
        case 1: means_of<1>(data, block, here, mean); break;
        case 2: means_of<2>(data, block, here, mean); break;
        case 3: means_of<3>(data, block, here, mean); break;
        default: means_of<4>(data, block, here, mean);
      }
    }
  }

  static void rates(const ModelData& data, int group, uint16_t around, uint16_t before, Contexts& out) {
    const int k = group * kGroup;
    const __m256i from_around = _mm256_mulhi_epu16(load(&data.spread_around[k]), _mm256_set1_epi16(static_cast<int16_t>(around)));
    const __m256i from_before = _mm256_mulhi_epu16(load(&data.spread_before[k]), _mm256_set1_epi16(static_cast<int16_t>(before)));
    __m256i spread = _mm256_adds_epu16(_mm256_adds_epu16(load(&data.spread_base[k]), from_around), from_before);
    spread = _mm256_max_epu16(spread, _mm256_set1_epi16(1));
    __m256i log = _mm256_add_epi16(log_of_each(spread), load(&data.scales[k]));
    log = _mm256_min_epi16(_mm256_max_epi16(log, _mm256_setzero_si256()), _mm256_set1_epi16(kCurveEnd));
    const __m256i rate = curve_at_each(data.fast_rate, places_of(log));
    store(out.rate, _mm256_mullo_epi16(_mm256_min_epu16(rate, load(&data.rate_reach[k])), load(&data.rate_unit[k])));
    store(out.width, width_of(rate));
  }

  static uint32_t remember(const ModelData& data, int group, const int16_t* values, const int16_t* mean, uint8_t* history) {
    const int k = group * kGroup;
    const __m256i value = load(values);
    __m256i error = _mm256_abs_epi16(_mm256_sub_epi16(_mm256_slli_epi16(value, 5), load(mean + k)));
    error = _mm256_slli_epi16(_mm256_min_epi16(error, _mm256_set1_epi16(8191)), 3);
    const __m256i energy = _mm256_min_epu16(_mm256_mulhi_epu16(error, load(&data.inverse[k])), _mm256_set1_epi16(255));
    const __m256i most = _mm256_set1_epi16(kMostValue);
    __m256i kept = _mm256_max_epi16(_mm256_min_epi16(value, most), _mm256_sub_epi16(_mm256_setzero_si256(), most));
    kept = _mm256_add_epi16(kept, _mm256_set1_epi16(kHistoryZero));
    const __m256i bytes = _mm256_permute4x64_epi64(_mm256_packus_epi16(kept, energy), 0xd8);  // kept, then energy
    _mm_storeu_si128(reinterpret_cast<__m128i*>(history + k), _mm256_castsi256_si128(bytes));
    const __m128i sums = _mm_sad_epu8(_mm256_extracti128_si256(bytes, 1), _mm_setzero_si128());
    return static_cast<uint32_t>(_mm_cvtsi128_si32(sums) + _mm_extract_epi16(sums, 4));
  }

  static bool to_symbols(const ModelData& data, int group, const int16_t* values, uint8_t* symbols) {
    const int k = group * kGroup;
    const __m256i symbol = _mm256_add_epi16(load(values), widen(&data.zeros[k]));
    const __m256i fitting = _mm256_min_epu16(symbol, widen(&data.tops[k]));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(symbols), narrow(_mm256_and_si256(symbol, _mm256_set1_epi16(255))));
    return _mm256_movemask_epi8(_mm256_cmpeq_epi16(symbol, fitting)) == -1;
  }

 private:
  static __m256i widen(const uint8_t* bytes) { return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes))); }
  static __m128i narrow(__m256i words) { return _mm256_castsi256_si128(_mm256_permute4x64_epi64(_mm256_packus_epi16(words, words), 0xd8)); }

  template <int kGroups>
  static void means_of(const ModelData& data, const Block& block, const uint8_t* here, int16_t* mean) {
    const int first = block.first_group * kGroup;
    __m256i sums[kGroups];
    for (int g = 0; g < kGroups; ++g) sums[g] = load(&data.starts[first + g * kGroup]);
    const int8_t* weights = block.weights.data();
    for (const int32_t offset : block.offsets) {
      int16_t pair = 0;
      __builtin_memcpy(&pair, here + offset, 2);
      const __m256i both = _mm256_set1_epi16(pair);
      for (int g = 0; g < kGroups; ++g) sums[g] = _mm256_add_epi16(sums[g], _mm256_maddubs_epi16(both, load(weights + 32 * g)));
      weights += 32 * kGroups;
    }
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
