// FusedConv: y = activation(conv(x, w, b) + r), so that bias, residual and activation need no pass of their own over memory.
// Inputs X, W, B ("" for none), R (optional, of y's shape); attributes of Conv, and those of activation.h.
#include "ops/fused.h"

namespace scissionlite::ops {

extern const Operator conv, fused_conv;

namespace {

std::vector<ValueInfo> shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  (void)read_activation(c);
  auto out = conv.shape(c, in, constants);
  const auto residual = input_or_none(in, 3);
  if (out[0].has_shape && residual.has_shape) check_residual(c, residual.shape, out[0].shape);
  return out;
}

int64_t cost(const Context& c, std::span<const ValueInfo> in, std::span<const ValueInfo> out) { return conv.cost(c, in, out); }

std::vector<Tensor> reference(const Context& c, std::span<const Tensor> in) {
  auto out = conv.reference(c, in.first(std::min<size_t>(in.size(), 3)));
  add_and_activate(c, input_or_none(in, 3), read_activation(c), out[0]);
  return out;
}

}  // namespace

const Operator fused_conv{"scissionlite", "FusedConv", shape, cost, reference, 2};

}  // namespace scissionlite::ops
