#include "kernels/move.h"

#include <algorithm>
#include <cstring>

namespace scissionlite::kernels {
namespace {

/// Calls body(number of lanes as a constant), so that a pixel is one or two registers.
template <typename Body>
void with_lanes(int64_t lanes, const Body& body) {
  if (lanes == 16) body(std::integral_constant<int, 16>());
  else if (lanes == 8) body(std::integral_constant<int, 8>());
  else body(std::integral_constant<int, 4>());
}

}  // namespace

void copy_pixels(const float* from, int64_t from_step, float* to, int64_t to_step, int64_t count, int64_t lanes) {
  if (from_step == 1 && to_step == 1) {
    std::memcpy(to, from, static_cast<size_t>(count * lanes) * sizeof(float));
    return;
  }
  with_lanes(lanes, [&](auto n) {
    for (int64_t p = 0; p < count; ++p) std::memcpy(to + p * to_step * n, from + p * from_step * n, n * sizeof(float));
  });
}

void gather_pixels(const float* const* from, int64_t from_step, float* to, int64_t to_step, int64_t count, int64_t lanes) {
  bool is_one_vector = true, has_all = true;
  for (int64_t i = 0; i < lanes; ++i) {
    has_all = has_all && from[i];
    is_one_vector = is_one_vector && from[i] == from[0] + i;
  }
  if (has_all && is_one_vector) return copy_pixels(from[0], from_step, to, to_step, count, lanes);
  with_lanes(lanes, [&](auto n) {
    if (!has_all) {
      for (int i = 0; i < n; ++i)
        for (int64_t p = 0; p < count; ++p) to[p * to_step * n + i] = from[i] ? from[i][p * from_step * n] : 0.F;
      return;
    }
    const float* at[n];
    std::copy_n(from, static_cast<int>(n), at);
    for (int64_t p = 0; p < count; ++p)
      for (int i = 0; i < n; ++i) to[p * to_step * n + i] = at[i][p * from_step * n];
  });
}

void choose_pixels(const float* from, const int32_t* index, float* to, int64_t count, int64_t lanes) {
  with_lanes(lanes, [&](auto n) {
    for (int64_t p = 0; p < count; ++p) std::memcpy(to + p * n, from + int64_t{index[p]} * n, n * sizeof(float));
  });
}

}  // namespace scissionlite::kernels
