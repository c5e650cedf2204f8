// The QLinear operators of ONNX and com.microsoft: whole-number products in floating point, then one rescaling. Their
// gradient passes the roundings unchanged, so that what stands before them can be trained; their weights cannot.
#include "train/op/quantize.h"

namespace scissionlite::train::op {

Tensors conv(const OpContext&, const Tensors&);
Tensors matmul(const OpContext&, const Tensors&);
Tensors concat(const OpContext&, const Tensors&);
Tensors average_pool(const OpContext&, const Tensors&);

namespace {

/// Values of input i less its zero point (input i + 2), by `axis` where there are several.
torch::Tensor centred(const OpContext& c, const Tensors& in, size_t i, int64_t axis) {
  return wide(c, in[i]) - zero_along(c, in, i + 2, axis, in[i].dim());
}
/// The type of the codes, also where the first operand carries a gradient.
torch::ScalarType code_type(const Tensors& in) { return in[0].is_floating_point() ? in[7].scalar_type() : in[0].scalar_type(); }
/// Of input i, by its scale (input i + 1).
torch::Tensor dequantised(const OpContext& c, const Tensors& in, size_t i) { return centred(c, in, i, 0) * along(c, in[i + 1], 0, in[i].dim()); }

}  // namespace

// x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias (in steps of x_scale * w_scale)
Tensors qlinear_conv(const OpContext& c, const Tensors& in) {
  Tensors xw{centred(c, in, 0, 1), centred(c, in, 3, 0)};
  if (given(in, 8)) xw.push_back(wide(c, in[8]));
  const auto sums = conv(c, xw)[0];
  const auto scale = wide(c, in[1]) * along(c, in[4], 1, sums.dim()) / wide(c, in[6]);
  return {to_codes(c, sums * scale, zero_along(c, in, 7, 1, sums.dim()), in[7].scalar_type())};
}

// a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero
Tensors qlinear_matmul(const OpContext& c, const Tensors& in) {
  const auto sums = matmul(c, {centred(c, in, 0, -2), centred(c, in, 3, -1)})[0];
  const auto scale = wide(c, in[1]) * along(c, in[4], -1, sums.dim()) / wide(c, in[6]);
  return {to_codes(c, sums * scale, zero_along(c, in, 7, -1, sums.dim()), in[7].scalar_type())};
}

// a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero
// y = round(b * rb + (a * ra + fixed)), fixed = y_zero - (ra * a_zero + rb * b_zero), r the ratios of scales, with float32's
// rounding after each multiply-add, as ONNX Runtime 1.32 computes it: sums often lie halfway between two codes, and one step
// of difference grows on the way through a network.
Tensors qlinear_add(const OpContext& c, const Tensors& in) {
  const auto as_float = [](const torch::Tensor& t) { return t.to(torch::kFloat); };
  const auto multiply_add = [](const torch::Tensor& x, const torch::Tensor& y, const torch::Tensor& z) {
    return (x.to(torch::kDouble) * y.to(torch::kDouble) + z.to(torch::kDouble)).to(torch::kFloat);
  };
  const auto zero = [&](size_t i) { return given(in, i) ? as_float(in[i]) : torch::zeros({}); };
  const auto ratio_a = as_float(in[1]) / as_float(in[6]), ratio_b = as_float(in[4]) / as_float(in[6]);
  const auto fixed = zero(7) - multiply_add(ratio_a, zero(2), ratio_b * zero(5));
  const auto sums = wide(c, multiply_add(in[3], ratio_b, multiply_add(in[0], ratio_a, fixed)));
  return {to_codes(c, sums, torch::zeros({}, c.compute), code_type(in))};
}

// a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero
Tensors qlinear_mul(const OpContext& c, const Tensors& in) {
  const auto y = dequantised(c, in, 0) * dequantised(c, in, 3);
  return {to_codes(c, y / wide(c, in[6]), zero_along(c, in, 7, 1, y.dim()), code_type(in))};
}

// x, x_scale, x_zero, y_scale, y_zero
Tensors qlinear_global_average_pool(const OpContext& c, const Tensors& in) {
  if (c.node.int_attribute("channels_last", 0) != 0) throw Unsupported("[" + c.node.label() + "] channels_last has no gradient code");
  std::vector<int64_t> axes;
  int64_t count = 1;
  for (int64_t d = 2; d < in[0].dim(); ++d) {
    axes.push_back(d);
    count *= in[0].size(d);
  }
  const auto sums = centred(c, in, 0, 1).sum(axes, /*keepdim=*/true);
  const auto scale = wide(c, in[1]) / (wide(c, in[3]) * static_cast<double>(count));
  return {to_codes(c, sums * scale, zero_along(c, in, 4, 1, sums.dim()), in[4].scalar_type())};
}

// x, x_scale, x_zero, y_scale, y_zero
Tensors qlinear_average_pool(const OpContext& c, const Tensors& in) {
  if (c.node.int_attribute("channels_last", 0) != 0) throw Unsupported("[" + c.node.label() + "] channels_last has no gradient code");
  const auto means = average_pool(c, {dequantised(c, in, 0)})[0];
  return {to_codes(c, means / wide(c, in[3]), zero_along(c, in, 4, 1, means.dim()), in[4].scalar_type())};
}

// y_scale, y_zero, then x, x_scale, x_zero of each part
Tensors qlinear_concat(const OpContext& c, const Tensors& in) {
  Tensors parts;
  for (size_t i = 2; i + 2 < in.size(); i += 3) parts.push_back(dequantised(c, in, i));
  const auto y = concat(c, parts)[0];
  return {to_codes(c, y / wide(c, in[0]), zero_along(c, in, 1, 1, y.dim()), in[1].scalar_type())};
}

}  // namespace scissionlite::train::op
