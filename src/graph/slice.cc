#include "graph/slice.h"

#include <algorithm>
#include <unordered_set>

#include "base/text.h"

namespace scissionlite {
namespace {

std::vector<std::string> all_value_names(const Graph& graph) {
  std::vector<std::string> names;
  for (const auto& info : graph.inputs) names.push_back(info.name);
  for (const auto& node : graph.nodes)
    for (const auto& output : node.outputs)
      if (!output.empty()) names.push_back(output);
  return names;
}

ValueInfo describe(const Graph& graph, const std::string& value) {
  auto info = graph.find_value(value).value_or(ValueInfo{});
  info.name = value;
  return info;
}

Graph empty_like(const Graph& graph) {
  Graph out;
  out.name = graph.name;
  out.ir_version = graph.ir_version;
  out.opsets = graph.opsets;
  out.producer = graph.producer;
  out.metadata = graph.metadata;
  return out;
}

}  // namespace

Graph extract(const Graph& graph, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs) {
  const auto producers = graph.producers();
  const std::unordered_set<std::string> stop(inputs.begin(), inputs.end());
  std::unordered_set<std::string> model_inputs;
  for (const auto& info : graph.inputs) model_inputs.insert(info.name);
  const auto check_known = [&](const std::string& value, bool may_be_input) {
    if (producers.count(value) || (may_be_input && model_inputs.count(value))) return;
    throw InvalidArgument("[slice] unknown value '" + value + "'" + did_you_mean(value, all_value_names(graph)));
  };
  for (const auto& value : inputs) check_known(value, /*may_be_input=*/true);
  for (const auto& value : outputs) check_known(value, /*may_be_input=*/true);

  std::vector<bool> taken(graph.nodes.size(), false);
  std::unordered_set<std::string> constants;
  std::vector<std::pair<std::string, std::string>> todo;  // value, output it was reached from
  for (const auto& output : outputs) todo.emplace_back(output, output);
  while (!todo.empty()) {
    const auto [value, from] = todo.back();
    todo.pop_back();
    if (stop.count(value)) continue;
    if (model_inputs.count(value))
      throw InvalidArgument("[slice] '" + from + "' also depends on input '" + value + "', which is not among {" + join(inputs) +
                            "}; add the tensors of the parallel path to the cut");
    if (graph.initializers.count(value)) {
      constants.insert(value);
      continue;
    }
    const auto it = producers.find(value);
    if (it == producers.end()) throw ModelError("[slice] value '" + value + "' is produced by no node");
    if (taken[it->second]) continue;
    taken[it->second] = true;
    for (const auto& input : graph.nodes[it->second].inputs)
      if (!input.empty()) todo.emplace_back(input, from);
  }

  Graph slice = empty_like(graph);
  for (const auto& value : inputs) slice.inputs.push_back(describe(graph, value));
  for (const auto& value : outputs) slice.outputs.push_back(describe(graph, value));
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!taken[i]) continue;
    slice.nodes.push_back(graph.nodes[i]);
    for (auto& output : slice.nodes.back().outputs) {
      if (stop.count(output)) output.clear();  // given from outside; a sibling output of the same node is still wanted
      else if (const auto it = graph.values.find(output); it != graph.values.end()) slice.values.insert(*it);
    }
  }
  for (const auto& value : constants) slice.initializers.emplace(value, graph.initializers.at(value));
  return slice;
}

Slices cut_graph(const Graph& graph, const std::vector<std::string>& tensors) {
  std::vector<std::string> inputs, outputs;
  for (const auto& info : graph.inputs) inputs.push_back(info.name);
  for (const auto& info : graph.outputs) outputs.push_back(info.name);
  return while_doing("cutting '" + graph.name + "' at {" + join(tensors) + "}", [&] {
    if (tensors.empty()) throw InvalidArgument("[slice] no tensor given; expected at least one");
    return Slices{extract(graph, inputs, tensors), extract(graph, tensors, outputs)};
  });
}

void rename_value(Graph& graph, const std::string& from, const std::string& to) {
  if (from == to) return;
  const auto rename = [&](std::string& name) {
    if (name == from) name = to;
  };
  for (auto* list : {&graph.inputs, &graph.outputs})
    for (auto& info : *list) rename(info.name);
  for (auto& node : graph.nodes) {
    for (auto& name : node.inputs) rename(name);
    for (auto& name : node.outputs) rename(name);
  }
  if (auto handle = graph.initializers.extract(from)) {
    handle.key() = to;
    graph.initializers.insert(std::move(handle));
  }
  if (auto handle = graph.values.extract(from)) {
    handle.key() = to;
    handle.mapped().name = to;
    graph.values.insert(std::move(handle));
  }
}

