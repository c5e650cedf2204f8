// Depthwise convolution whose weights are trained: libtorch's, but for the gradient of the weights.
#pragma once

#include "train/op/support.h"

namespace scissionlite::train::op {

/// Whether depthwise_convolution takes it: float32 on the CPU, one channel a group, square kernels of 3, 5 or 7, one stride, pad and dilation for
/// rows and columns.
[[nodiscard]] bool is_depthwise(const torch::Tensor& x, const torch::Tensor& w, const ops::Window& window, int64_t group);

/// Same values as at::convolution, and the same gradients up to the order of sums; that of the weights, which oneDNN 2.6 computes at 3 to 8 GFLOP/s a
/// core, takes a quarter of the time.
[[nodiscard]] torch::Tensor depthwise_convolution(const torch::Tensor& x, const torch::Tensor& w, const c10::optional<torch::Tensor>& bias,
                                                  const ops::Window& window);

}  // namespace scissionlite::train::op
