// Depthwise Conv [+ activation] whose only reader is a 1x1 Conv [+ residual, activation] -> FusedDepthwisePointwise.
#include <algorithm>

#include "optimise/match.h"
#include "optimise/optimise.h"
#include "optimise/passes.h"

namespace scissionlite {
namespace {

using Wanted = std::function<bool(const Node&, const Node&)>;

bool all_are(const std::vector<int64_t>& values, int64_t wanted) {
  return std::all_of(values.begin(), values.end(), [&](int64_t v) { return v == wanted; });
}

/// (out, in / group, h, w); nothing for anything but a convolution of images.
std::optional<Shape> weights_of(const Rewriter& r, const Node& node) {
  const auto w = is_conv(node) ? r.shape(node.inputs[1]) : std::nullopt;
  return w && w->size() == 4 && is_static(*w) ? w : std::nullopt;
}

bool is_depthwise(const Rewriter& r, const Node& node) {
  const auto w = weights_of(r, node);
  return w && (*w)[1] == 1 && (*w)[0] > 1 && node.int_attribute("group", 1) == (*w)[0] && input_of(node, 3).empty();
}

bool is_pointwise(const Rewriter& r, const Node& node) {
  const auto w = weights_of(r, node);
  return w && (*w)[2] == 1 && (*w)[3] == 1 && node.int_attribute("group", 1) == 1 && all_are(node.ints_attribute("strides"), 1) &&
         all_are(node.ints_attribute("pads"), 0);
}

/// The pointwise node with the depthwise one's inputs before its own and that one's attributes under "dw_".
Node joined(const Node& depthwise, const Node& pointwise) {
  Node out{pointwise.name, "", "", {}, pointwise.outputs, {}, pointwise.doc};
  out.inputs = {depthwise.inputs[0], depthwise.inputs[1], input_of(depthwise, 2), pointwise.inputs[1], input_of(pointwise, 2)};
  if (const auto residual = input_of(pointwise, 3); !residual.empty()) out.inputs.push_back(residual);
  for (const auto& [key, value] : depthwise.attributes)
    if (key != "group" && key != "kernel_shape") out.attributes["dw_" + key] = value;
  for (const auto& [key, value] : pointwise.attributes)
    if (key.starts_with("activation")) out.attributes[key] = value;
  return out;
}

bool fuse(Rewriter& r, size_t i, const Wanted& wanted) {
  if (!is_pointwise(r, r.node(i))) return false;
  const auto before = r.inner_producer(r.node(i).inputs[0]);
  if (!before || !is_depthwise(r, r.node(*before)) || !r.may_merge(*before, i) || !wanted(r.node(*before), r.node(i))) return false;
  Node merged = joined(r.node(*before), r.node(i));
  make_fused(r, merged, "FusedDepthwisePointwise");
  r.merge(*before, i, std::move(merged));
  return true;
}

}  // namespace

int fuse_depthwise_pointwise(Graph& graph, const Wanted& wanted) {
  return sweep(graph, {[&](Rewriter& r, size_t i) { return fuse(r, i, wanted); }});
}

int passes::fuse_depthwise_pointwise(Graph& graph) {
  return scissionlite::fuse_depthwise_pointwise(graph, [](const Node&, const Node&) { return true; });
}

}  // namespace scissionlite
