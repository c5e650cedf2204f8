// Fused forms of quantised operators: an activation behind one is a pair of bounds of the bytes, `low` and `high` (attributes; absent:
// the type's), a bias is in steps of x_scale * w_scale, and any function of one byte is a table.
#include "ops/fused.h"

namespace scissionlite::ops {

extern const Operator matmul, qlinear_conv, qlinear_matmul, qlinear_add, qlinear_mul, quantize, dequantize, average_pool_op, concat;

namespace {

void bound(const Context& c, Tensor& y) {
  const bool is_signed = y.dtype() == Dtype::kI8;
  const int64_t low = c.node.int_attribute("low", is_signed ? -128 : 0), high = c.node.int_attribute("high", is_signed ? 127 : 255);
  if (is_signed)
    for (auto& v : y.mutable_as<int8_t>()) v = static_cast<int8_t>(std::clamp<int64_t>(v, low, high));
  else
    for (auto& v : y.mutable_as<uint8_t>()) v = static_cast<uint8_t>(std::clamp<int64_t>(v, low, high));
}

/// What the operator does, bounded.
template <const Operator& kOperator>
std::vector<Tensor> bounded(const Context& c, std::span<const Tensor> in) {
  auto out = kOperator.reference(c, in);
  bound(c, out[0]);
  return out;
}

std::vector<ValueInfo> conv_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  return qlinear_conv.shape(c, in, constants);
}
int64_t conv_cost(const Context& c, std::span<const ValueInfo> in, std::span<const ValueInfo> out) { return qlinear_conv.cost(c, in, out); }
std::vector<ValueInfo> matmul_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  return qlinear_matmul.shape(c, in, constants);
}
int64_t matmul_cost(const Context& c, std::span<const ValueInfo> in, std::span<const ValueInfo> out) { return qlinear_matmul.cost(c, in, out); }
std::vector<ValueInfo> binary_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  auto out = qlinear_add.shape(c, in, constants);
  if (in.size() > 7 && in[7].dtype != Dtype::kUndefined) out[0].dtype = in[7].dtype;
  return out;
}

/// a (..., k), w (k, n), bias (n) of int32 or absent.
std::vector<Tensor> matmul_reference(const Context& c, std::span<const Tensor> in) {
  const auto a = in[0].to_i64(), w = in[3].to_i64(), bias = input_or_none(in, 8).empty() ? std::vector<int64_t>{} : in[8].to_i64();
  const auto zero = [&](size_t i) { return in[i].empty() ? std::vector<int64_t>{0} : in[i].to_i64(); };
  const auto a_zero = zero(2), w_zero = zero(5), y_zero = zero(7);
  const auto a_scale = in[1].to_f32(), w_scale = in[4].to_f32(), y_scale = in[6].to_f32();
  const size_t k = static_cast<size_t>(in[3].shape()[0]), n = static_cast<size_t>(in[3].shape()[1]), m = a.size() / k;
  if (in[0].shape().back() != in[3].shape()[0])
    fail(c, "given " + to_string(in[0].shape()) + " and weights " + to_string(in[3].shape()) + ", expected one length");
  Shape shape = in[0].shape();
  shape.back() = in[3].shape()[1];
  Tensor y(in[7].dtype(), shape);
  const bool is_signed = y.dtype() == Dtype::kI8;
  for (size_t i = 0; i < m; ++i)
    for (size_t j = 0; j < n; ++j) {
      int64_t sum = bias.empty() ? 0 : bias[j];
      for (size_t l = 0; l < k; ++l) sum += (a[i * k + l] - a_zero[0]) * (w[l * n + j] - w_zero[w_zero.size() > 1 ? j : 0]);
      const float scale = a_scale.as<float>()[0] * w_scale.as<float>()[w_scale.size() > 1 ? j : 0] / y_scale.as<float>()[0];
      const double v = std::clamp<double>(std::nearbyint(static_cast<float>(sum) * scale) + static_cast<double>(y_zero[0]), is_signed ? -128 : 0,
                                          is_signed ? 127 : 255);
      if (is_signed) y.mutable_as<int8_t>()[i * n + j] = static_cast<int8_t>(v);
      else y.mutable_as<uint8_t>()[i * n + j] = static_cast<uint8_t>(v);
    }
  bound(c, y);
  return {y};
}

