// Matrix products as Gemm with plain constants, the form that fold_batch_norm and fuse_gemm continue from.
#include <algorithm>

#include "optimise/match.h"
#include "optimise/passes.h"

namespace scissionlite::passes {
namespace {

/// MatMul of a matrix and a constant one. An Add after it becomes the bias in fold_batch_norm.
bool from_matmul(Rewriter& r, size_t i) {
  if (!is_onnx(r.node(i), "MatMul") || r.dtype(r.node(i).outputs[0]) != Dtype::kF32) return false;
  const auto a = r.shape(r.node(i).inputs[0]);
  const Tensor* b = r.constant(r.node(i).inputs[1]);
  if (!a || a->size() != 2 || !b || b->shape().size() != 2) return false;
  Node gemm = r.node(i);
  gemm.op_type = "Gemm";
  r.replace(i, std::move(gemm));
  return true;
}

Tensor times(const Tensor& tensor, float factor) {
  Tensor out = tensor.clone();
  for (float& v : out.mutable_as<float>()) v *= factor;
  return out;
}

/// Multiplies a constant input by a factor of the node, which goes. False when there is nothing to do or it is not constant.
bool fold_factor(Rewriter& r, size_t i, const char* attribute, size_t input) {
  const Node& node = r.node(i);
  const float factor = node.float_attribute(attribute, 1);
  const auto name = input_of(node, input);
  const Tensor* tensor = r.constant(name);
  if (!is_onnx(node, "Gemm") || factor == 1 || !tensor || tensor->dtype() != Dtype::kF32) return false;
  Node changed = node;
  changed.attributes.erase(attribute);
  changed.inputs[input] = r.add_constant(name + "_" + attribute, times(*tensor, factor));
  r.replace(i, std::move(changed));
  return true;
}
bool fold_alpha(Rewriter& r, size_t i) { return fold_factor(r, i, "alpha", 1); }
bool fold_beta(Rewriter& r, size_t i) { return fold_factor(r, i, "beta", 2); }

}  // namespace

int form_gemm(Graph& graph) { return sweep(graph, {from_matmul, fold_alpha, fold_beta}); }

}  // namespace scissionlite::passes
