// What fake_quantize_loops.h computes, by libtorch's own operators on whole tensors: for values that are not on the CPU. About four
// passes over the values forward and ten backward, where the loops make one.
#pragma once

#include <utility>

#include "train/op/fake_quantize_loops.h"
#include "train/tensors/torch.h"

namespace scissionlite::train::op {

/// `step` has one value, or one for each index of `axis` of `x`.
[[nodiscard]] torch::Tensor quantised_as_a_whole(const torch::Tensor& x, const torch::Tensor& step, const Codes& range, int64_t axis);

/// Gradients of x and of the steps.
[[nodiscard]] std::pair<torch::Tensor, torch::Tensor> gradients_as_a_whole(const torch::Tensor& x, const torch::Tensor& gradient,
                                                                           const torch::Tensor& step, const Codes& range, int64_t axis);

}  // namespace scissionlite::train::op
