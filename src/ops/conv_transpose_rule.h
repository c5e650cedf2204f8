// Where the outputs of a ConvTranspose lie. Shared by ops/, optimise/ and train/op/.
#pragma once

#include "ops/support.h"

namespace scissionlite::ops {

/// Of an axis whose window makes `stride * (input size - 1) + extent` rows before pads cut it: what is cut in front, and the output's size less
/// stride * input size.
struct TransposedAxis {
  int64_t pad, extra;
};
/// pads, output_padding, auto_pad and output_shape in one. @param in_size  -1: open. @return nullopt where it is open and output_shape says what
/// comes out.
[[nodiscard]] std::optional<TransposedAxis> transposed_axis(const Context& c, const Window& window, size_t axis, int64_t in_size);

}  // namespace scissionlite::ops
