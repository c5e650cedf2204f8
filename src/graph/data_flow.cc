#include "graph/data_flow.h"

#include <algorithm>
#include <unordered_set>

namespace scissionlite {
namespace {

std::unordered_set<std::string> live_values(const Graph& graph) {
  std::unordered_set<std::string> live;
  for (const auto& info : graph.outputs) live.insert(info.name);
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    const auto& node = graph.nodes[i];
    if (std::any_of(node.outputs.begin(), node.outputs.end(), [&](const auto& o) { return live.count(o) > 0; }))
      for (const auto& input : node.inputs)
        if (!input.empty()) live.insert(input);
  }
  return live;
}

void set_bytes(DataFlow::Value& value, const Graph& graph) {
  const auto info = graph.find_value(value.name);
  if (!info || !info->has_shape || dtype_size(info->dtype) == 0) return;
  Shape shape = info->shape;
  if (!shape.empty() && shape[0] < 0) shape[0] = 1;
  if (!is_static(shape)) return;
  value.bytes = std::max<int64_t>(1, element_count(shape) * static_cast<int64_t>(dtype_size(info->dtype)));
  value.known_bytes = true;
}

}  // namespace

DataFlow data_flow(const Graph& graph) {
  DataFlow flow;
  const auto live = live_values(graph);
  const auto constant = constant_nodes(graph);
  std::unordered_set<std::string> graph_outputs;
  for (const auto& info : graph.outputs) graph_outputs.insert(info.name);
  const auto add = [&](const std::string& name, int node) {
    DataFlow::Value value;
    value.name = name;
    value.node = node;
    value.is_input = node < 0;
    value.is_output = graph_outputs.count(name) > 0;
    set_bytes(value, graph);
    flow.index.emplace(name, static_cast<int>(flow.values.size()));
    flow.values.push_back(std::move(value));
    flow.uses.emplace_back();
    flow.sources.emplace_back();
    return static_cast<int>(flow.values.size()) - 1;
  };
  for (const auto& info : graph.inputs)
    if (live.count(info.name)) add(info.name, -1);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto& node = graph.nodes[i];
    if (constant[i] || std::none_of(node.outputs.begin(), node.outputs.end(), [&](const auto& o) { return live.count(o) > 0; })) continue;
    const int position = static_cast<int>(flow.nodes.size());
    flow.nodes.push_back(i);
    std::vector<int> inputs, outputs;
    for (const auto& input : node.inputs)
      if (const auto it = flow.index.find(input); it != flow.index.end()) inputs.push_back(it->second);
    std::sort(inputs.begin(), inputs.end());
    inputs.erase(std::unique(inputs.begin(), inputs.end()), inputs.end());
    for (const auto& output : node.outputs)
      if (!output.empty() && live.count(output)) outputs.push_back(add(output, position));
    for (int input : inputs)
      for (int output : outputs) {
        flow.uses[static_cast<size_t>(input)].push_back(output);
        flow.sources[static_cast<size_t>(output)].push_back(input);
      }
    flow.node_inputs.push_back(std::move(inputs));
    flow.node_outputs.push_back(std::move(outputs));
  }
  return flow;
}

}  // namespace scissionlite
