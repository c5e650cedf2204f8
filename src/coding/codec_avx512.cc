// Built with -mavx512bw -mavx512vl where the compiler has them (CMakeLists.txt); run only where the CPU has them.
#ifdef __AVX512BW__
#include "coding/codec_impl.h"
#include "coding/context_avx2.h"

namespace scissionlite::coding {
namespace {

struct Avx512Ops : Avx2Ops {
  static constexpr const char* kName = "avx512";
  static uint32_t take_group(const ModelData& data, const Contexts& contexts, uint32_t* lanes, const uint8_t*& next, int16_t* values) {
    return take_halves<Avx512Ops>(data, contexts, lanes, next, values);
  }
  /// Twice the number of bounds above `slot`.
  static uint32_t twice_above(const uint16_t* row, __m256i slot) {
    return 2 * static_cast<uint32_t>(std::popcount(static_cast<uint32_t>(_mm256_cmpgt_epi16_mask(load(row), slot))));
  }
  static __m256i refill_half(__m256i state, const uint8_t*& next) {
    const __mmask8 low = _mm256_cmplt_epu32_mask(state, _mm256_set1_epi32(kLowestState));
    const __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(next)));
    next += 2 * std::popcount(static_cast<uint32_t>(low));
    return _mm256_mask_or_epi32(state, low, _mm256_slli_epi32(state, 16), _mm256_maskz_expand_epi32(low, words));
  }
};

}  // namespace

extern const Codec kAvx512Codec = Passes<Avx512Ops>::kCodec;

}  // namespace scissionlite::coding
#endif
