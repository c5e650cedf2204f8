// Upsample and Resize, nearest and linear: one axis at a time, each output row a choice or a blend of two input rows.
#include "ops/resize_rule.h"
#include "train/convert.h"
#include "train/device.h"
#include "train/op/support.h"

namespace scissionlite::train::op {
namespace {

torch::Tensor nearest_along(const torch::Tensor& x, int64_t axis, int64_t size, double scale, const ops::ResizeMode& mode) {
  std::vector<int64_t> source;
  for (int64_t i = 0; i < size; ++i)
    source.push_back(ops::nearest_index(mode.rounding, ops::source_position(mode.coordinates, i, scale, x.size(axis), size), x.size(axis)));
  return x.index_select(axis, integers_for(x, source));
}

torch::Tensor linear_along(const torch::Tensor& x, int64_t axis, int64_t size, double scale, const ops::ResizeMode& mode) {
  const int64_t in = x.size(axis);
  std::vector<int64_t> low, high;
  std::vector<float> part;
  for (int64_t i = 0; i < size; ++i) {
    const double position = std::clamp(ops::source_position(mode.coordinates, i, scale, in, size), 0.0, static_cast<double>(in - 1));
    low.push_back(static_cast<int64_t>(position));
    high.push_back(std::min(low.back() + 1, in - 1));
    part.push_back(static_cast<float>(position - static_cast<double>(low.back())));
  }
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
  shape[static_cast<size_t>(axis)] = size;
  const auto weight = torch::tensor(part).to(x.options()).view(shape);
  return x.index_select(axis, integers_for(x, low)) * (1 - weight) + x.index_select(axis, integers_for(x, high)) * weight;
}

}  // namespace

Tensors resize(const OpContext& c, const Tensors& in) {
  std::vector<Tensor> constants(in.size());
  for (size_t i = 1; i < in.size(); ++i)
    if (given(in, i)) constants[i] = from_torch(in[i], in[i].is_floating_point() ? Dtype::kF32 : Dtype::kI64);
  const auto plan = ops::read_resize_plan(plain(c), shape_of(in[0]), constants);
  if (!plan) fail(c, "has neither scales nor sizes");
  const auto mode = ops::read_resize_mode(plain(c));
  if (mode.kind == "cubic") throw Unsupported("[" + c.node.label() + "] mode 'cubic' has no gradient code");
  auto y = in[0];
  for (size_t d = 0; d < plan->out.size(); ++d) {
    const auto axis = static_cast<int64_t>(d);
    if (plan->out[d] == y.size(axis) && plan->scales[d] == 1) continue;
    y = mode.kind == "nearest" ? nearest_along(y, axis, plan->out[d], plan->scales[d], mode)
                               : linear_along(y, axis, plan->out[d], plan->scales[d], mode);
  }
  return {y};
}

}  // namespace scissionlite::train::op
