// Arithmetic with numpy broadcasting, and functions of one number. Integers stay integers: shapes are computed with them.
#include "train/op/support.h"

namespace scissionlite::train::op {
namespace {

template <typename F>
Tensors fold(const Tensors& in, F&& f) {
  auto out = in[0];
  for (size_t i = 1; i < in.size(); ++i) out = f(out, in[i]);
  return {out};
}

/// Powers have the type of their base.
torch::Tensor typed_as_first(const torch::Tensor& y, const torch::Tensor& first) { return first.is_floating_point() ? y : y.to(first.scalar_type()); }

}  // namespace

Tensors add(const OpContext&, const Tensors& in) {
  return fold(in, [](const auto& a, const auto& b) { return a + b; });
}
Tensors sub(const OpContext&, const Tensors& in) { return {in[0] - in[1]}; }
Tensors mul(const OpContext&, const Tensors& in) { return {in[0] * in[1]}; }
/// Integers are divided towards zero.
Tensors div(const OpContext&, const Tensors& in) {
  if (in[0].is_floating_point() || in[1].is_floating_point()) return {in[0] / in[1]};
  return {at::div(in[0], in[1], "trunc")};
}
/// A constant whole exponent keeps the gradient of negative bases finite.
Tensors pow(const OpContext&, const Tensors& in) {
  if (in[1].numel() == 1 && !carries_gradient(in[1])) return {typed_as_first(in[0].pow(scalar(in[1])), in[0])};
  return {typed_as_first(at::pow(in[0], in[1]), in[0])};
}
/// fmod: the sign of the dividend; else that of the divisor.
Tensors mod(const OpContext& c, const Tensors& in) {
  return {c.node.int_attribute("fmod", 0) != 0 ? at::fmod(in[0], in[1]) : at::remainder(in[0], in[1])};
}
Tensors mean(const OpContext& c, const Tensors& in) { return {add(c, in)[0] / static_cast<double>(in.size())}; }
Tensors minimum(const OpContext&, const Tensors& in) {
  return fold(in, [](const auto& a, const auto& b) { return at::minimum(a, b); });
}
Tensors maximum(const OpContext&, const Tensors& in) {
  return fold(in, [](const auto& a, const auto& b) { return at::maximum(a, b); });
}
Tensors abs(const OpContext&, const Tensors& in) { return {in[0].abs()}; }
Tensors neg(const OpContext&, const Tensors& in) { return {in[0].neg()}; }
Tensors exp(const OpContext&, const Tensors& in) { return {in[0].exp()}; }
Tensors log(const OpContext&, const Tensors& in) { return {in[0].log()}; }
Tensors sqrt(const OpContext&, const Tensors& in) { return {in[0].sqrt()}; }
Tensors reciprocal(const OpContext&, const Tensors& in) { return {in[0].reciprocal()}; }

namespace {
Tensors stepped(const OpContext& c, const torch::Tensor& x, const torch::Tensor& y) { return {c.straight_through ? straight_through(x, y) : y}; }
}  // namespace

Tensors floor(const OpContext& c, const Tensors& in) { return stepped(c, in[0], in[0].floor()); }
Tensors ceil(const OpContext& c, const Tensors& in) { return stepped(c, in[0], in[0].ceil()); }
Tensors round(const OpContext& c, const Tensors& in) { return stepped(c, in[0], in[0].round()); }

}  // namespace scissionlite::train::op
