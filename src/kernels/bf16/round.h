// float32 to bf16: to nearest, ties to even; what is no number stays none. The instruction for it takes denormals for zero, as the products do
// that follow.

static SCISSIONLITE_INLINE void store_bf16(uint16_t* y, vec v) {
#if defined(__AVX512BF16__)
  const __m256bh rounded = _mm512_cvtneps_pbh(v);
  __builtin_memcpy(y, &rounded, sizeof rounded);
#else
  typedef uint32_t uvec __attribute__((vector_size(kLanes * sizeof(uint32_t))));
  const uvec bits = reinterpret_cast<uvec>(v), rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  const uvec is_number = reinterpret_cast<uvec>(v == v);
  const uvec upper = (rounded & is_number) | ((bits >> 16 | 0x40) & ~is_number);
#if defined(__AVX512F__)
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), _mm512_cvtepi32_epi16(reinterpret_cast<__m512i>(upper)));
#elif defined(__AVX2__)
  const __m256i both = _mm256_permute4x64_epi64(_mm256_packus_epi32(reinterpret_cast<__m256i>(upper), reinterpret_cast<__m256i>(upper)), 0xD8);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(y), _mm256_castsi256_si128(both));
#else
  for (int i = 0; i < kLanes; ++i) y[i] = static_cast<uint16_t>(upper[i]);
#endif
#endif
}

static void round_pixels(const Bf16RoundArguments& a) {
  constexpr int64_t kBlocks = kBf16Unit / kLanes;
  const float* x = a.x;
  uint16_t* y = a.y;
  for (int64_t p = 0; p < a.pixels; ++p, x += a.x_pixel, y += kBf16Unit) {
    for (int64_t b = 0; b < a.blocks; ++b) store_bf16(y + b * kLanes, load(x + b * a.x_block));
    for (int64_t b = a.blocks; b < kBlocks; ++b) store_bf16(y + b * kLanes, vec{});
  }
}
