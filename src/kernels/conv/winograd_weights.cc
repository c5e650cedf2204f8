#include "kernels/conv/winograd_weights.h"

#include <cstddef>

namespace scissionlite::kernels {

std::vector<std::array<double, 3>> weight_transform(int64_t m) {
  if (m == 2) return {{1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}};
  if (m == 4) return {{.25, 0, 0}, {-1. / 6, -1. / 6, -1. / 6}, {-1. / 6, 1. / 6, -1. / 6}, {1. / 24, 1. / 12, 1. / 6}, {1. / 24, -1. / 12, 1. / 6}, {0, 0, 1}};
  return {{1, 0, 0}, {-2. / 9, -2. / 9, -2. / 9}, {-2. / 9, 2. / 9, -2. / 9}, {1. / 90, 1. / 45, 2. / 45}, {1. / 90, -1. / 45, 2. / 45},
          {32. / 45, 16. / 45, 8. / 45}, {32. / 45, -16. / 45, 8. / 45}, {0, 0, 1}};
}

void transform_weights(const std::vector<std::array<double, 3>>& g, const float* w, std::vector<double>& u) {
  const std::size_t edge = g.size();
  double half[8][3];
  for (std::size_t i = 0; i < edge; ++i)
    for (int j = 0; j < 3; ++j) half[i][j] = g[i][0] * w[j] + g[i][1] * w[3 + j] + g[i][2] * w[6 + j];
  for (std::size_t i = 0; i < edge; ++i)
    for (std::size_t j = 0; j < edge; ++j) u[i * edge + j] = half[i][0] * g[j][0] + half[i][1] * g[j][1] + half[i][2] * g[j][2];
}

}  // namespace scissionlite::kernels
