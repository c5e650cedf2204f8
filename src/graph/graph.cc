#include "graph/graph.h"

#include <algorithm>
#include <queue>

namespace scissionlite {
namespace {

template <typename T>
T attribute_or(const Node& node, const std::string& key, T fallback) {
  const auto it = node.attributes.find(key);
  if (it == node.attributes.end()) return fallback;
  if (const T* value = std::get_if<T>(&it->second)) return *value;
  throw ModelError("[" + node.label() + "] attribute '" + key + "' has another type than its operator defines");
}

}  // namespace

std::string Node::label() const {
  if (!name.empty()) return op_type + " '" + name + "'";
  for (const auto& output : outputs)
    if (!output.empty()) return op_type + " -> '" + output + "'";
  return op_type;
}
int64_t Node::int_attribute(const std::string& key, int64_t fallback) const { return attribute_or(*this, key, fallback); }
float Node::float_attribute(const std::string& key, float fallback) const { return attribute_or(*this, key, fallback); }
std::string Node::text_attribute(const std::string& key, const std::string& fallback) const { return attribute_or(*this, key, fallback); }
std::vector<int64_t> Node::ints_attribute(const std::string& key, std::vector<int64_t> fallback) const {
  return attribute_or(*this, key, std::move(fallback));
}
std::vector<float> Node::floats_attribute(const std::string& key, std::vector<float> fallback) const {
  return attribute_or(*this, key, std::move(fallback));
}

int64_t Graph::opset(const std::string& domain) const {
  const auto same = [](const std::string& a, const std::string& b) {
    return a == b || (a.empty() && b == "ai.onnx") || (b.empty() && a == "ai.onnx");
  };
  for (const auto& entry : opsets)
    if (same(entry.domain, domain)) return entry.version;
  return 0;
}

std::optional<ValueInfo> Graph::find_value(const std::string& value) const {
  for (const auto* list : {&inputs, &outputs})
    for (const auto& info : *list)
      if (info.name == value && (info.has_shape || !values.count(value))) return info;
  if (const auto it = values.find(value); it != values.end()) return it->second;
  if (const auto it = initializers.find(value); it != initializers.end())
    return ValueInfo{value, it->second.dtype(), it->second.shape(), /*has_shape=*/true, {}};
  return std::nullopt;
}

std::unordered_map<std::string, size_t> Graph::producers() const {
  std::unordered_map<std::string, size_t> out;
  out.reserve(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i)
    for (const auto& output : nodes[i].outputs)
      if (!output.empty()) out.emplace(output, i);
  return out;
}

std::string Graph::fresh_name(const std::string& wish) const {
  std::set<std::string> taken;
  for (const auto& info : inputs) taken.insert(info.name);
  for (const auto& [name, tensor] : initializers) taken.insert(name);
  for (const auto& node : nodes) {
    taken.insert(node.name);
    taken.insert(node.outputs.begin(), node.outputs.end());
  }
  if (!taken.count(wish)) return wish;
  for (int i = 1;; ++i)
    if (const auto name = wish + "_" + std::to_string(i); !taken.count(name)) return name;
}

void Graph::check() const {
  std::set<std::string> known;
  const auto define = [&](const std::string& value, const std::string& by) {
    if (value.empty()) throw ModelError("[graph] " + by + " has an empty name");
    if (!known.insert(value).second) throw ModelError("[graph] value '" + value + "' is defined twice, the second time by " + by);
  };
  for (const auto& info : inputs) define(info.name, "an input");
  for (const auto& [name, tensor] : initializers) define(name, "an initializer");
  for (const auto& node : nodes) {
    for (const auto& input : node.inputs)
      if (!input.empty() && !known.count(input)) throw ModelError("[" + node.label() + "] input '" + input + "' is produced by no node before it");
    for (const auto& output : node.outputs)
      if (!output.empty()) define(output, node.label());
  }
  if (outputs.empty()) throw ModelError("[graph] '" + name + "' has no output; expected at least one");
  for (const auto& info : outputs)
    if (!known.count(info.name)) throw ModelError("[graph] output '" + info.name + "' is produced by no node");
}

namespace {

/// Nodes still wait for each other. A name that stands twice looks like a cycle too, and is the likelier mistake.
[[noreturn]] void refuse_cycle(const Graph& graph, const std::vector<size_t>& waiting) {
  std::string first;
  for (size_t i = 0; i < waiting.size(); ++i) {
    if (waiting[i] == 0) continue;
    if (first.empty()) first = graph.nodes[i].label();
    for (const auto& output : graph.nodes[i].outputs)
      if (graph.initializers.count(output))
        throw ModelError("[graph] value '" + output + "' is defined twice: as a constant and by " + graph.nodes[i].label() + "; rename one of them");
  }
  throw ModelError("[graph] '" + graph.name + "' has a cycle through or before " + first + "; an ONNX graph must have none");
}

}  // namespace

void sort_nodes(Graph& graph) {
  const auto producers = graph.producers();
  std::vector<size_t> waiting(graph.nodes.size(), 0);
  std::vector<std::vector<size_t>> followers(graph.nodes.size());
  for (size_t i = 0; i < graph.nodes.size(); ++i)
    for (const auto& input : graph.nodes[i].inputs)
      if (const auto it = producers.find(input); !input.empty() && it != producers.end()) {
        followers[it->second].push_back(i);
        ++waiting[i];
      }
  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t i = 0; i < waiting.size(); ++i)
    if (waiting[i] == 0) ready.push(i);
  std::vector<Node> sorted;
  sorted.reserve(graph.nodes.size());
  while (!ready.empty()) {
    const size_t i = ready.top();
    ready.pop();
    for (size_t follower : followers[i])
      if (--waiting[follower] == 0) ready.push(follower);
    sorted.push_back(std::move(graph.nodes[i]));
  }
  if (sorted.size() != graph.nodes.size()) refuse_cycle(graph, waiting);
  graph.nodes = std::move(sorted);
}

std::vector<bool> constant_nodes(const Graph& graph) {
  std::set<std::string> data;
  for (const auto& info : graph.inputs) data.insert(info.name);
  std::vector<bool> constant(graph.nodes.size(), true);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto& node = graph.nodes[i];
    if (std::none_of(node.inputs.begin(), node.inputs.end(), [&](const auto& input) { return data.count(input) > 0; })) continue;
    constant[i] = false;
    for (const auto& output : node.outputs)
      if (!output.empty()) data.insert(output);
  }
  return constant;
}

}  // namespace scissionlite
