// Weights of Winograd convolutions F(m x m, 3 x 3) as frequencies, for every kernel that computes so.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace scissionlite::kernels {

/// G of F(m, 3): (m + 2, 3), for m of 2, 4 and 6, by Toom and Cook's construction with the points 0, 1, -1, 2, -2, 1/2, -1/2 and infinity;
/// see vector/winograd.h. Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016.
[[nodiscard]] std::vector<std::array<double, 3>> weight_transform(int64_t m);

/// u = G w G^T of one channel's 3 x 3 kernel: (m + 2, m + 2) values.
void transform_weights(const std::vector<std::array<double, 3>>& g, const float* w, std::vector<double>& u);

}  // namespace scissionlite::kernels
