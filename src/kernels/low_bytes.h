// Included by the loops of one instruction set only, inside its own namespace.

/// The low bytes of each lane of a vector of int32, as wide as the instruction set has them. A conversion by the compiler takes lane after lane.
template <typename Integers>
static __attribute__((always_inline)) inline void store_low_bytes(void* y, Integers v) {
#if defined(__AVX512F__)
  _mm_storeu_si128(static_cast<__m128i*>(y), _mm512_cvtepi32_epi8(reinterpret_cast<__m512i>(v)));
#elif defined(__AVX2__)
  const __m256i low = _mm256_shuffle_epi8(reinterpret_cast<__m256i>(v), _mm256_set1_epi32(0x0C080400));
  _mm_storel_epi64(static_cast<__m128i*>(y), _mm_unpacklo_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1)));
#else
  for (unsigned i = 0; i < sizeof(v) / sizeof(v[0]); ++i) static_cast<uint8_t*>(y)[i] = static_cast<uint8_t>(v[i]);
#endif
}
