// The flags below ask for vectorised loops; without them (another compiler) the results are the same but for the order of sums.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif
#include "train/op/fake_quantize_loops.h"

#include <algorithm>

#include "base/clones.h"

namespace scissionlite::train::op {
namespace {

constexpr int64_t kSummed = 512;  // gradients that one sum in the values' own type is over

/// Rounded half to even, without a call; |v| <= 2^21.
template <typename T>
[[gnu::always_inline]] inline T round_even(T v) {
  constexpr T kShift = sizeof(T) == 4 ? static_cast<T>(3 << 22) : static_cast<T>(int64_t{3} << 51);
  return (v + kShift) - kShift;
}

template <typename T, bool kIsOdd>
[[gnu::always_inline]] inline T code_of(T v, T low, T high) {
  if constexpr (kIsOdd) {
    const T half = std::min(std::max(v / 2, (low - 1) / 2), (high - 1) / 2), rounded = round_even(half);
    return 2 * (rounded > half ? rounded - 1 : rounded) + 1;
  }
  return round_even(std::min(std::max(v, low), high));
}

template <bool kIsOdd, typename T>
[[gnu::always_inline]] inline void values(const T* x, int64_t n, T step, const Codes& codes, T* y) {
  const auto low = static_cast<T>(codes.low), high = static_cast<T>(codes.high);
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = code_of<T, kIsOdd>(x[i] / step, low, high) * step;
}

template <bool kIsOdd, typename T>
[[gnu::always_inline]] inline double gradients(const T* x, const T* gradient, int64_t n, T step, const Codes& codes, T* of_x) {
  const auto low = static_cast<T>(codes.low), high = static_cast<T>(codes.high), least = kIsOdd ? low - 1 : low, most = kIsOdd ? high + 1 : high;
  double sum = 0;
  for (int64_t begin = 0; begin < n; begin += kSummed) {
    T part = 0;
#pragma omp simd reduction(+ : part)
    for (int64_t i = begin; i < std::min(n, begin + kSummed); ++i) {
      const T v = x[i] / step, code = code_of<T, kIsOdd>(v, low, high);
      const bool is_inside = (v >= least) & (v <= most);
      of_x[i] = is_inside ? gradient[i] : 0;
      part += gradient[i] * (is_inside ? code - v : code);
    }
    sum += part;
  }
  return sum;
}

}  // namespace

SCISSIONLITE_CLONES("arch=x86-64-v4", "avx2")
void values_of_codes(const float* x, int64_t n, float step, const Codes& codes, float* y) {
  codes.is_odd ? values<true>(x, n, step, codes, y) : values<false>(x, n, step, codes, y);
}

void values_of_codes(const double* x, int64_t n, double step, const Codes& codes, double* y) {
  codes.is_odd ? values<true>(x, n, step, codes, y) : values<false>(x, n, step, codes, y);
}

SCISSIONLITE_CLONES("arch=x86-64-v4", "avx2")
double gradients_of_codes(const float* x, const float* gradient, int64_t n, float step, const Codes& codes, float* of_x) {
  return codes.is_odd ? gradients<true>(x, gradient, n, step, codes, of_x) : gradients<false>(x, gradient, n, step, codes, of_x);
}

double gradients_of_codes(const double* x, const double* gradient, int64_t n, double step, const Codes& codes, double* of_x) {
  return codes.is_odd ? gradients<true>(x, gradient, n, step, codes, of_x) : gradients<false>(x, gradient, n, step, codes, of_x);
}

}  // namespace scissionlite::train::op
