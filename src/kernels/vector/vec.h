// A vector register of the instruction set that this file is compiled for. Included by the loops of one instruction set only,
// inside its own namespace, after <cstdint> and arguments.h.

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float vec __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t ivec __attribute__((vector_size(kLanes * sizeof(int32_t))));
typedef float unaligned_vec __attribute__((vector_size(kLanes * sizeof(float)), aligned(4), may_alias));

#define SCISSIONLITE_INLINE __attribute__((always_inline)) inline

static SCISSIONLITE_INLINE vec load(const float* p) { return *reinterpret_cast<const unaligned_vec*>(p); }
static SCISSIONLITE_INLINE void store(float* p, vec v) { *reinterpret_cast<unaligned_vec*>(p) = v; }
static SCISSIONLITE_INLINE vec all(float v) { return v - vec{}; }
// b where one of them is no number, as x86's instructions have it: what a comparison and a choice would give in two instructions.
#if defined(__AVX512F__)
static SCISSIONLITE_INLINE vec max_of(vec a, vec b) { return _mm512_max_ps(a, b); }
static SCISSIONLITE_INLINE vec min_of(vec a, vec b) { return _mm512_min_ps(a, b); }
#elif defined(__AVX2__)
static SCISSIONLITE_INLINE vec max_of(vec a, vec b) { return _mm256_max_ps(a, b); }
static SCISSIONLITE_INLINE vec min_of(vec a, vec b) { return _mm256_min_ps(a, b); }
#else
static SCISSIONLITE_INLINE vec max_of(vec a, vec b) { return a > b ? a : b; }
static SCISSIONLITE_INLINE vec min_of(vec a, vec b) { return a < b ? a : b; }
#endif

/// e^x for |result| within the range of a float; relative error below 2e-7. Range reduction to 2^n * e^r, |r| <= ln2 / 2, and a
/// polynomial of degree 6 (Taylor's, its last coefficients as Cephes' expf has them).
static SCISSIONLITE_INLINE vec exp_of(vec x) {
  const vec bounded = min_of(all(88.3F), max_of(all(-87.3F), x));  // NaN stays: both give their second operand then
  const vec scaled = bounded * 1.44269504088896341F;
  const vec magic = all(12582912.F);  // 1.5 * 2^23: adding it rounds to an integer
  const vec rounded = (scaled + magic) - magic;
  const vec r = (bounded - rounded * 0.693359375F) + rounded * 2.12194440e-4F;
  vec p = all(1.9875691500e-4F);
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.F;
  const ivec exponent = (__builtin_convertvector(rounded, ivec) + 127) << 23;
  return p * reinterpret_cast<vec>(exponent);
}
static SCISSIONLITE_INLINE vec sigmoid_of(vec x) { return 1.F / (1.F + exp_of(-x)); }

template <ActivationKind kKind>
static SCISSIONLITE_INLINE vec activate_as(vec x, const ActivationArguments& f) {
  const vec zero{};
  switch (kKind) {
    case ActivationKind::kNone: return x;
    case ActivationKind::kRelu: return max_of(zero, x);
    case ActivationKind::kClip: return min_of(all(f.beta), max_of(all(f.alpha), x));
    case ActivationKind::kLeakyRelu: return x > zero ? x : x * f.alpha;
    case ActivationKind::kHardSigmoid: return min_of(all(1.F), max_of(zero, x * f.alpha + f.beta));
    case ActivationKind::kHardSwish: return x * min_of(all(1.F), max_of(zero, x * (1.F / 6.F) + 0.5F));
    case ActivationKind::kSigmoid: return sigmoid_of(x);
    case ActivationKind::kSwish: return x / (1.F + exp_of(-x));
    case ActivationKind::kTanh: return 2.F * sigmoid_of(2.F * x) - 1.F;
    case ActivationKind::kElu: return x > zero ? x : (exp_of(x) - 1.F) * f.alpha;
  }
  return x;
}

/// Calls `body(apply)` where `apply(x)` is the activation, so that a loop in `body` does not ask for the kind again and again.
template <typename Body>
static SCISSIONLITE_INLINE void with_activation(const ActivationArguments& f, const Body& body) {
  switch (f.kind) {
    case ActivationKind::kNone: return body([&](vec x) { return x; });
    case ActivationKind::kRelu: return body([&](vec x) { return activate_as<ActivationKind::kRelu>(x, f); });
    case ActivationKind::kClip: return body([&](vec x) { return activate_as<ActivationKind::kClip>(x, f); });
    case ActivationKind::kLeakyRelu: return body([&](vec x) { return activate_as<ActivationKind::kLeakyRelu>(x, f); });
    case ActivationKind::kHardSigmoid: return body([&](vec x) { return activate_as<ActivationKind::kHardSigmoid>(x, f); });
    case ActivationKind::kHardSwish: return body([&](vec x) { return activate_as<ActivationKind::kHardSwish>(x, f); });
    case ActivationKind::kSigmoid: return body([&](vec x) { return activate_as<ActivationKind::kSigmoid>(x, f); });
    case ActivationKind::kSwish: return body([&](vec x) { return activate_as<ActivationKind::kSwish>(x, f); });
    case ActivationKind::kTanh: return body([&](vec x) { return activate_as<ActivationKind::kTanh>(x, f); });
    case ActivationKind::kElu: return body([&](vec x) { return activate_as<ActivationKind::kElu>(x, f); });
  }
}

/// A single vector; loops are better off with `with_activation`.
static SCISSIONLITE_INLINE vec activate(vec x, const ActivationArguments& f) {
  vec y = x;
  with_activation(f, [&](auto apply) { y = apply(x); });
  return y;
}

/// `vectors` x `pixels` stored vectors in place: what is done after the bounds of Relu and Clip, whose kinds it skips.
[[maybe_unused]] static __attribute__((noinline)) void activate_stored(float* y, int64_t vectors, int64_t vector_step, int64_t pixels,
                                                                       int64_t pixel_step, const ActivationArguments& f) {
  with_activation(f, [&](auto apply) {
    for (int64_t q = 0; q < vectors; ++q)
      for (int64_t p = 0; p < pixels; ++p) {
        float* at = y + q * vector_step + p * pixel_step;
        store(at, apply(load(at)));
      }
  });
}

/// Relu and Clip as bounds, infinite for all others; max_of(bound, x) and min_of(bound, x) keep an x that is no number.
static SCISSIONLITE_INLINE float lower_bound(const ActivationArguments& f) {
  return f.kind == ActivationKind::kRelu ? 0.F : f.kind == ActivationKind::kClip ? f.alpha : -__builtin_inff();
}
static SCISSIONLITE_INLINE float upper_bound(const ActivationArguments& f) { return f.kind == ActivationKind::kClip ? f.beta : __builtin_inff(); }
