// Which input positions an output of Upsample or Resize is made of. Shared by ops/ and train/op/.
#pragma once

#include "ops/support.h"

namespace scissionlite::ops {

struct ResizePlan {
  Shape out;
  std::vector<double> scales;  // output size / input size, per dimension
};
/// nullopt when scales and sizes are not known yet. `constants` are the node's inputs where known.
[[nodiscard]] std::optional<ResizePlan> read_resize_plan(const Context& c, const Shape& in, std::span<const Tensor> constants);

struct ResizeMode {
  std::string kind;         // nearest, linear, cubic
  std::string coordinates;  // asymmetric, align_corners, half_pixel, half_pixel_symmetric, pytorch_half_pixel
  std::string rounding;     // floor, ceil, round_prefer_floor, round_prefer_ceil
};
/// @throws Unsupported for ways that are not computed here.
[[nodiscard]] ResizeMode read_resize_mode(const Context& c);

/// Position in the input that an output index stands for.
[[nodiscard]] double source_position(const std::string& coordinates, int64_t i, double scale, int64_t in, int64_t out);
[[nodiscard]] int64_t nearest_index(const std::string& rounding, double x, int64_t size);

}  // namespace scissionlite::ops
