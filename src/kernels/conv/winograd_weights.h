// Weights of Winograd convolutions F(m x m, r x r) as frequencies, for every kernel that computes so.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace scissionlite::kernels {

constexpr int kMostWinogradTaps = 4;  // r

/// G of F(m, r): (m + r - 1, r), for m + r - 1 of 4, 6 and 8, by Toom and Cook's construction with the points 0, 1, -1, 2, -2, 1/2, -1/2 and
/// infinity; see vector/winograd.h. Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016.
[[nodiscard]] std::vector<std::array<double, kMostWinogradTaps>> weight_transform(int64_t m, int taps = 3);

/// u = G w G^T of one channel's r x r kernel: (m + r - 1, m + r - 1) values.
void transform_weights(const std::vector<std::array<double, kMostWinogradTaps>>& g, const float* w, std::vector<double>& u, int taps = 3);

}  // namespace scissionlite::kernels
