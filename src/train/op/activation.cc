// Activations: functions of one tensor, applied to each element.
#include "train/op/support.h"

namespace scissionlite::train::op {

Tensors relu(const OpContext&, const Tensors& in) { return {at::relu(in[0])}; }
Tensors leaky_relu(const OpContext& c, const Tensors& in) { return {at::leaky_relu(in[0], c.node.float_attribute("alpha", 0.01F))}; }
/// The slope broadcasts as numpy does it.
Tensors prelu(const OpContext&, const Tensors& in) { return {at::relu(in[0]) + in[1] * in[0].clamp_max(0)}; }
Tensors elu(const OpContext& c, const Tensors& in) { return {at::elu(in[0], c.node.float_attribute("alpha", 1))}; }

/// Bounds are attributes below opset 11 and inputs from it.
Tensors clip(const OpContext& c, const Tensors& in) {
  const auto bound = [&](size_t i, const char* name) -> c10::optional<at::Scalar> {
    if (c.opset >= 11) return given(in, i) ? c10::optional<at::Scalar>(in[i].detach().view(-1)[0].item()) : c10::nullopt;
    return c.node.has(name) ? c10::optional<at::Scalar>(c.node.float_attribute(name, 0)) : c10::nullopt;
  };
  const auto low = bound(1, "min"), high = bound(2, "max");
  // both are the same in values; of hardtanh the gradient is one pass over memory, of clamp five
  if (low && high && in[0].is_floating_point() && low->toDouble() <= high->toDouble()) return {at::hardtanh(in[0], *low, *high)};
  return {low || high ? at::clamp(in[0], low, high) : in[0]};
}

Tensors hard_sigmoid(const OpContext& c, const Tensors& in) {
  return {at::hardtanh(in[0] * c.node.float_attribute("alpha", 0.2F) + c.node.float_attribute("beta", 0.5F), 0, 1)};
}
Tensors hard_swish(const OpContext&, const Tensors& in) { return {at::hardswish(in[0])}; }
Tensors sigmoid(const OpContext&, const Tensors& in) { return {at::sigmoid(in[0])}; }
Tensors tanh(const OpContext&, const Tensors& in) { return {at::tanh(in[0])}; }
Tensors softplus(const OpContext&, const Tensors& in) { return {at::softplus(in[0])}; }
Tensors softsign(const OpContext&, const Tensors& in) { return {in[0] / (in[0].abs() + 1)}; }
Tensors mish(const OpContext&, const Tensors& in) { return {in[0] * at::tanh(at::softplus(in[0]))}; }
Tensors erf(const OpContext&, const Tensors& in) { return {at::erf(in[0])}; }

}  // namespace scissionlite::train::op