// ---- QLinearMatMulToFloat: a, a_scale, a_zero, w, w_scale, w_zero, bias (float32, one an output, or absent) ----
std::vector<ValueInfo> matmul_to_float_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  auto out = matmul.shape(c, std::vector<ValueInfo>{in[0], in[3]}, constants);
  out[0].dtype = Dtype::kF32;
  return out;
}
std::vector<Tensor> matmul_to_float_reference(const Context& c, std::span<const Tensor> in) {
  const Node plain;  // axis 1, which outputs are: the last one of a matrix
  const Context of_codes{plain, c.opset};
  const std::vector<Tensor> x{in[0], in[1], in[2]}, w{in[3], in[4], in[5]};
  Tensor y = matmul.reference(c, std::vector<Tensor>{dequantize.reference(of_codes, x)[0], dequantize.reference(of_codes, w)[0]})[0];
  if (const auto& bias = input_or_none(in, 6); !bias.empty()) {
    const auto added = bias.as<float>();
    auto values = y.mutable_as<float>();
    for (size_t i = 0; i < values.size(); ++i) values[i] += added[i % added.size()];
  }
  return {y};
}

// ---- ByteTable: x, table (256 of the result's type, by the byte's bits) ----
std::vector<ValueInfo> table_shape(const Context&, std::span<const ValueInfo> in, std::span<const Tensor>) {
  ValueInfo out = in[0];
  out.name.clear();
  out.dtype = in[1].dtype;
  return {out};
}
std::vector<Tensor> table_reference(const Context& c, std::span<const Tensor> in) {
  if (in[1].size() != 256) fail(c, "given a table of " + std::to_string(in[1].size()) + " values, expected 256");
  Tensor y(in[1].dtype(), in[0].shape());
  for (size_t i = 0; i < y.size_bytes(); ++i) y.mutable_data()[i] = in[1].data()[static_cast<size_t>(in[0].data()[i])];
  return {y};
}

// ---- com.microsoft QLinearConcat: y_scale, y_zero, then x, x_scale, x_zero of each part ----
std::vector<ValueInfo> concat_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor>) {
  std::vector<ValueInfo> parts;
  for (size_t i = 2; i < in.size(); i += 3) parts.push_back(in[i]);
  auto out = concat.shape(c, parts, {});
  if (in[1].dtype != Dtype::kUndefined) out[0].dtype = in[1].dtype;
  return out;
}
std::vector<Tensor> concat_reference(const Context& c, std::span<const Tensor> in) {
  std::vector<Tensor> parts;
  const Node per_tensor;  // no axis: one scale
  const Context of_tensor{per_tensor, c.opset};
  for (size_t i = 2; i + 2 < in.size(); i += 3) {
    const std::vector<Tensor> codes{in[i], in[i + 1], in[i + 2]};
    const std::vector<Tensor> values{dequantize.reference(of_tensor, codes)[0], in[0], in[1]};
    parts.push_back(quantize.reference(of_tensor, values)[0]);
  }
  return concat.reference(c, parts);
}

// ---- com.microsoft QLinearAveragePool: x, x_scale, x_zero, y_scale, y_zero ----
std::vector<ValueInfo> average_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  if (c.node.int_attribute("channels_last", 0) != 0) return {unshaped(in[0].dtype)};
  auto out = average_pool_op.shape(c, in.first(1), constants.first(std::min<size_t>(constants.size(), 1)));
  out[0].dtype = in[0].dtype;
  return out;
}
std::vector<Tensor> average_reference(const Context& c, std::span<const Tensor> in) {
  if (c.node.int_attribute("channels_last", 0) != 0) fail_unsupported(c, "channels_last");
  const Node per_tensor;
  const Context of_tensor{per_tensor, c.opset};
  const std::vector<Tensor> means{average_pool_op.reference(c, dequantize.reference(of_tensor, in.first(3)))[0], in[3], in[4]};
  auto out = quantize.reference(of_tensor, means);
  bound(c, out[0]);
  return out;
}

}  // namespace

extern const Operator fused_qlinear_conv, fused_qlinear_matmul, qlinear_matmul_to_float, fused_qlinear_add, fused_qlinear_mul, byte_table,
    qlinear_concat, qlinear_average_pool;
const Operator fused_qlinear_conv{"scissionlite", "FusedQLinearConv", conv_shape, conv_cost, bounded<qlinear_conv>, 8};
const Operator fused_qlinear_matmul{"scissionlite", "FusedQLinearMatMul", matmul_shape, matmul_cost, matmul_reference, 8};
const Operator qlinear_matmul_to_float{"scissionlite", "QLinearMatMulToFloat", matmul_to_float_shape, matmul_cost, matmul_to_float_reference, 6};
const Operator fused_qlinear_add{"scissionlite", "FusedQLinearAdd", binary_shape, no_cost, bounded<qlinear_add>, 7};
const Operator fused_qlinear_mul{"scissionlite", "FusedQLinearMul", binary_shape, no_cost, bounded<qlinear_mul>, 7};
const Operator byte_table{"scissionlite", "ByteTable", table_shape, no_cost, table_reference, 2};
const Operator qlinear_concat{"com.microsoft", "QLinearConcat", concat_shape, no_cost, concat_reference, 5};
const Operator qlinear_average_pool{"com.microsoft", "QLinearAveragePool", average_shape, no_cost, average_reference, 5};

}  // namespace scissionlite::ops
