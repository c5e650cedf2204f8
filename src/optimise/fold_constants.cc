// Nodes whose inputs are constant -> constants. A Shape node of a value with a known shape is one of them.
#include "base/error.h"
#include "base/log.h"
#include "ops/ops.h"
#include "ops/support.h"
#include "optimise/passes.h"

namespace scissionlite::passes {
namespace {

int fold_shapes(Graph& graph) {
  std::erase_if(graph.nodes, [&](const Node& node) {
    if (!node.domain.empty() || node.op_type != "Shape") return false;
    const auto info = graph.find_value(node.inputs[0]);
    if (!info || !info->has_shape || !is_static(info->shape)) return false;
    const auto sizes = ops::selected_sizes(node, info->shape);
    graph.initializers[node.outputs[0]] = Tensor::of<int64_t>({static_cast<int64_t>(sizes.size())}, std::span<const int64_t>(sizes));
    return true;
  });
  return 0;
}

constexpr int64_t kLargestResult = 64 << 20;  // bytes

int fold(Graph& graph, bool (*is_left)(const Node&)) {
  const size_t before = graph.nodes.size();
  Graph folded = graph;
  try {
    ops::fold_constants(folded, kLargestResult, is_left);
    graph = std::move(folded);
  } catch (const Error& e) {  // the reference code lacks a type: such nodes are left to the engine
    log::debug("[optimise] constants stay as they are: " + std::string(e.what()));
  }
  return static_cast<int>(before - graph.nodes.size());
}

bool dequantises(const Node& node) { return node.domain.empty() && node.op_type == "DequantizeLinear"; }

}  // namespace

int fold_codes(Graph& graph) { return fold(graph, dequantises); }

int fold_constants(Graph& graph) {
  const size_t before = graph.nodes.size();
  fold_shapes(graph);
  const auto shapes = static_cast<int>(before - graph.nodes.size());
  return shapes + fold(graph, nullptr);
}

}  // namespace scissionlite::passes
