// QuantizeLinear with a straight-through gradient, DequantizeLinear.
#include "train/op/quantize.h"

#include "train/tensors/convert.h"
#include "train/tensors/device.h"

namespace scissionlite::train::op {

torch::Tensor along(const OpContext& c, const torch::Tensor& t, int64_t axis, int64_t rank) {
  const auto values = on_device(wide(c, t));
  if (values.numel() == 1) return values.reshape(std::vector<int64_t>{});
  if (values.dim() != 1) throw Unsupported("[" + c.node.label() + "] scales of shape " + to_string(shape_of(t)) + " have no gradient code");
  std::vector<int64_t> shape(static_cast<size_t>(rank), 1);
  shape[static_cast<size_t>(normal_axis(c, axis, rank))] = values.numel();
  return values.view(shape);
}

torch::Tensor zero_along(const OpContext& c, const Tensors& in, size_t i, int64_t axis, int64_t rank) {
  return given(in, i) ? along(c, in[i], axis, rank) : torch::zeros(std::vector<int64_t>{}, c.compute);
}

torch::Tensor to_codes(const OpContext& c, const torch::Tensor& scaled, const torch::Tensor& zero, torch::ScalarType like) {
  const auto range = [&]() -> std::pair<double, double> {
    switch (like) {
      case torch::kByte: return {0, 255};
      case torch::kChar: return {-128, 127};
      case torch::kShort: return {-32768, 32767};
      case torch::kInt: return {0, 65535};  // how uint16 is held
      default: fail(c, "quantises to a type that has no gradient code");
    }
  }();
  const auto codes = (straight_through(scaled, at::nan_to_num(scaled, 0).round()) + zero).clamp(range.first, range.second);
  return carries_gradient(codes) ? codes : codes.to(like);
}

namespace {

/// Scales or zero points of QuantizeLinear and DequantizeLinear, as they broadcast over x: one, along an axis, or of blocks of neighbours along it.
torch::Tensor over(const OpContext& c, const torch::Tensor& t, const torch::Tensor& x) {
  const int64_t axis = c.node.int_attribute("axis", 1), block = c.node.int_attribute("block_size", 0);
  if (block <= 0) return along(c, t, axis, x.dim());
  const int64_t d = normal_axis(c, axis, x.dim());
  auto expected = x.sizes().vec();
  expected[static_cast<size_t>(d)] = (x.size(d) + block - 1) / block;
  if (t.sizes() != expected)
    fail(c, "scales of shape " + to_string(shape_of(t)) + " do not fit blocks of " + std::to_string(block) + ", expected " + to_string(expected));
  return on_device(wide(c, t)).repeat_interleave(block, d).narrow(d, 0, x.size(d));
}
torch::Tensor zero_over(const OpContext& c, const Tensors& in, const torch::Tensor& x) {
  return given(in, 2) ? over(c, in[2], x) : torch::zeros(std::vector<int64_t>{}, c.compute);
}

}  // namespace

Tensors quantize(const OpContext& c, const Tensors& in) {
  const auto x = wide(c, in[0]);
  const auto like = given(in, 2) ? in[2].scalar_type() : torch_type(static_cast<Dtype>(c.node.int_attribute("output_dtype", 2)), c.compute);
  return {to_codes(c, x / over(c, in[1], x), zero_over(c, in, x), like)};
}

Tensors dequantize(const OpContext& c, const Tensors& in) { return {(on_device(wide(c, in[0])) - zero_over(c, in, in[0])) * over(c, in[1], in[0])}; }

}  // namespace scissionlite::train::op
