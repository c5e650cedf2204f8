// Between floats and halves or bytes. Where the instruction set has none for halves, integer arithmetic that compilers vectorise.

static SCISSIONLITE_INLINE uint32_t bits_of(float v) {
  uint32_t bits;
  __builtin_memcpy(&bits, &v, sizeof(bits));
  return bits;
}
static SCISSIONLITE_INLINE float float_of(uint32_t bits) {
  float v;
  __builtin_memcpy(&v, &bits, sizeof(v));
  return v;
}

/// Normal halves: the exponent is moved and what rounds up carries into it. Smaller ones: adding a half puts their last bit at the float's.
static SCISSIONLITE_INLINE uint16_t half_of(float v) {
  const uint32_t bits = bits_of(v), sign = bits & 0x80000000U, magnitude = bits ^ sign;
  const uint32_t infinite = 255U << 23, too_large = (127U + 16U) << 23, least_normal = 113U << 23;
  const uint32_t normal = (magnitude - ((127U - 15U) << 23) + 0xfffU + ((magnitude >> 13) & 1U)) >> 13;
  const uint32_t small = bits_of(float_of(magnitude) + 0.5F) - bits_of(0.5F);
  const uint32_t large = magnitude > infinite ? 0x7e00U : 0x7c00U;
  const uint32_t half = magnitude >= too_large ? large : magnitude < least_normal ? small : normal;
  return static_cast<uint16_t>(half | (sign >> 16));
}
static SCISSIONLITE_INLINE float of_half(uint16_t half) {
  const uint32_t sign = (half & 0x8000U) << 16, magnitude = (half & 0x7fffU) << 13, exponent = magnitude & (0x1fU << 23);
  const uint32_t normal = magnitude + ((127U - 15U) << 23), infinite = normal + ((128U - 16U) << 23);
  const uint32_t small = bits_of(float_of(normal + (1U << 23)) - float_of(113U << 23));
  return float_of((exponent == 0x1fU << 23 ? infinite : exponent == 0 ? small : normal) | sign);
}

/// Where the instruction set converts vectors of halves: as many as it can, the others one by one.
static SCISSIONLITE_INLINE int64_t vectors_to_halves([[maybe_unused]] const float* x, [[maybe_unused]] uint16_t* y, [[maybe_unused]] int64_t count) {
  int64_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= count; i += 16)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(y + i), _mm512_cvtps_ph(_mm512_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
#elif defined(__F16C__)
  for (; i + 8 <= count; i += 8)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(y + i), _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
#endif
  return i;
}
static SCISSIONLITE_INLINE int64_t vectors_of_halves([[maybe_unused]] const uint16_t* x, [[maybe_unused]] float* y, [[maybe_unused]] int64_t count) {
  int64_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= count; i += 16) _mm512_storeu_ps(y + i, _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i))));
#elif defined(__F16C__)
  for (; i + 8 <= count; i += 8) _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i))));
#endif
  return i;
}

static void to_halves(const float* __restrict x, uint16_t* __restrict y, int64_t count) {
  for (int64_t i = vectors_to_halves(x, y, count); i < count; ++i) y[i] = half_of(x[i]);
}
static void of_halves(const uint16_t* __restrict x, float* __restrict y, int64_t count) {
  for (int64_t i = vectors_of_halves(x, y, count); i < count; ++i) y[i] = of_half(x[i]);
}
template <typename Byte>
static void to_bytes(const float* x, Byte* y, int64_t count) {
  constexpr float kLow = static_cast<Byte>(-1) < 0 ? -128.F : 0.F, kHigh = kLow + 255.F;
  const auto convert = [](vec v) { return __builtin_convertvector(min_of(max_of(v == v ? v : vec{}, all(kLow)), all(kHigh)), ivec); };
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store_low_bytes(y + i, convert(load(x + i)));
  if (i == count) return;
  float rest[kLanes] = {};
  for (int64_t k = i; k < count; ++k) rest[k - i] = x[k];
  const ivec codes = convert(load(rest));
  for (int64_t k = i; k < count; ++k) y[k] = static_cast<Byte>(codes[k - i]);
}
template <typename Byte>
static void of_bytes(const Byte* __restrict x, float* __restrict y, int64_t count) {
  for (int64_t i = 0; i < count; ++i) y[i] = static_cast<float>(static_cast<int32_t>(x[i]));
}

static void cast(CastKind kind, const void* x, void* y, int64_t count) {
  switch (kind) {
    case CastKind::kF32ToF16: return to_halves(static_cast<const float*>(x), static_cast<uint16_t*>(y), count);
    case CastKind::kF16ToF32: return of_halves(static_cast<const uint16_t*>(x), static_cast<float*>(y), count);
    case CastKind::kF32ToU8: return to_bytes(static_cast<const float*>(x), static_cast<uint8_t*>(y), count);
    case CastKind::kF32ToI8: return to_bytes(static_cast<const float*>(x), static_cast<int8_t*>(y), count);
    case CastKind::kU8ToF32: return of_bytes(static_cast<const uint8_t*>(x), static_cast<float*>(y), count);
    case CastKind::kI8ToF32: return of_bytes(static_cast<const int8_t*>(x), static_cast<float*>(y), count);
  }
}
