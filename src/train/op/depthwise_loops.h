// Inner loops of the gradient of depthwise weights, channels last. Free of libtorch.
#pragma once

#include <cstdint>

namespace scissionlite::train::op {

/// Of one image. Kernels are square and `taps` wide; rows and columns have the same stride, pad and dilation.
struct DepthwiseSize {
  int64_t channels, taps, stride, pad, dilation, in_h, in_w, out_h, out_w;
};

[[nodiscard]] bool has_depthwise_loop(int64_t taps);  // 3, 5, 7

/// Adds to sums, [taps][taps][channels], what one image gives: gradient [out_h][out_w][channels] times x [in_h][in_w][channels] under each tap.
/// Cost: out_h * out_w * taps^2 * channels multiply-accumulates; sums of a row stay in registers.
void add_depthwise_weight_gradients(const float* x, const float* gradient, const DepthwiseSize& size, float* sums);

}  // namespace scissionlite::train::op
