#include "kernels/conv/winograd_weights.h"

#include <cstddef>

namespace scissionlite::kernels {
namespace {

/// A finite point and what the powers of it are multiplied by: 1 over the product of its distances to the others, up to a sign that the
/// input's transform has too.
struct Point {
  double at, scale;
};
std::vector<Point> points_of(int64_t edge) {
  if (edge == 4) return {{0, 1}, {1, .5}, {-1, .5}};
  if (edge == 6) return {{0, .25}, {1, -1. / 6}, {-1, -1. / 6}, {2, 1. / 24}, {-2, 1. / 24}};
  return {{0, 1}, {1, -2. / 9}, {-1, -2. / 9}, {2, 1. / 90}, {-2, 1. / 90}, {.5, 32. / 45}, {-.5, 32. / 45}};
}

}  // namespace

std::vector<std::array<double, kMostWinogradTaps>> weight_transform(int64_t m, int taps) {
  std::vector<std::array<double, kMostWinogradTaps>> g;
  for (const auto& point : points_of(m + taps - 1)) {
    std::array<double, kMostWinogradTaps> row{};
    double power = point.scale;
    for (int j = 0; j < taps; ++j, power *= point.at) row[static_cast<std::size_t>(j)] = power;
    g.push_back(row);
  }
  std::array<double, kMostWinogradTaps> infinity{};
  infinity[static_cast<std::size_t>(taps - 1)] = 1;
  g.push_back(infinity);
  return g;
}

void transform_weights(const std::vector<std::array<double, kMostWinogradTaps>>& g, const float* w, std::vector<double>& u, int taps) {
  const std::size_t edge = g.size(), r = static_cast<std::size_t>(taps);
  double half[8][kMostWinogradTaps];
  for (std::size_t i = 0; i < edge; ++i)
    for (std::size_t j = 0; j < r; ++j) {
      half[i][j] = 0;
      for (std::size_t t = 0; t < r; ++t) half[i][j] += g[i][t] * w[t * r + j];
    }
  for (std::size_t i = 0; i < edge; ++i)
    for (std::size_t j = 0; j < edge; ++j) {
      double sum = 0;
      for (std::size_t t = 0; t < r; ++t) sum += half[i][t] * g[j][t];
      u[i * edge + j] = sum;
    }
}

}  // namespace scissionlite::kernels
