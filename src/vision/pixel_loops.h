// The loops that touch every pixel, on plain pointers, compiled for several instruction sets.
#pragma once

#include <cstddef>
#include <cstdint>

namespace scissionlite::vision {

/// Fraction bits of a resampling coefficient.
inline constexpr int kCoefficientBits = 22;

/// One output pixel's sources: `taps` of them from `first` on, with weights from `weights` on.
struct Taps {
  int first = 0, count = 0;
  const int32_t* weights = nullptr;  // (count), sum 2^kCoefficientBits
};

/// out[x, c] = round(sum_i in[taps[x].first + i, c] * w[i]) for x in 0..n; c = 0, 1, 2.
void blend_across(const uint8_t* in, const Taps* taps, size_t n, uint8_t* out);
/// out[i] = round(sum_j rows[j * stride + i] * w[j]) for i in 0..n.
void blend_down(const uint8_t* rows, size_t stride, const Taps& taps, size_t n, int32_t* sums, uint8_t* out);

}  // namespace scissionlite::vision
