// Any function of a byte as a table of 256: y[i] = table[x[i]].

#if defined(__AVX2__)
/// Entries of 16 rows of the table, 2^kBits of them from row `first` on, by the low four bits; which row, by the bits above.
template <int kBits>
static SCISSIONLITE_INLINE __m256i entries(const uint8_t* table, __m256i low, const __m256i* selectors) {
  if constexpr (kBits == 0) {
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table))), low);
  } else {
    constexpr int kHalf = 16 << (kBits - 1);
    return _mm256_blendv_epi8(entries<kBits - 1>(table, low, selectors), entries<kBits - 1>(table + kHalf, low, selectors), selectors[kBits - 1]);
  }
}
#endif

static void look_up(const uint8_t* x, int64_t count, const uint8_t* table, uint8_t* y) {
  int64_t i = 0;
#if defined(__AVX2__)
  for (; i + 32 <= count; i += 32) {
    const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i));
    const __m256i selectors[] = {_mm256_slli_epi16(v, 3), _mm256_slli_epi16(v, 2), _mm256_slli_epi16(v, 1),
                                 v};  // bits 4, 5, 6, 7 at the top of each byte
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + i), entries<4>(table, _mm256_and_si256(v, _mm256_set1_epi8(15)), selectors));
  }
#endif
  for (; i < count; ++i) y[i] = table[x[i]];
}
