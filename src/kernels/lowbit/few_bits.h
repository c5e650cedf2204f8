// Weights and activations of a convolution of bytes as unsigned numbers of few bits. With u = (w - least weight) / step, and x less its least code,
// the sum over a window is step * (sum of u * x) + least weight * (sum of x) - zero * (sum of w), so that every encoding of weights and every zero
// point is one case.
#pragma once

#include <algorithm>

#include "kernels/int8/conv.h"

namespace scissionlite::kernels {

constexpr int kMostWeightBits = 8;

/// Codes of x, from 0 on.
struct FewBits {
  uint8_t turned = 0;  // bits of a byte that are turned first: signed bytes become unsigned
  uint8_t least = 0;
  int bits = 1;
  int32_t zero = 0;  // what stands for 0
};
[[nodiscard]] inline FewBits few_bits_of(const Int8Problem& problem) {
  const int32_t offset = problem.is_x_signed ? 128 : 0;
  const int32_t least = std::min(problem.least_x(), problem.x_zero), most = std::max(problem.most_x(), problem.x_zero);
  return {static_cast<uint8_t>(offset), static_cast<uint8_t>(least + offset), bits_of_codes(most - least), problem.x_zero - least};
}

/// u of a weight.
[[nodiscard]] inline uint32_t few_bits_of_weight(const Int8Problem& problem, int32_t w) {
  const int32_t steps = w - problem.w_least;
  return static_cast<uint32_t>(problem.w_step <= 2 ? steps >> (problem.w_step - 1)
                                                   : steps / problem.w_step);  // a division takes as long as the rest of packing
}

/// Why weights have too many bits, or planes do not begin with a byte, or empty.
[[nodiscard]] inline std::string reason_against_bits(const Int8Problem& problem) {
  const int bits = problem.weight_bits();
  const auto& p = problem.conv;
  if ((problem.has_x_planes && p.groups > 1 && p.c / p.groups % 8 != 0) || (problem.y_plane_bits > 0 && p.groups > 1 && p.k / p.groups % 8 != 0))
    return "channels of two groups share a byte of a plane";
  return bits > kMostWeightBits ? "weights of " + std::to_string(bits) + " bits, more than " + std::to_string(kMostWeightBits) : std::string();
}

}  // namespace scissionlite::kernels
