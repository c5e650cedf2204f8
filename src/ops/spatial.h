// Activations as planes: (n, c, h, w), with (n, c, w) taken as h = 1. Private to ops/.
#pragma once

#include "ops/support.h"

namespace scissionlite::ops {

struct Planes {
  int64_t count, h, w;
  [[nodiscard]] int64_t size() const { return h * w; }
};
[[nodiscard]] inline Planes planes_of(const Shape& shape) {
  if (shape.size() == 3) return {shape[0] * shape[1], 1, shape[2]};
  return {shape[0] * shape[1], shape.size() > 2 ? shape[2] : 1, shape.size() > 3 ? shape[3] : 1};
}
/// A one-dimensional window as a two-dimensional one of height 1.
[[nodiscard]] inline Window as_2d(Window w) {
  if (w.rank() != 1) return w;
  for (auto* list : {&w.kernel, &w.strides, &w.dilations}) list->insert(list->begin(), 1);
  for (auto* list : {&w.pads_begin, &w.pads_end}) list->insert(list->begin(), 0);
  return w;
}

}  // namespace scissionlite::ops
