// Upsample and Resize: one axis at a time, each output row a choice or a blend of input rows.
#include "ops/resize_rule.h"
#include "train/op/support.h"
#include "train/tensors/convert.h"
#include "train/tensors/device.h"

namespace scissionlite::train::op {
namespace {

/// Outputs that lie outside, along one axis.
torch::Tensor with_beyond(const torch::Tensor& y, int64_t axis, const std::vector<int64_t>& outside, float beyond) {
  return outside.empty() ? y : y.index_fill(axis, integers_for(y, outside), beyond);
}

torch::Tensor nearest_along(const torch::Tensor& x, int64_t axis, std::vector<int64_t> source, float beyond) {
  std::vector<int64_t> outside;
  for (size_t i = 0; i < source.size(); ++i)
    if (source[i] < 0) outside.push_back(static_cast<int64_t>(i)), source[i] = 0;
  return with_beyond(x.index_select(axis, integers_for(x, source)), axis, outside, beyond);
}

torch::Tensor blend_along(const torch::Tensor& x, int64_t axis, const ops::Taps& taps, float beyond) {
  const int64_t size = static_cast<int64_t>(taps.from.size()) / taps.count;
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1), outside;
  shape[static_cast<size_t>(axis)] = size;
  for (int64_t i = 0; i < size; ++i)
    if (taps.from[static_cast<size_t>(i * taps.count)] < 0) outside.push_back(i);
  torch::Tensor sum;
  for (int64_t k = 0; k < taps.count; ++k) {
    std::vector<int64_t> from;
    std::vector<float> weights;
    for (auto at = static_cast<size_t>(k); at < taps.from.size(); at += static_cast<size_t>(taps.count))
      from.push_back(std::max<int64_t>(taps.from[at], 0)), weights.push_back(taps.weights[at]);
    const auto part = x.index_select(axis, integers_for(x, from)) * torch::tensor(weights).to(x.options()).view(shape);
    sum = sum.defined() ? sum + part : part;
  }
  return with_beyond(sum, axis, outside, beyond);
}

}  // namespace

Tensors resize(const OpContext& c, const Tensors& in) {
  std::vector<Tensor> constants(in.size());
  for (size_t i = 1; i < in.size(); ++i)
    if (given(in, i)) constants[i] = from_torch(in[i], in[i].is_floating_point() ? Dtype::kF32 : Dtype::kI64);
  const auto plan = ops::read_resize_plan(plain(c), shape_of(in[0]), constants);
  if (!plan) fail(c, "has neither scales nor sizes");
  const auto mode = ops::read_resize_mode(plain(c));
  auto y = in[0];
  for (size_t d = 0; d < plan->out.size(); ++d) {
    if (ops::is_kept(*plan, mode, d)) continue;
    const auto axis = static_cast<int64_t>(d);
    y = mode.kind == "nearest" ? nearest_along(y, axis, ops::nearest_indices(*plan, mode, d), mode.beyond)
                               : blend_along(y, axis, ops::taps_of(*plan, mode, d), mode.beyond);
  }
  return {y};
}

}  // namespace scissionlite::train::op
