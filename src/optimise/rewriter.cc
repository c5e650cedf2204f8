#include "optimise/rewriter.h"

#include <algorithm>
#include <numeric>

namespace scissionlite {

Rewriter::Rewriter(Graph& graph) : graph_(graph), alive_(graph.nodes.size(), true), place_(graph.nodes.size()) {
  std::iota(place_.begin(), place_.end(), size_t{0});
  for (const auto& info : graph.outputs) outputs_.insert(info.name);
  for (size_t i = 0; i < graph.nodes.size(); ++i) link(i);
}

void Rewriter::link(size_t i) {
  for (const auto& input : node(i).inputs)
    if (!input.empty()) readers_[input].push_back(i);
  for (const auto& output : node(i).outputs)
    if (!output.empty()) producers_[output] = i;
}

void Rewriter::unlink(size_t i) {
  for (const auto& input : node(i).inputs) {
    if (input.empty()) continue;
    auto& list = readers_[input];
    list.erase(std::find(list.begin(), list.end(), i));
  }
  for (const auto& output : node(i).outputs) producers_.erase(output);
}

std::optional<size_t> Rewriter::producer(const std::string& value) const {
  const auto it = producers_.find(value);
  return it == producers_.end() ? std::nullopt : std::optional(it->second);
}

std::optional<size_t> Rewriter::inner_producer(const std::string& value) const {
  return is_output(value) || readers(value).size() != 1 ? std::nullopt : producer(value);
}

const std::vector<size_t>& Rewriter::readers(const std::string& value) const {
  static const std::vector<size_t> none;
  const auto it = readers_.find(value);
  return it == readers_.end() ? none : it->second;
}

const Tensor* Rewriter::constant(const std::string& value) const {
  const auto it = graph_.initializers.find(value);
  return it == graph_.initializers.end() ? nullptr : &it->second;
}

std::vector<Tensor> Rewriter::constants(size_t i) const {
  std::vector<Tensor> out;
  for (const auto& input : node(i).inputs) {
    const Tensor* tensor = constant(input);
    out.push_back(tensor ? *tensor : Tensor());
  }
  return out;
}

std::optional<Shape> Rewriter::shape(const std::string& value) const {
  const auto info = graph_.find_value(value);
  return info && info->has_shape ? std::optional(info->shape) : std::nullopt;
}

Dtype Rewriter::dtype(const std::string& value) const {
  const auto info = graph_.find_value(value);
  return info ? info->dtype : Dtype::kUndefined;
}

bool Rewriter::may_merge(size_t first, size_t second) const {
  const auto is = [&](size_t i, const char* type) { return node(i).op_type == type; };
  if (dtype(node(first).outputs[0]) != Dtype::kF32 || dtype(node(second).outputs[0]) != Dtype::kF32) return false;
  const auto& inputs = node(first).inputs;
  const bool dequantised = std::any_of(inputs.begin(), inputs.end(), [&](const auto& input) {
    const auto maker = producer(input);
    return maker && is(*maker, "DequantizeLinear");
  });
  const auto& users = readers(node(second).outputs[0]);
  return !dequantised || std::none_of(users.begin(), users.end(), [&](size_t user) { return is(user, "QuantizeLinear"); });
}

void Rewriter::replace(size_t i, Node node) {
  unlink(i);
  graph_.nodes[i] = std::move(node);
  link(i);
}

void Rewriter::erase(size_t i) {
  unlink(i);
  graph_.nodes[i] = Node{};
  alive_[i] = false;
}

void Rewriter::merge(size_t first, size_t second, Node merged) {
  merged.outputs = node(second).outputs;
  erase(first);
  replace(second, std::move(merged));
}

void Rewriter::replace_reads(const std::string& old, const std::string& value) {
  const auto users = readers(old);
  for (size_t user : users) {
    if (!alive_[user]) continue;
    Node changed = node(user);
    std::replace(changed.inputs.begin(), changed.inputs.end(), old, value);
    replace(user, std::move(changed));
  }
}

void Rewriter::rename_output(const std::string& old, const std::string& name) {
  Node maker = node(*producer(old));
  std::replace(maker.outputs.begin(), maker.outputs.end(), old, name);
  replace(*producer(old), std::move(maker));
  replace_reads(old, name);
  if (const auto info = graph_.values.find(old); info != graph_.values.end()) {
    graph_.values[name] = info->second;
    graph_.values[name].name = name;
  }
}

bool Rewriter::bypass(size_t i, const std::string& value) {
  const std::string result = node(i).outputs[0];
  if (!is_output(result)) {
    erase(i);
    replace_reads(result, value);
    return true;
  }
  if (is_output(value) || !producer(value)) return false;
  erase(i);
  rename_output(value, result);
  return true;
}

void Rewriter::insert_after(size_t i, Node node) {
  graph_.nodes.push_back(std::move(node));
  alive_.push_back(true);
  place_.push_back(place_[i]);
  link(graph_.nodes.size() - 1);
}

std::string Rewriter::add_constant(const std::string& wish, Tensor tensor) {
  auto name = fresh_name(wish);
  graph_.initializers.emplace(name, std::move(tensor));
  return name;
}

void Rewriter::drop_if_unread(const std::string& constant) {
  if (!is_read(constant)) graph_.initializers.erase(constant);
}

void Rewriter::import_fused_domain() {
  if (graph_.opset(ops::kFusedDomain) == 0) graph_.opsets.push_back({ops::kFusedDomain, 1});
}

void Rewriter::finish() {
  std::vector<size_t> order;
  for (size_t i = 0; i < size(); ++i)
    if (alive_[i]) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return place_[a] < place_[b]; });
  std::vector<Node> nodes;
  for (size_t i : order) nodes.push_back(std::move(graph_.nodes[i]));
  graph_.nodes = std::move(nodes);
  sort_nodes(graph_);
}

namespace {

/// A node without what every rule looks at is left to whoever runs it.
bool is_whole(const Node& node) { return !node.inputs.empty() && !node.outputs.empty() && !node.outputs[0].empty(); }

}  // namespace

int sweep(Graph& graph, std::initializer_list<Rule> rules) {
  Rewriter rewriter(graph);
  int rewrites = 0;
  const size_t count = rewriter.size();
  for (size_t i = 0; i < count; ++i)
    for (const auto& rule : rules)
      if (rewriter.alive(i) && is_whole(rewriter.node(i)) && rule(rewriter, i)) ++rewrites;
  if (rewrites > 0) rewriter.finish();
  return rewrites;
}

}  // namespace scissionlite
