// A quantised value q stands for (q - zero_point) * scale. Private to train/op/.
#pragma once

#include "train/op/support.h"

namespace scissionlite::train::op {

/// `t` (a number, or one per index of `axis`) shaped to broadcast over a tensor of `rank` dimensions, in the run's type.
[[nodiscard]] torch::Tensor along(const OpContext& c, const torch::Tensor& t, int64_t axis, int64_t rank);
/// Zero point i of the inputs, as `along`; 0 when absent.
[[nodiscard]] torch::Tensor zero_along(const OpContext& c, const Tensors& in, size_t i, int64_t axis, int64_t rank);
/// round(scaled) + zero, clamped to the range of `like` (the zero point's type). Gradients pass the rounding unchanged and
/// stop where the value is clamped; a value that carries one stays in the run's floating type.
[[nodiscard]] torch::Tensor to_codes(const OpContext& c, const torch::Tensor& scaled, const torch::Tensor& zero, torch::ScalarType like);

}  // namespace scissionlite::train::op
