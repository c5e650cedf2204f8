// Convolutions and products of bytes with constant weights: QLinearConv, QLinearMatMul and their fused forms.
#include "engine/backends/native/lowering/lower_int8.h"

#include "engine/backends/native/choosing/byte_choices.h"
#include "kernels/int8/dense.h"
#include "kernels/lowbit/dense.h"
#include "ops/support.h"

namespace scissionlite::native {

std::optional<Quantisation> quantisation_of(const Lowering& l, const Node& node, size_t scale, size_t zero, Dtype dtype) {
  const auto name = [&](size_t i) { return node.inputs.size() > i ? node.inputs[i] : std::string(); };
  const auto scales = l.constant(name(scale)), zeros = name(zero).empty() ? Tensor() : l.constant(name(zero));
  if (scales.dtype() != Dtype::kF32 || scales.size() != 1 || (dtype != Dtype::kU8 && dtype != Dtype::kI8)) return std::nullopt;
  if (!name(zero).empty() && zeros.size() != 1) return std::nullopt;
  return Quantisation{scales.as<float>()[0], zeros.empty() ? 0 : static_cast<int32_t>(zeros.to_i64()[0]), dtype == Dtype::kI8};
}

Bounds bounds_of(const Node& node, const Quantisation& y) {
  return {static_cast<int32_t>(node.int_attribute("low", y.least())), static_cast<int32_t>(node.int_attribute("high", y.least() + 255))};
}

namespace {

/// (n, rows, columns) to (n, columns, rows).
SlotId transposed(Lowering& l, const std::string& value, SlotId from, Layout layout, const char* name, int64_t n, int64_t rows, int64_t columns) {
  if (rows == 1 || columns == 1) {
    l.alias(value, from, layout);
    return l.make(value, layout);
  }
  const auto to = l.make(value, layout);
  l.add({.node = value, .implementation = name, .inputs = {from}, .outputs = {to}, .scratch_bytes = 0, .macs = 0, .run = [=](const Frame& f) {
           for (int64_t i = 0; i < n; ++i)
             for (int64_t column = 0; column < columns; ++column)
               for (int64_t row = 0; row < rows; ++row) f.bytes(to)[(i * columns + column) * rows + row] = f.bytes(from)[(i * rows + row) * columns + column];
         }});
  return to;
}

}  // namespace

SlotId plain_of_bytes(Lowering& l, const std::string& value, SlotId from) {
  const auto shape = l.info(value).shape;
  return transposed(l, value, from, Layout::kPlain, "to plain", shape[0], shape[2] * shape[3], shape[1]);
}

SlotId channels_last_of_plain(Lowering& l, const std::string& value, SlotId from) {
  const auto shape = l.info(value).shape;
  return transposed(l, value, from, Layout::kChannelsLast, "to channels last", shape[0], shape[1], shape[2] * shape[3]);
}

namespace {

/// Whether the node moves or chooses values of its first input.
bool moves_codes(const Node& node) {
  static const std::set<std::string> moving{"MaxPool", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity"};
  return node.domain.empty() && moving.count(node.op_type) > 0;
}

/// Codes that a value takes, as far as the operator that makes it says.
Bounds codes_of(const Lowering& l, const std::string& value) {
  const Bounds any{-128, 255};
  const Node* node = l.producer(value);
  while (node && moves_codes(*node)) node = l.producer(node->inputs[0]);
  if (!node || node->domain != ops::kFusedDomain) return any;
  if (node->op_type == "ByteTable") {
    const auto table = l.constant(node->inputs[1]);
    if (table.size() != 256) return any;
    const auto codes = table.to_i64();
    const auto [least, most] = std::minmax_element(codes.begin(), codes.end());
    return {static_cast<int32_t>(*least), static_cast<int32_t>(*most)};
  }
  return {static_cast<int32_t>(node->int_attribute("low", any.low)), static_cast<int32_t>(node->int_attribute("high", any.high))};
}

/// What a product with constant weights needs: inputs x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias.
struct Product {
  Quantisation x, y;
  Shape shape;              // of the weights
  std::vector<int16_t> w;   // less their zero points, outputs first
  std::vector<float> scale;  // (outputs)
  Tensor bias;
};

/// `axis`: that of the outputs in the weights, 0 or of a matrix 1.
std::optional<Product> product_of(const Lowering& l, const Node& node, size_t axis) {
  const auto x = quantisation_of(l, node, 1, 2, l.info(node.inputs[0]).dtype), y = quantisation_of(l, node, 6, 7, l.info(node.outputs[0]).dtype);
  const auto codes = l.constant(node.inputs[3]), scales = l.constant(node.inputs[4]), zeros = node.inputs[5].empty() ? Tensor() : l.constant(node.inputs[5]);
  if (!x || !y || (codes.dtype() != Dtype::kU8 && codes.dtype() != Dtype::kI8) || codes.shape().size() <= axis || scales.dtype() != Dtype::kF32) return std::nullopt;
  Product out{*x, *y, codes.shape(), {}, {}, {}};
  const int64_t outputs = codes.shape()[axis];
  const bool has_bias = node.inputs.size() > 8 && !node.inputs[8].empty();
  if (has_bias) out.bias = l.constant(node.inputs[8]);
  if ((has_bias && (out.bias.dtype() != Dtype::kI32 || out.bias.size() != outputs)) || (scales.size() != 1 && scales.size() != outputs)) return std::nullopt;
  if (!node.inputs[5].empty() && zeros.size() != 1 && zeros.size() != outputs) return std::nullopt;
  const auto zero = zeros.empty() ? std::vector<int64_t>{0} : zeros.to_i64();
  const bool is_signed = codes.dtype() == Dtype::kI8;
  const auto* bytes = reinterpret_cast<const uint8_t*>(codes.data());
  const auto value = [&](int64_t at, int64_t k) { return static_cast<int16_t>((is_signed ? static_cast<int8_t>(bytes[at]) : bytes[at]) - zero[zero.size() > 1 ? static_cast<size_t>(k) : 0]); };
  const int64_t rows = codes.size() / std::max<int64_t>(outputs, 1);
  out.w.resize(static_cast<size_t>(codes.size()));
  const int64_t at_once = axis == 0 ? 1 : 64;  // outputs: a matrix that lies the other way is read in lines
  for (int64_t first = 0; first < outputs; first += at_once)
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t k = first; k < std::min(outputs, first + at_once); ++k) out.w[static_cast<size_t>(k * rows + i)] = value(axis == 0 ? k * rows + i : i * outputs + k, k);
  for (int64_t k = 0; k < outputs; ++k) out.scale.push_back(x->scale * scales.as<float>()[scales.size() > 1 ? static_cast<size_t>(k) : 0] / y->scale);
  return out;
}

kernels::Int8Weights weights_of(const Product& p) { return {p.w.data(), p.bias.empty() ? nullptr : p.bias.as<int32_t>().data(), p.scale.data()}; }

kernels::Int8Problem problem_of(const Lowering& l, const Node& node, const Product& product, const kernels::ConvProblem& conv) {
  const auto bounds = bounds_of(node, product.y);
  kernels::Int8Problem problem{conv, product.x.is_signed, product.x.zero, product.y.zero, bounds.low, bounds.high};
  const auto codes = codes_of(l, node.inputs[0]);
  problem.x_low = codes.low, problem.x_high = codes.high;
  kernels::note_weights(problem, product.w.data());
  return problem;
}

void add_convolution(Lowering& l, const Node& node, const Product& product, const kernels::ConvProblem& conv, SlotId x, SlotId y) {
  const auto problem = problem_of(l, node, product, conv);
  const auto& loops = kernels::best_int8_loops();
  const auto choice = choose_byte_conv(l, node, problem, loops);
  const std::shared_ptr<const kernels::Int8Convolution> made = choice.way->make(problem, weights_of(product), loops);
  l.add({.node = node.label(), .implementation = std::string("int8 ") + choice.way->name, .inputs = {x}, .outputs = {y}, .scratch_bytes = made->scratch_bytes(l.threads()), .macs = conv.macs(),
         .run = [=](const Frame& f) { made->run(f.bytes(x), f.bytes(y), f.scratch, f.threads); }, .reason = choice.reason, .predicted_us = choice.us, .is_measured = choice.is_measured,
         .instead = choice.instead, .instead_us = choice.instead_us});
}

template <typename Dense>
void add_dense_step(Lowering& l, const Node& node, const std::string& name, std::shared_ptr<const Dense> dense, int64_t m, int64_t macs, SlotId x, SlotId y) {
  l.add({.node = node.label(), .implementation = name, .inputs = {x}, .outputs = {y}, .scratch_bytes = dense->scratch_bytes(l.threads()), .macs = macs,
         .run = [=](const Frame& f) { dense->run(f.bytes(x), m, f.bytes(y), f.scratch, f.threads); }});
}

/// A product of a few rows waits for its weights: those of few bits stay packed.
void add_dense(Lowering& l, const Node& node, const Product& product, const kernels::Int8DenseProblem& problem, int64_t m, SlotId x, SlotId y) {
  const auto& loops = kernels::best_int8_loops();
  const auto& few_bits = kernels::low_bit_loops_beside(loops);
  kernels::Int8Problem as_conv{.conv = {.c = problem.k, .h = 1, .w = m, .k = problem.n}};
  kernels::note_weights(as_conv, product.w.data());
  const auto code = kernels::weight_code_of(as_conv);
  const int64_t macs = m * problem.k * problem.n;
  if (kernels::LowBitDense::takes(code, few_bits)) add_dense_step(l, node, "int8 dense packed", std::make_shared<const kernels::LowBitDense>(problem, weights_of(product), code, few_bits), m, macs, x, y);
  else add_dense_step(l, node, "int8 dense", std::make_shared<const kernels::Int8Dense>(problem, weights_of(product), loops), m, macs, x, y);
}

constexpr int64_t kFewRows = 4;  // below, a product waits for its weights

/// A product, and the convolution that computes it.
struct ByteConv {
  Product product;
  kernels::ConvProblem conv;
};

std::optional<ByteConv> window_of(const Lowering& l, const Node& node) {
  if (!l.is_byte_image(node.inputs[0])) return std::nullopt;
  auto product = product_of(l, node, 0);
  if (!product || product->shape.size() != 4) return std::nullopt;
  const auto conv = conv_problem_of(l, node, l.info(node.inputs[0]).shape, product->shape);
  return is_plain_window(conv) ? std::optional<ByteConv>({std::move(*product), conv}) : std::nullopt;
}

/// Rows are pixels of an image of one row.
std::optional<ByteConv> rows_of(const Lowering& l, const Node& node) {
  const auto shape = l.info(node.inputs[0]).shape;
  auto product = product_of(l, node, 1);
  if (!product || product->shape.size() != 2 || shape.empty() || element_count(shape) == 0 || element_count(product->shape) == 0) return std::nullopt;
  const int64_t k = product->shape[0], n = product->shape[1];
  return ByteConv{std::move(*product), {.c = k, .h = 1, .w = element_count(shape) / k, .k = n}};
}

}  // namespace

std::optional<kernels::Int8Problem> int8_problem_of(const Lowering& l, const Node& node) {
  const bool is_window = node.op_type == "QLinearConv" || node.op_type == "FusedQLinearConv";
  if (!is_window && node.op_type != "QLinearMatMul" && node.op_type != "FusedQLinearMatMul") return std::nullopt;
  const auto found = is_window ? window_of(l, node) : rows_of(l, node);
  if (!found || (!is_window && found->conv.w < kFewRows)) return std::nullopt;
  return problem_of(l, node, found->product, found->conv);
}

bool lower_int8_conv(Lowering& l, const Node& node) {
  const auto found = window_of(l, node);
  if (!found) return false;
  const auto x = l.channels_last(node.inputs[0]), y = l.make(node.outputs[0], Layout::kChannelsLast);
  add_convolution(l, node, found->product, found->conv, x, y);
  return true;
}

bool lower_int8_matmul(Lowering& l, const Node& node) {
  const auto found = rows_of(l, node);
  if (!found) return false;
  const auto& [product, conv] = *found;
  const auto x = l.plain(node.inputs[0]), y = l.make(node.outputs[0], Layout::kPlain);
  if (conv.w >= kFewRows) {
    add_convolution(l, node, product, conv, x, y);
    return true;
  }
  add_dense(l, node, product, {conv.c, conv.k, product.x.is_signed, product.x.zero, product.y.zero, bounds_of(node, product.y).low, bounds_of(node, product.y).high}, conv.w, x, y);
  return true;
}

}  // namespace scissionlite::native
