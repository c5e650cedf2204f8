// Constant, ConstantOfShape, Shape, Cast.
#include "train/op/support.h"
#include "train/tensors/convert.h"

namespace scissionlite::train::op {

/// Computed once by the reference code, which knows every kind of value.
Tensors constant(const OpContext& c, const Tensors&) { return {to_torch(ops::find("", "Constant")->reference(plain(c), {})[0], c.compute)}; }

Tensors constant_of_shape(const OpContext& c, const Tensors& in) {
  const auto it = c.node.attributes.find("value");
  const auto value = it == c.node.attributes.end() ? torch::zeros({1}, c.compute) : to_torch(std::get<Tensor>(it->second), c.compute);
  return {value.view(-1).slice(0, 0, 1).view(std::vector<int64_t>{}).expand(integers(in[0])).contiguous()};
}

Tensors shape(const OpContext& c, const Tensors& in) { return {torch::tensor(ops::selected_sizes(c.node, shape_of(in[0])), torch::kLong)}; }

namespace {

/// Whole numbers as the target type holds them: truncated, and clamped where they do not fit.
torch::Tensor whole(const torch::Tensor& x, Dtype to) {
  const auto range = [&]() -> std::pair<double, double> {
    switch (to) {
      case Dtype::kU8: return {0, 255};
      case Dtype::kI8: return {-128, 127};
      case Dtype::kU16: return {0, 65535};
      case Dtype::kI16: return {-32768, 32767};
      case Dtype::kI32: return {-2147483648.0, 2147483647.0};
      case Dtype::kU32: return {0, 4294967295.0};
      case Dtype::kU64: return {0, 9.2e18};
      default: return {-9.2e18, 9.2e18};
    }
  }();
  return at::nan_to_num(x, 0).trunc().clamp(range.first, range.second);
}

}  // namespace

/// Floating types are all the run's own. With straight_through a gradient passes a cast to integers, whose result then
/// stays in the run's floating type.
Tensors cast(const OpContext& c, const Tensors& in) {
  const auto to = static_cast<Dtype>(c.node.int_attribute("to", 1));
  const auto& x = in[0];
  if (is_floating(to)) return {wide(c, x)};
  if (to == Dtype::kBool) return {x.ne(0)};
  if (!x.is_floating_point()) return {x.to(torch_type(to, c.compute))};
  const auto rounded = whole(x, to);
  if (c.straight_through && carries_gradient(x)) return {straight_through(x, rounded)};
  return {rounded.detach().to(torch_type(to, c.compute))};
}

}  // namespace scissionlite::train::op
