// Mean and maximum over whole images, however they are written, to GlobalAveragePool and GlobalMaxPool.
#include <algorithm>

#include "ops/support.h"
#include "optimise/match.h"
#include "optimise/passes.h"

namespace scissionlite::passes {
namespace {

const char* global_form(const Node& node) {
  if (is_onnx(node, {"ReduceMean", "AveragePool"})) return "GlobalAveragePool";
  return is_onnx(node, {"ReduceMax", "MaxPool"}) ? "GlobalMaxPool" : nullptr;
}

/// Exactly the axes 2, 3, ... of x.
bool reduces_images(const Rewriter& r, size_t i, size_t rank) {
  const auto axes = ops::read_axes(r.context(i), r.constants(i));
  if (!axes || axes->size() != rank - 2) return false;
  std::vector<int64_t> sorted;
  for (int64_t axis : *axes) sorted.push_back(ops::normal_axis(r.context(i), axis, rank));
  std::sort(sorted.begin(), sorted.end());
  for (size_t k = 0; k < sorted.size(); ++k)
    if (sorted[k] != static_cast<int64_t>(k) + 2) return false;
  return true;
}

/// keepdims=0 leaves (n, c): a Flatten behind the pool.
bool from_reduction(Rewriter& r, size_t i) {
  if (!is_onnx(r.node(i), {"ReduceMean", "ReduceMax"}) || r.dtype(r.node(i).outputs[0]) != Dtype::kF32) return false;
  const auto x = r.shape(r.node(i).inputs[0]);
  if (!x || x->size() < 3 || !reduces_images(r, i, x->size())) return false;
  Node pool{r.node(i).name, global_form(r.node(i)), "", {r.node(i).inputs[0]}, r.node(i).outputs, {}, r.node(i).doc};
  if (r.node(i).int_attribute("keepdims", 1) == 0) {
    const auto pooled = r.fresh_name(pool.outputs[0] + "_pooled");
    const Node flatten{"", "Flatten", "", {pooled}, pool.outputs, {{"axis", int64_t{1}}}, ""};
    pool.outputs = {pooled};
    r.replace(i, std::move(pool));
    r.insert_after(i, flatten);
    return true;
  }
  r.replace(i, std::move(pool));
  return true;
}

bool all_are(const std::vector<int64_t>& values, int64_t wanted) {
  return std::all_of(values.begin(), values.end(), [&](int64_t v) { return v == wanted; });
}

/// One window, as large as the image.
bool covers_image(const Node& pool, const Shape& x) {
  const auto kernel = pool.ints_attribute("kernel_shape");
  return x.size() == kernel.size() + 2 && std::equal(kernel.begin(), kernel.end(), x.begin() + 2) && all_are(pool.ints_attribute("pads"), 0) &&
         all_are(pool.ints_attribute("dilations"), 1) && !pool.text_attribute("auto_pad", "NOTSET").starts_with("SAME");
}

bool from_pool(Rewriter& r, size_t i) {
  const Node& node = r.node(i);
  if (!is_onnx(node, {"AveragePool", "MaxPool"}) || r.dtype(node.outputs[0]) != Dtype::kF32 || !has_one_result(r, node)) return false;
  const auto x = r.shape(node.inputs[0]);
  if (!x || !covers_image(node, *x)) return false;
  r.replace(i, {node.name, global_form(node), "", {node.inputs[0]}, {node.outputs[0]}, {}, node.doc});
  return true;
}

}  // namespace

int recognise_global_pool(Graph& graph) { return sweep(graph, {from_reduction, from_pool}); }

}  // namespace scissionlite::passes
