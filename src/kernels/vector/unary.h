// Functions of single values that are exact: rounding, signs, and what IEEE rounds once.

typedef uint32_t uvec __attribute__((vector_size(kLanes * sizeof(uint32_t))));

static SCISSIONLITE_INLINE vec with_sign_of(vec magnitude, vec x) {
  return reinterpret_cast<vec>(reinterpret_cast<uvec>(magnitude) | (reinterpret_cast<uvec>(x) & 0x80000000U));
}
static SCISSIONLITE_INLINE vec abs_of(vec x) { return reinterpret_cast<vec>(reinterpret_cast<uvec>(x) & 0x7fffffffU); }

/// To the nearest integer, ties to even: a float from 2^23 on has no fraction. -0 stays -0.
static SCISSIONLITE_INLINE vec round_of(vec x) {
  const vec least_whole = all(8388608.F), magnitude = abs_of(x);
  const vec rounded = with_sign_of((magnitude + least_whole) - least_whole, x);
  return magnitude < least_whole ? rounded : x;
}
static SCISSIONLITE_INLINE vec floor_of(vec x) {
  const vec rounded = round_of(x), one = all(1.F);
  return with_sign_of(rounded > x ? rounded - one : rounded, x);
}
static SCISSIONLITE_INLINE vec ceil_of(vec x) {
  const vec rounded = round_of(x), one = all(1.F);
  return with_sign_of(rounded < x ? rounded + one : rounded, x);
}
static SCISSIONLITE_INLINE vec sqrt_of(vec x) {
#if defined(__AVX512F__)
  return _mm512_sqrt_ps(x);
#elif defined(__AVX2__)
  return _mm256_sqrt_ps(x);
#elif defined(__SSE2__)
  return _mm_sqrt_ps(x);
#else
  vec y;
  for (int i = 0; i < kLanes; ++i) y[i] = __builtin_sqrtf(x[i]);
  return y;
#endif
}

static void unary(UnaryKind kind, const float* x, float* y, int64_t count) {
  const auto each = [&](auto f) { over(count, x, y, [&](vec v, int64_t, int64_t) { return f(v); }); };
  switch (kind) {
    case UnaryKind::kFloor: return each([](vec v) { return floor_of(v); });
    case UnaryKind::kCeil: return each([](vec v) { return ceil_of(v); });
    case UnaryKind::kRound: return each([](vec v) { return round_of(v); });
    case UnaryKind::kNeg: return each([](vec v) { return -v; });
    case UnaryKind::kAbs: return each([](vec v) { return abs_of(v); });
    case UnaryKind::kSqrt: return each([](vec v) { return sqrt_of(v); });
    case UnaryKind::kReciprocal: return each([](vec v) { return 1.F / v; });
  }
}
