// Convolutions and products of bytes with constant weights: QLinearConv, QLinearMatMul and their fused forms.
#include "engine/backends/native/lowering/int8_product.h"
#include "engine/backends/native/lowering/lower_planes.h"

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
               for (int64_t row = 0; row < rows; ++row)
                 f.bytes(to)[(i * columns + column) * rows + row] = f.bytes(from)[(i * rows + row) * columns + column];
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

/// x and y in planes where the way takes them: x where it lies so, y where all that read it do.
void add_convolution(Lowering& l, const Node& node, const ByteConv& conv, Layout layout) {
  const auto &x_value = node.inputs[0], &y_value = node.outputs[0];
  auto problem = conv.problem;
  const auto& loops = kernels::best_int8_loops();
  const auto choice = choose_byte_conv(l, node, problem, loops);
  const auto& way = *choice.way;
  auto with_planes = problem;
  if (layout == Layout::kChannelsLast && way.takes_planes) {
    with_planes.has_x_planes = l.has_planes(x_value);
    if (wants_planes(l, y_value)) with_planes.y_plane_bits = plane_bits(l, y_value);
    if (kernels::reason_against(way, with_planes, loops).empty()) problem = with_planes;
  }
  const auto in_layout = [&](const std::string& value) { return layout == Layout::kPlain ? l.plain(value) : l.channels_last(value); };
  const auto x = problem.has_x_planes ? l.planes(x_value) : in_layout(x_value),
             y = l.make(y_value, problem.y_plane_bits > 0 ? Layout::kPlanes : layout);
  const std::shared_ptr<const kernels::Int8Convolution> made = way.make(problem, weights_of(conv.product), loops);
  l.add({.node = node.label(),
         .implementation = std::string("int8 ") + way.name,
         .inputs = {x},
         .outputs = {y},
         .scratch_bytes = made->scratch_bytes(l.threads()),
         .macs = problem.conv.macs(),
         .run = [=](const Frame& f) { made->run(f.bytes(x), f.bytes(y), f.scratch, f.threads); },
         .reason = choice.reason,
         .predicted_us = choice.us,
         .is_measured = choice.is_measured,
         .instead = choice.instead,
         .instead_us = choice.instead_us});
}

template <typename Dense>
void add_dense_step(Lowering& l, const Node& node, const std::string& name, std::shared_ptr<const Dense> dense, int64_t m, int64_t macs, SlotId x,
                    SlotId y) {
  l.add({.node = node.label(),
         .implementation = name,
         .inputs = {x},
         .outputs = {y},
         .scratch_bytes = dense->scratch_bytes(l.threads()),
         .macs = macs,
         .run = [=](const Frame& f) { dense->run(f.bytes(x), m, f.bytes(y), f.scratch, f.threads); }});
}

/// A product of a few rows waits for its weights: those of few bits stay packed.
void add_dense(Lowering& l, const Node& node, const Product& product, const kernels::Int8DenseProblem& problem, int64_t m, SlotId x, SlotId y,
               const float* offset = nullptr) {
  const auto& loops = kernels::best_int8_loops();
  const auto& few_bits = kernels::low_bit_loops_beside(loops);
  kernels::Int8Problem as_conv{.conv = {.c = problem.k, .h = 1, .w = m, .k = problem.n}};
  kernels::note_weights(as_conv, product.w.data());
  const auto code = kernels::weight_code_of(as_conv);
  const int64_t macs = m * problem.k * problem.n;
  auto weights = weights_of(product);
  weights.offset = offset;
  const char* const of_few_bits = few_bits.has_tiles && m > 1 ? "int8 dense tiles" : "int8 dense packed";
  if (kernels::LowBitDense::takes(problem, code))
    add_dense_step(l, node, of_few_bits, std::make_shared<const kernels::LowBitDense>(problem, weights, code, few_bits), m, macs, x, y);
  else add_dense_step(l, node, "int8 dense", std::make_shared<const kernels::Int8Dense>(problem, weights, loops), m, macs, x, y);
}

}  // namespace

bool lower_int8_conv(Lowering& l, const Node& node) {
  const auto conv = l.byte_conv(node);
  if (!conv) return false;
  add_convolution(l, node, *conv, Layout::kChannelsLast);
  l.forget_byte_conv(node);
  return true;
}

bool lower_int8_matmul(Lowering& l, const Node& node) {
  auto found = rows_of_bytes(l, node);
  if (!found) return false;
  if (is_convolution(found->rows)) {
    add_convolution(l, node, conv_of_rows(l, node, std::move(*found)), Layout::kPlain);
    return true;
  }
  const auto& [product, rows] = *found;
  const auto x = l.plain(node.inputs[0]), y = l.make(node.outputs[0], Layout::kPlain);
  add_dense(l, node, product,
            {product.shape[0], product.shape[1], product.x.is_signed, product.x.zero, product.y.zero, bounds_of(node, product.y).low,
             bounds_of(node, product.y).high},
            rows, x, y);
  return true;
}

bool lower_matmul_to_float(Lowering& l, const Node& node) {
  const auto product = product_to_floats_of(l, node);
  const auto shape = l.info(node.inputs[0]).shape;
  const bool has_bias = node.inputs.size() > 6 && !node.inputs[6].empty();
  const Tensor bias = has_bias ? l.constant(node.inputs[6]) : Tensor();
  if (!product || product->shape.size() != 2 || !is_static(shape) || element_count(shape) == 0 || element_count(product->shape) == 0) return false;
  if (has_bias && (bias.dtype() != Dtype::kF32 || bias.size() != product->shape[1])) return false;
  const int64_t k = product->shape[0], rows = element_count(shape) / k;
  const auto x = l.plain(node.inputs[0]), y = l.make(node.outputs[0], Layout::kPlain);
  add_dense(l, node, *product, {.k = k, .n = product->shape[1], .is_x_signed = product->x.is_signed, .x_zero = product->x.zero, .is_y_float = true},
            rows, x, y, has_bias ? bias.as<float>().data() : nullptr);
  return true;
}

}  // namespace scissionlite::native
