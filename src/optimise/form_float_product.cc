// Products of bytes whose results stay floats, as a classifier's last layer: DequantizeLinear, Gemm or MatMul of a few rows with coded weights -> one
// operator that reads the bytes. Such a product waits for its weights, and they are a quarter as large as floats. With many rows it does not, and
// floats are multiplied as fast.
#include "optimise/passes.h"
#include "optimise/quantised.h"

namespace scissionlite::passes {
namespace {

constexpr int64_t kFewRows = 4;

bool is_few_rows(const std::optional<Shape>& shape) {
  return shape && !shape->empty() && is_static(*shape) && shape->back() > 0 && element_count(*shape) / shape->back() < kFewRows;
}

/// One value an output, or nothing. @return false: there is one that the operator does not take.
bool takes_bias(const Rewriter& r, const std::string& bias, int64_t outputs) {
  if (bias.empty()) return true;
  const auto maker = r.producer(bias);
  const bool is_coded = maker && is_onnx(r.node(*maker), "DequantizeLinear") && r.constant(r.node(*maker).inputs[0]);  // folded later
  const auto shape = r.shape(bias);
  return r.dtype(bias) == Dtype::kF32 && (r.constant(bias) || is_coded) && shape && is_static(*shape) && shape->size() <= 2 &&
         element_count(*shape) == outputs && (shape->empty() || shape->back() == outputs);
}

bool form(Rewriter& r, size_t i) {
  const Node node = r.node(i);
  const auto product = read_product(node);
  const auto x = product ? dequantised(r, node.inputs[0]) : std::nullopt;
  const auto w = x ? coded_weights(r, input_of(node, 1), product->is_turned ? 0 : 1) : std::nullopt;
  if (!w || w->shape.size() != 2 || !is_few_rows(r.shape(node.inputs[0])) || r.shape(node.inputs[0])->back() != w->shape[product->is_turned ? 1 : 0])
    return false;
  const auto bias = input_of(node, 2);
  if (!takes_bias(r, bias, w->shape[product->is_turned ? 0 : 1])) return false;
  Node made;
  made.op_type = "QLinearMatMulToFloat";
  made.domain = ops::kFusedDomain;
  made.name = node.name;
  made.inputs = {x->value, x->scale, zero_of(r, *x), product->is_turned ? as_columns(r, *w) : w->codes, w->scale, w->zero};
  if (!bias.empty()) made.inputs.push_back(bias);
  made.outputs = node.outputs;
  r.import_fused_domain();
  r.replace(i, std::move(made));
  return true;
}

}  // namespace

int form_float_product(Graph& graph) { return sweep(graph, {form}); }

}  // namespace scissionlite::passes
