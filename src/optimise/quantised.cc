#include "optimise/quantised.h"

#include <cmath>

namespace scissionlite {
namespace {

bool is_byte(Dtype dtype) { return dtype == Dtype::kU8 || dtype == Dtype::kI8; }

/// Scale and zero point of one value each.
std::optional<Codes> codes_of(const Rewriter& r, const std::string& value, Dtype dtype, const std::string& scale, const std::string& zero) {
  const Tensor *scales = r.constant(scale), *zeros = zero.empty() ? nullptr : r.constant(zero);
  if (dtype == Dtype::kUndefined && zeros) dtype = zeros->dtype();  // of a value that a pass made
  if (!is_byte(dtype) || !scales || scales->dtype() != Dtype::kF32 || scales->size() != 1 || (!zero.empty() && (!zeros || zeros->size() != 1)))
    return std::nullopt;
  return Codes{value, scale, zero, dtype, scales->as<float>()[0], zeros ? zeros->to_i64()[0] : 0};
}

int64_t byte_of(float value, const Codes& y) {
  const double q = std::nearbyint(value / y.scale_value) + static_cast<double>(y.zero_value);
  return static_cast<int64_t>(std::clamp<double>(q, static_cast<double>(y.low()), static_cast<double>(y.low() + 255)));
}

}  // namespace

void swap_with_mover(Rewriter& r, size_t mover, size_t i) {
  Node first = r.node(i), second = r.node(mover);
  second.outputs = first.outputs;
  first.inputs[0] = second.inputs[0];
  first.outputs[0] = r.fresh_name(second.outputs[0] + "_before");
  second.inputs[0] = first.outputs[0];
  r.erase(i);
  r.replace(mover, std::move(first));
  r.insert_after(mover, std::move(second));
}

std::optional<Codes> dequantised(const Rewriter& r, const std::string& value) {
  const auto maker = r.producer(value);
  if (!maker || !is_onnx(r.node(*maker), "DequantizeLinear")) return std::nullopt;
  const auto& node = r.node(*maker);
  return codes_of(r, node.inputs[0], r.dtype(node.inputs[0]), input_of(node, 1), input_of(node, 2));
}

std::optional<Codes> quantised(const Rewriter& r, size_t i) {
  const auto& node = r.node(i);
  if (!is_onnx(node, "QuantizeLinear") || r.dtype(node.inputs[0]) != Dtype::kF32) return std::nullopt;
  return codes_of(r, node.outputs[0], r.dtype(node.outputs[0]), input_of(node, 1), input_of(node, 2));
}

std::optional<CodedWeights> coded_weights(const Rewriter& r, const std::string& value, int64_t axis) {
  const auto maker = r.producer(value);
  if (!maker || !is_onnx(r.node(*maker), "DequantizeLinear")) return std::nullopt;
  const auto& node = r.node(*maker);
  const Tensor *codes = r.constant(node.inputs[0]), *scales = r.constant(input_of(node, 1)), *zeros = r.constant(input_of(node, 2));
  if (!codes || !is_byte(codes->dtype()) || node.int_attribute("block_size", 0) != 0 || !scales || scales->dtype() != Dtype::kF32 ||
      (!input_of(node, 2).empty() && !zeros))
    return std::nullopt;
  const auto rank = static_cast<int64_t>(codes->shape().size());
  if (axis >= rank) return std::nullopt;
  const int64_t given = node.int_attribute("axis", 1), outputs = codes->shape()[static_cast<size_t>(axis)];
  if (scales->size() != 1 && (scales->size() != outputs || (given < 0 ? given + rank : given) != axis)) return std::nullopt;
  const auto values = scales->as<float>();
  return CodedWeights{node.inputs[0], input_of(node, 1), input_of(node, 2), codes->shape(), {values.begin(), values.end()}};
}

std::string zero_of(Rewriter& r, const Codes& codes) {
  if (!codes.zero.empty()) return codes.zero;
  Tensor zero(codes.dtype, {});
  zero.mutable_data()[0] = std::byte{0};
  return r.add_constant(codes.value + "_zero", zero);
}

std::optional<ProductForm> read_product(const Node& node) {
  if (is_onnx(node, "MatMul")) return ProductForm{};
  if (!is_onnx(node, "Gemm") || node.int_attribute("transA", 0) != 0 || node.float_attribute("alpha", 1) != 1 ||
      (node.inputs.size() > 2 && node.float_attribute("beta", 1) != 1))
    return std::nullopt;
  return ProductForm{node.int_attribute("transB", 0) != 0};
}

std::string as_columns(Rewriter& r, const CodedWeights& w) {
  const Tensor codes = *r.constant(w.codes);
  const auto n = static_cast<size_t>(w.shape[0]), k = static_cast<size_t>(w.shape[1]);
  Tensor turned(codes.dtype(), {w.shape[1], w.shape[0]});
  for (size_t i = 0; i < n; ++i)
    for (size_t j = 0; j < k; ++j) turned.mutable_data()[j * n + i] = codes.data()[i * k + j];
  return r.add_constant(w.codes + "_turned", turned);
}

std::optional<Tensor> integer_bias(const Rewriter& r, const std::string& value, float x_scale, const std::vector<float>& scales, int64_t outputs) {
  std::vector<double> bias;
  if (const Tensor* floats = r.constant(value); floats && floats->dtype() == Dtype::kF32) {
    for (const float v : floats->as<float>()) bias.push_back(v);
  } else if (const auto maker = r.producer(value); maker && is_onnx(r.node(*maker), "DequantizeLinear")) {
    const auto& node = r.node(*maker);
    const Tensor *codes = r.constant(node.inputs[0]), *steps = r.constant(input_of(node, 1)), *zeros = r.constant(input_of(node, 2));
    if (!codes || !steps || steps->dtype() != Dtype::kF32 || codes->size() == 0 || (steps->size() != 1 && steps->size() != codes->size()))
      return std::nullopt;
    const auto values = codes->to_i64(), zero = zeros ? zeros->to_i64() : std::vector<int64_t>{0};
    for (size_t i = 0; i < values.size(); ++i)
      bias.push_back(static_cast<double>(values[i] - zero[zero.size() > 1 ? i : 0]) * steps->as<float>()[steps->size() > 1 ? i : 0]);
  }
  if (static_cast<int64_t>(bias.size()) != outputs) return std::nullopt;
  Tensor out(Dtype::kI32, {outputs});
  for (size_t k = 0; k < bias.size(); ++k) {
    const double steps = std::nearbyint(bias[k] / (static_cast<double>(x_scale) * scales[scales.size() > 1 ? k : 0]));
    if (!(std::abs(steps) < 1 << 30)) return std::nullopt;
    out.mutable_as<int32_t>()[k] = static_cast<int32_t>(steps);
  }
  return out;
}

std::optional<ByteBounds> bounds_of(const ops::Activation& f, const Codes& y) {
  if (f.none()) return ByteBounds{y.low(), y.low() + 255};
  if (f.kind == ops::ActivationKind::kRelu) return ByteBounds{byte_of(0, y), y.low() + 255};
  if (f.kind == ops::ActivationKind::kClip) return ByteBounds{byte_of(f.alpha, y), byte_of(f.beta, y)};
  return std::nullopt;
}

Tensor byte_table(const Codes& x, const Codes& y, const ops::Activation& f) {
  Tensor table(y.dtype, {256});
  for (int code = 0; code < 256; ++code) {
    const int64_t q = x.dtype == Dtype::kI8 ? static_cast<int8_t>(code) : code;
    const float value = static_cast<float>(q - x.zero_value) * x.scale_value;
    table.mutable_data()[code] = static_cast<std::byte>(byte_of(f(value), y));
  }
  return table;
}

}  // namespace scissionlite
