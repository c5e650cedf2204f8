#include "engine/backends/native/lowering/int8_product.h"

#include <algorithm>

namespace scissionlite::native {

namespace {

constexpr int64_t kFewRows = 4;

bool is_matmul(const Node& node) { return node.op_type == "QLinearMatMul" || node.op_type == "FusedQLinearMatMul"; }

/// Of a matrix that `x` is multiplied with; 0 where either has another shape, or no values.
int64_t rows_of(const Shape& x, const Shape& matrix) {
  return matrix.size() != 2 || x.empty() || element_count(x) == 0 || element_count(matrix) == 0 ? 0 : element_count(x) / matrix[0];
}

}  // namespace

Bounds codes_of(const Lowering& l, const std::string& value) {
  const Bounds any{-128, 255};
  const Node* node = l.producer(value);
  while (node && ops::moves_values(*node)) node = l.producer(node->inputs[0]);
  if (!node || node->domain != ops::kFusedDomain) return any;
  if (node->op_type == "ByteTable") {
    const auto range = l.table_range(node->outputs[0]);
    return range ? Bounds{range->first, range->second} : any;
  }
  return {static_cast<int32_t>(node->int_attribute("low", any.low)), static_cast<int32_t>(node->int_attribute("high", any.high))};
}

namespace {

/// @param bias_at  the input that is an integer bias; where there is none it is past all of them.
std::optional<Product> product_with(const Lowering& l, const Node& node, size_t axis, const std::optional<Quantisation>& y, size_t bias_at) {
  const auto x = quantisation_of(l, node, 1, 2, l.info(node.inputs[0]).dtype);
  const auto codes = l.constant(node.inputs[3]), scales = l.constant(node.inputs[4]),
             zeros = node.inputs[5].empty() ? Tensor() : l.constant(node.inputs[5]);
  if (!x || !y || (codes.dtype() != Dtype::kU8 && codes.dtype() != Dtype::kI8) || codes.shape().size() <= axis || scales.dtype() != Dtype::kF32)
    return std::nullopt;
  Product out{*x, *y, codes.shape(), {}, {}, {}};
  const int64_t outputs = codes.shape()[axis];
  const bool has_bias = node.inputs.size() > bias_at && !node.inputs[bias_at].empty();
  if (has_bias) out.bias = l.constant(node.inputs[bias_at]);
  if ((has_bias && (out.bias.dtype() != Dtype::kI32 || out.bias.size() != outputs)) || (scales.size() != 1 && scales.size() != outputs))
    return std::nullopt;
  if (!node.inputs[5].empty() && zeros.size() != 1 && zeros.size() != outputs) return std::nullopt;
  const auto zero = zeros.empty() ? std::vector<int64_t>{0} : zeros.to_i64();
  const bool is_signed = codes.dtype() == Dtype::kI8;
  const auto* bytes = reinterpret_cast<const uint8_t*>(codes.data());
  const auto value = [&](int64_t at, int64_t k) {
    return static_cast<int16_t>((is_signed ? static_cast<int8_t>(bytes[at]) : bytes[at]) - zero[zero.size() > 1 ? static_cast<size_t>(k) : 0]);
  };
  const int64_t rows = codes.size() / std::max<int64_t>(outputs, 1);
  out.w.resize(static_cast<size_t>(codes.size()));
  const int64_t at_once = axis == 0 ? 1 : 64;  // outputs: a matrix that lies the other way is read in lines
  for (int64_t first = 0; first < outputs; first += at_once)
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t k = first; k < std::min(outputs, first + at_once); ++k)
        out.w[static_cast<size_t>(k * rows + i)] = value(axis == 0 ? k * rows + i : i * outputs + k, k);
  for (int64_t k = 0; k < outputs; ++k) out.scale.push_back(x->scale * scales.as<float>()[scales.size() > 1 ? static_cast<size_t>(k) : 0] / y->scale);
  return out;
}

}  // namespace

std::optional<Product> product_of(const Lowering& l, const Node& node, size_t axis) {
  return product_with(l, node, axis, quantisation_of(l, node, 6, 7, l.info(node.outputs[0]).dtype), 8);
}

std::optional<Product> product_to_floats_of(const Lowering& l, const Node& node) {
  return product_with(l, node, 1, Quantisation{}, node.inputs.size());
}

kernels::Int8Weights weights_of(const Product& p) { return {p.w.data(), p.bias.empty() ? nullptr : p.bias.as<int32_t>().data(), p.scale.data()}; }

ByteConv byte_conv_of(const Lowering& l, const Node& node, Product product, const kernels::ConvProblem& conv) {
  const auto bounds = bounds_of(node, product.y), codes = codes_of(l, node.inputs[0]);
  kernels::Int8Problem problem{conv, product.x.is_signed, product.x.zero, product.y.zero, bounds.low, bounds.high, codes.low, codes.high};
  kernels::note_weights(problem, product.w.data());
  return {std::move(product), problem};
}

std::optional<ByteRows> rows_of_bytes(const Lowering& l, const Node& node) {
  if (!is_matmul(node)) return std::nullopt;
  auto product = product_of(l, node, 1);
  const int64_t rows = product ? rows_of(l.info(node.inputs[0]).shape, product->shape) : 0;
  return rows > 0 ? std::optional<ByteRows>({std::move(*product), rows}) : std::nullopt;
}

bool is_convolution(int64_t rows) { return rows >= kFewRows; }

ByteConv conv_of_rows(const Lowering& l, const Node& node, ByteRows found) {
  const kernels::ConvProblem conv{.c = found.product.shape[0], .h = 1, .w = found.rows, .k = found.product.shape[1]};
  return byte_conv_of(l, node, std::move(found.product), conv);
}

std::shared_ptr<const ByteConv> window_of_bytes(const Lowering& l, const Node& node) {
  if (node.op_type != "QLinearConv" && node.op_type != "FusedQLinearConv") return nullptr;
  if (!l.is_byte_image(node.inputs[0])) return nullptr;
  auto product = product_of(l, node, 0);
  if (!product || product->shape.size() != 4) return nullptr;
  const auto conv = conv_problem_of(l, node, l.info(node.inputs[0]).shape, product->shape);
  return is_plain_window(conv) ? std::make_shared<const ByteConv>(byte_conv_of(l, node, std::move(*product), conv)) : nullptr;
}

std::optional<kernels::Int8Problem> int8_problem_of(const Lowering& l, const Node& node) {
  if (const auto window = window_of_bytes(l, node)) return window->problem;
  if (!is_matmul(node) || !is_convolution(rows_of(l.info(node.inputs[0]).shape, l.info(node.inputs[3]).shape))) return std::nullopt;
  auto found = rows_of_bytes(l, node);
  return found ? std::optional(conv_of_rows(l, node, std::move(*found)).problem) : std::nullopt;
}

}  // namespace scissionlite::native
