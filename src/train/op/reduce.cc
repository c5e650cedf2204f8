// ReduceMean, ReduceSum, ReduceMax, ReduceMin, ReduceProd, ReduceL2, ArgMax, ArgMin.
#include "train/op/support.h"

namespace scissionlite::train::op {
namespace {

/// Axes to reduce, sorted; empty when the input passes through (noop_with_empty_axes).
std::vector<int64_t> axes_of(const OpContext& c, const Tensors& in) {
  auto axes = attribute_or_input(c, in, 1, "axes");
  if (axes.empty() && c.node.int_attribute("noop_with_empty_axes", 0) == 0)
    for (int64_t d = 0; d < in[0].dim(); ++d) axes.push_back(d);
  for (auto& axis : axes) axis = normal_axis(c, axis, in[0].dim());
  std::sort(axes.begin(), axes.end());
  return axes;
}
bool keeps(const OpContext& c) { return c.node.int_attribute("keepdims", 1) != 0; }

template <typename Reduce>
Tensors reduced(const OpContext& c, const Tensors& in, Reduce&& reduce) {
  const auto axes = axes_of(c, in);
  return {axes.empty() ? in[0] : reduce(in[0], axes, keeps(c))};
}

torch::Tensor product_over(torch::Tensor x, const std::vector<int64_t>& axes, bool keep) {
  for (size_t i = axes.size(); i-- > 0;) x = x.prod(axes[i], keep);
  return x;
}

template <typename Arg>
Tensors index_of(const OpContext& c, const torch::Tensor& x, Arg&& arg) {
  const int64_t axis = normal_axis(c, c.node.int_attribute("axis", 0), x.dim());
  if (c.node.int_attribute("select_last_index", 0) == 0) return {arg(x, axis, keeps(c))};
  return {x.size(axis) - 1 - arg(x.flip(axis), axis, keeps(c))};
}

}  // namespace

Tensors reduce_mean(const OpContext& c, const Tensors& in) {
  return reduced(c, in, [](const auto& x, const auto& axes, bool keep) { return x.mean(axes, keep); });
}
Tensors reduce_sum(const OpContext& c, const Tensors& in) {
  return reduced(c, in, [](const auto& x, const auto& axes, bool keep) { return x.sum(axes, keep); });
}
Tensors reduce_max(const OpContext& c, const Tensors& in) {
  return reduced(c, in, [](const auto& x, const auto& axes, bool keep) { return at::amax(x, axes, keep); });
}
Tensors reduce_min(const OpContext& c, const Tensors& in) {
  return reduced(c, in, [](const auto& x, const auto& axes, bool keep) { return at::amin(x, axes, keep); });
}
Tensors reduce_prod(const OpContext& c, const Tensors& in) { return reduced(c, in, product_over); }
Tensors reduce_l2(const OpContext& c, const Tensors& in) {
  return reduced(c, in, [](const auto& x, const auto& axes, bool keep) { return at::norm(x, 2, axes, keep); });
}
Tensors arg_max(const OpContext& c, const Tensors& in) {
  return index_of(c, in[0], [](const auto& x, int64_t axis, bool keep) { return at::argmax(x, axis, keep); });
}
Tensors arg_min(const OpContext& c, const Tensors& in) {
  return index_of(c, in[0], [](const auto& x, int64_t axis, bool keep) { return at::argmin(x, axis, keep); });
}

}  // namespace scissionlite::train::op
