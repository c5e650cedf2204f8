// Which input positions an output of Upsample or Resize is made of. Shared by ops/, train/op/ and the native engine.
#pragma once

#include "ops/support.h"

namespace scissionlite::ops {

/// A part of a dimension, of 1.
struct Span {
  double begin = 0, end = 1;
};

struct ResizePlan {
  Shape in, out;
  std::vector<double> scales;  // output size / input size, per dimension
  std::vector<Span> parts;     // per dimension, what tf_crop_and_resize takes of it
};
/// nullopt when scales and sizes are not known yet. `constants` are the node's inputs where known.
[[nodiscard]] std::optional<ResizePlan> read_resize_plan(const Context& c, const Shape& in, std::span<const Tensor> constants);

struct ResizeMode {
  std::string kind;         // nearest, linear, cubic
  std::string coordinates;  // asymmetric, align_corners, half_pixel, half_pixel_symmetric, pytorch_half_pixel, tf_crop_and_resize
  std::string rounding;     // floor, ceil, round_prefer_floor, round_prefer_ceil
  bool averages = false;    // antialias: where an axis shrinks, over all that an output covers
  bool leaves_out = false;  // exclude_outside: positions beyond the edges weigh nothing, instead of being the edge
  double cubic_a = -0.75;
  float beyond = 0;  // tf_crop_and_resize: an output that lies outside

  /// Each output is an input as it is.
  [[nodiscard]] bool is_choice() const { return kind == "nearest" && coordinates != "tf_crop_and_resize"; }
};
/// @throws Unsupported for ways that are not computed here.
[[nodiscard]] ResizeMode read_resize_mode(const Context& c);

/// Whether a dimension stays as it is.
[[nodiscard]] bool is_kept(const ResizePlan& plan, const ResizeMode& mode, size_t axis);

/// Of nearest: the input index of each output index of an axis; -1: it lies outside.
[[nodiscard]] std::vector<int64_t> nearest_indices(const ResizePlan& plan, const ResizeMode& mode, size_t axis);

/// Of linear and cubic: what each output index of an axis is a weighted sum of, `count` inputs each.
struct Taps {
  int64_t count;
  std::vector<int64_t> from;  // -1 for all of one: it lies outside
  std::vector<float> weights;
};
[[nodiscard]] Taps taps_of(const ResizePlan& plan, const ResizeMode& mode, size_t axis);

}  // namespace scissionlite::ops
