// The flags below ask for vectorised loops; without them (another compiler) the results are the same.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif
#include "vision/pixel_loops.h"

#include "base/clones.h"

namespace scissionlite::vision {
namespace {

constexpr int32_t kHalf = 1 << (kCoefficientBits - 1);

inline uint8_t to_byte(int32_t sum) {
  const int32_t value = sum >> kCoefficientBits;
  return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

}  // namespace

void blend_across(const uint8_t* in, const Taps* taps, size_t n, uint8_t* out) {
  for (size_t x = 0; x < n; ++x, out += 3) {
    int32_t r = kHalf, g = kHalf, b = kHalf;
    const uint8_t* from = in + size_t{3} * static_cast<size_t>(taps[x].first);
    for (int i = 0; i < taps[x].count; ++i, from += 3) {
      const int32_t w = taps[x].weights[i];
      r += from[0] * w, g += from[1] * w, b += from[2] * w;
    }
    out[0] = to_byte(r), out[1] = to_byte(g), out[2] = to_byte(b);
  }
}

SCISSIONLITE_CLONES("avx2")
void blend_down(const uint8_t* rows, size_t stride, const Taps& taps, size_t n, int32_t* __restrict sums, uint8_t* __restrict out) {
  for (size_t i = 0; i < n; ++i) sums[i] = kHalf;
  for (int j = 0; j < taps.count; ++j) {
    const uint8_t* __restrict row = rows + stride * static_cast<size_t>(taps.first + j);
    const int32_t w = taps.weights[j];
    for (size_t i = 0; i < n; ++i) sums[i] += row[i] * w;
  }
  for (size_t i = 0; i < n; ++i) out[i] = to_byte(sums[i]);
}

}  // namespace scissionlite::vision
