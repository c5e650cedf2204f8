#include "ops/cut_cost.h"

#include <numeric>

#include "graph/slice.h"
#include "ops/ops.h"

namespace scissionlite::ops {

void annotate(Graph& graph) {
  Graph single = with_batch(graph, 1);
  infer_shapes(single);
  graph.values = std::move(single.values);
  for (size_t i = 0; i < graph.outputs.size(); ++i)  // an interface that says nothing learns its shape
    if (!graph.outputs[i].has_shape && single.outputs[i].has_shape) {
      const bool dynamic = !graph.inputs.empty() && !graph.inputs[0].shape.empty() && graph.inputs[0].shape[0] < 0;
      graph.outputs[i] = single.outputs[i];
      if (dynamic && !graph.outputs[i].shape.empty()) graph.outputs[i].shape[0] = -1;
    }
}

void set_head_macs(const Graph& graph, std::vector<Cut>& cuts) {
  const auto macs = node_macs(with_batch(graph, 1));
  const auto producers = graph.producers();
  for (auto& cut : cuts) {
    std::vector<bool> seen(graph.nodes.size(), false);
    std::vector<std::string> todo = cut.tensors;
    cut.head_macs = 0;
    while (!todo.empty()) {
      const auto it = producers.find(todo.back());
      todo.pop_back();
      if (it == producers.end() || seen[it->second]) continue;
      seen[it->second] = true;
      cut.head_macs += macs[it->second];
      const auto& inputs = graph.nodes[it->second].inputs;
      todo.insert(todo.end(), inputs.begin(), inputs.end());
    }
  }
}

int64_t total_macs(const Graph& graph) {
  const auto macs = node_macs(with_batch(graph, 1));
  return std::accumulate(macs.begin(), macs.end(), int64_t{0});
}

std::vector<Cut> find_costed_cuts(Graph& graph, const CutOptions& options) {
  annotate(graph);
  auto cuts = find_cuts(graph, options);
  set_head_macs(graph, cuts);
  return cuts;
}

}  // namespace scissionlite::ops