namespace {

void check_joinable(const Graph& first, const Graph& second) {
  for (const auto& opset : second.opsets) {
    const int64_t version = first.opset(opset.domain);
    if (version != 0 && version != opset.version)
      throw InvalidArgument("[join] opset " + std::to_string(version) + " of '" + first.name + "' does not fit opset " +
                            std::to_string(opset.version) + " of '" + second.name + "'; both must use one version");
  }
  for (const auto& input : second.inputs)
    for (const auto& output : first.outputs)
      if (input.name == output.name && input.dtype != Dtype::kUndefined && output.dtype != Dtype::kUndefined && input.dtype != output.dtype)
        throw InvalidArgument("[join] '" + input.name + "' is " + std::string(dtype_name(output.dtype)) + " in '" + first.name + "' but " +
                              std::string(dtype_name(input.dtype)) + " in '" + second.name + "'");
}

/// Names of `graph` that its users do not see: all but inputs and outputs.
std::unordered_set<std::string> inner_names(const Graph& graph) {
  std::unordered_set<std::string> names;
  for (const auto& node : graph.nodes) names.insert(node.outputs.begin(), node.outputs.end());
  for (const auto& [name, tensor] : graph.initializers) names.insert(name);
  for (const auto* list : {&graph.inputs, &graph.outputs})
    for (const auto& info : *list) names.erase(info.name);
  names.erase("");
  return names;
}

/// All names that a graph defines.
std::unordered_set<std::string> defined_names(const Graph& graph) {
  std::unordered_set<std::string> names;
  for (const auto& info : graph.inputs) names.insert(info.name);
  for (const auto& node : graph.nodes) names.insert(node.outputs.begin(), node.outputs.end());
  for (const auto& [name, tensor] : graph.initializers) names.insert(name);
  names.erase("");
  return names;
}

/// Renames inner values of `second` that `first` defines too; returns the changed copy.
Graph without_clashes(const Graph& first, Graph second) {
  auto taken = defined_names(first);
  const auto inner = inner_names(second);
  const auto own = defined_names(second);
  std::unordered_map<std::string, std::string> renamed;
  for (const auto& name : inner) {
    if (!taken.count(name)) continue;
    std::string fresh = name;
    for (int i = 1; taken.count(fresh) || own.count(fresh); ++i) fresh = name + "_" + std::to_string(i);
    taken.insert(fresh);
    renamed.emplace(name, fresh);
  }
  if (renamed.empty()) return second;
  const auto rename = [&](std::string& name) {
    if (const auto it = renamed.find(name); it != renamed.end()) name = it->second;
  };
  for (auto& node : second.nodes) {
    for (auto& name : node.inputs) rename(name);
    for (auto& name : node.outputs) rename(name);
  }
  std::map<std::string, Tensor> initializers;
  for (auto& [name, tensor] : second.initializers) {
    std::string to = name;
    rename(to);
    initializers.emplace(to, tensor);
  }
  second.initializers = std::move(initializers);
  std::map<std::string, ValueInfo> values;
  for (auto& [name, info] : second.values) {
    std::string to = name;
    rename(to);
    info.name = to;
    values.emplace(to, info);
  }
  second.values = std::move(values);
  return second;
}

/// An input of a slice that is also its output needs a node between the two names to be joined.
void check_outputs_are_free(const Graph& first, const Graph& second) {
  const auto defined = defined_names(first);
  std::unordered_set<std::string> inputs;
  for (const auto& info : second.inputs) inputs.insert(info.name);
  for (const auto& info : second.outputs)
    if (defined.count(info.name) && !inputs.count(info.name))
      throw InvalidArgument("[join] output '" + info.name + "' of '" + second.name + "' is also defined in '" + first.name + "'; rename it first");
}

}  // namespace

Graph join(const Graph& first, const Graph& second_given) {
  check_joinable(first, second_given);
  check_outputs_are_free(first, second_given);
  const Graph second = without_clashes(first, second_given);
  Graph out = first;
  std::unordered_set<std::string> provided, consumed;
  for (const auto& info : first.outputs) provided.insert(info.name);
  for (const auto& info : second.inputs) {
    if (provided.count(info.name)) consumed.insert(info.name);
    else out.inputs.push_back(info);
  }
  std::vector<ValueInfo> outputs;
  for (const auto& info : first.outputs) {
    if (!consumed.count(info.name)) outputs.push_back(info);
    else out.values[info.name] = info;
  }
  for (const auto& info : second.outputs)
    if (std::none_of(outputs.begin(), outputs.end(), [&](const auto& o) { return o.name == info.name; })) outputs.push_back(info);
  out.outputs = std::move(outputs);
  out.nodes.insert(out.nodes.end(), second.nodes.begin(), second.nodes.end());
  out.initializers.insert(second.initializers.begin(), second.initializers.end());
  out.values.insert(second.values.begin(), second.values.end());
  for (const auto& opset : second.opsets)
    if (out.opset(opset.domain) == 0) out.opsets.push_back(opset);
  out.ir_version = std::max(out.ir_version, second.ir_version);
  return out;
}

Graph with_batch(const Graph& graph, int64_t batch) {
  Graph out = graph;
  for (auto& info : out.inputs)
    if (info.has_shape && !info.shape.empty() && info.shape[0] < 0) {
      info.shape[0] = batch;
      if (!info.symbols.empty()) info.symbols[0].clear();
    }
  return out;
}

}  // namespace scissionlite
