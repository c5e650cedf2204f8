#include "compress/blocks.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "compress/one_image.h"
#include "compress/slice_constant.h"
#include "ops/ops.h"

namespace scissionlite::compress {
namespace {

bool is_onnx(const Node& node, const std::string& type) { return node.domain.empty() && node.op_type == type; }

bool is_activation(const Node& node) {
  static const std::set<std::string> types{"Relu",      "Clip", "LeakyRelu", "Elu",  "Sigmoid", "HardSigmoid",
                                           "HardSwish", "Tanh", "PRelu",     "Mish", "Softplus"};
  return node.domain.empty() && types.count(node.op_type) > 0;
}

/// Who makes and who reads each value, and types for a batch of one.
class Looked {
 public:
  explicit Looked(const Graph& graph) : graph_(graph), producers_(graph.producers()) {
    for (size_t i = 0; i < graph.nodes.size(); ++i)
      for (const auto& input : graph.nodes[i].inputs) readers_[input].push_back(i);
    for (const auto& info : graph.outputs) outputs_.insert(info.name);
    const Graph single = for_one_image(graph);
    shapes_ = known_shapes(single);
    macs_ = ops::node_macs(single);
  }
  void add_costs(Block& block) const {
    std::set<std::string> constants;
    for (const size_t node : block.nodes) {
      block.macs += macs_[node];
      constants.insert(graph_.nodes[node].inputs.begin(), graph_.nodes[node].inputs.end());
    }
    for (const auto& name : constants)
      if (const auto it = graph_.initializers.find(name); it != graph_.initializers.end() && it->second.dtype() == Dtype::kF32)
        block.parameters += it->second.size();
  }
  [[nodiscard]] bool is_constant(const std::string& value) const { return value.empty() || graph_.initializers.count(value) > 0; }
  [[nodiscard]] std::optional<Shape> shape(const std::string& value) const {
    const auto it = shapes_.find(value);
    return it == shapes_.end() ? std::nullopt : std::optional(it->second);
  }
  [[nodiscard]] bool is_output(const std::string& value) const { return outputs_.count(value) > 0; }
  [[nodiscard]] std::vector<size_t> readers(const std::string& value) const {
    const auto it = readers_.find(value);
    return it == readers_.end() ? std::vector<size_t>{} : it->second;
  }
  [[nodiscard]] std::optional<size_t> producer(const std::string& value) const {
    const auto it = producers_.find(value);
    return it == producers_.end() ? std::nullopt : std::optional(it->second);
  }

  /// Nodes that compute `to` from `from` alone, if nothing but them and `reader` reads what they make.
  [[nodiscard]] std::optional<std::set<size_t>> region(const std::string& from, const std::string& to, size_t reader) const {
    std::set<size_t> nodes;
    std::vector<std::string> open{to};
    bool reads_from = false;
    while (!open.empty()) {
      const auto value = open.back();
      open.pop_back();
      if (is_constant(value)) continue;
      if (value == from) {
        reads_from = true;
        continue;
      }
      const auto node = producer(value);
      if (!node) return std::nullopt;  // another input of the graph
      if (!nodes.insert(*node).second) continue;
      for (const auto& input : graph_.nodes[*node].inputs) open.push_back(input);
    }
    if (!reads_from || nodes.empty()) return std::nullopt;
    for (const size_t node : nodes)
      for (const auto& output : graph_.nodes[node].outputs) {
        if (is_output(output)) return std::nullopt;
        for (const size_t other : readers(output))
          if (!nodes.count(other) && !(other == reader && output == to)) return std::nullopt;
      }
    return nodes;
  }

 private:
  const Graph& graph_;
  std::unordered_map<std::string, size_t> producers_;
  std::map<std::string, std::vector<size_t>> readers_;
  std::map<std::string, Shape> shapes_;
  std::set<std::string> outputs_;
  std::vector<int64_t> macs_;
};

std::string gate_name(const Node& node) { return "gate/" + (node.name.empty() ? node.outputs[0] : node.name); }

std::optional<Block> residual_block(const Graph& graph, const Looked& looked, size_t i) {
  const auto& node = graph.nodes[i];
  if (!is_onnx(node, "Add") || node.inputs[0] == node.inputs[1] || looked.is_constant(node.inputs[0]) || looked.is_constant(node.inputs[1]))
    return std::nullopt;
  for (const bool second_is_branch : {true, false}) {
    const auto &shortcut = node.inputs[second_is_branch ? 0 : 1], &branch = node.inputs[second_is_branch ? 1 : 0];
    const auto shape = looked.shape(node.outputs[0]);
    if (!shape || looked.shape(shortcut) != shape || looked.shape(branch) != shape) continue;
    if (auto nodes = looked.region(shortcut, branch, i))
      return Block{gate_name(node), shortcut, node.outputs[0], branch, true, std::move(*nodes), 0, 0};
  }
  return std::nullopt;
}

/// A convolution, its BatchNormalization and its activation, where its input has its output's shape.
std::optional<Block> plain_layer(const Graph& graph, const Looked& looked, size_t i) {
  const auto& conv = graph.nodes[i];
  if (!is_onnx(conv, "Conv") || looked.is_constant(conv.inputs[0])) return std::nullopt;
  const auto shape = looked.shape(conv.inputs[0]);
  if (!shape || looked.shape(conv.outputs[0]) != shape) return std::nullopt;
  Block block{"", conv.inputs[0], "", "", false, {i}, 0, 0};
  size_t last = i;
  while (true) {
    const auto& value = graph.nodes[last].outputs[0];
    const auto readers = looked.readers(value);
    if (looked.is_output(value) || readers.size() != 1) break;
    const auto& next = graph.nodes[readers[0]];
    const bool is_scale = is_onnx(next, "Mul") && (looked.is_constant(next.inputs[0]) || looked.is_constant(next.inputs[1]));
    if (!is_onnx(next, "BatchNormalization") && !is_activation(next) && !is_scale) break;
    last = readers[0];
    block.nodes.insert(last);
  }
  block.to = block.branch = graph.nodes[last].outputs[0];
  if (looked.is_output(block.to)) return std::nullopt;
  block.name = gate_name(graph.nodes[last]);
  return block;
}

bool contains(const Block& outer, const Block& inner) {
  return &outer != &inner && std::includes(outer.nodes.begin(), outer.nodes.end(), inner.nodes.begin(), inner.nodes.end());
}

/// Nodes and constants that no output needs.
void drop_dead(Graph& graph) {
  std::set<std::string> needed;
  for (const auto& info : graph.outputs) needed.insert(info.name);
  for (size_t i = graph.nodes.size(); i-- > 0;) {
    auto& node = graph.nodes[i];
    const bool is_needed = std::any_of(node.outputs.begin(), node.outputs.end(), [&](const auto& output) { return needed.count(output) > 0; });
    if (is_needed) needed.insert(node.inputs.begin(), node.inputs.end());
    else graph.nodes.erase(graph.nodes.begin() + static_cast<std::ptrdiff_t>(i));
  }
  drop_unread_constants(graph);
}

size_t maker_of(const Graph& graph, const std::string& value) { return graph.producers().at(value); }

/// Multiplies what the node makes into its weights; false where other nodes read these, or it has none.
bool fold_into(Graph& graph, Node& node, float gate) {
  std::vector<size_t> places;
  if (is_onnx(node, "BatchNormalization")) places = {1, 2};
  else if (is_onnx(node, "Conv") || is_onnx(node, "Gemm"))
    places = node.inputs.size() > 2 && !node.inputs[2].empty() ? std::vector<size_t>{1, 2} : std::vector<size_t>{1};
  else return false;
  for (const size_t place : places)
    if (!graph.initializers.count(node.inputs[place]) || graph.initializers.at(node.inputs[place]).dtype() != Dtype::kF32) return false;
  for (const size_t place : places) {
    Tensor scaled = graph.initializers.at(node.inputs[place]).clone();
    for (float& v : scaled.mutable_as<float>()) v *= gate;
    const auto name = graph.fresh_name(node.inputs[place]);
    graph.initializers[name] = scaled;
    node.inputs[place] = name;
  }
  return true;
}

}  // namespace

std::vector<Block> find_blocks(const Graph& graph) {
  const Looked looked(graph);
  std::vector<Block> all, out;
  for (size_t i = 0; i < graph.nodes.size(); ++i)
    if (auto block = residual_block(graph, looked, i)) all.push_back(std::move(*block));
  for (size_t i = 0; all.empty() && i < graph.nodes.size(); ++i)
    if (auto block = plain_layer(graph, looked, i)) out.push_back(std::move(*block));
  for (const auto& block : all)
    if (std::none_of(all.begin(), all.end(), [&](const Block& other) { return contains(other, block); })) out.push_back(block);
  for (auto& block : out) looked.add_costs(block);
  return out;
}

Graph with_gates(const Graph& graph, const std::vector<Block>& blocks) {
  Graph out = graph;
  for (const auto& block : blocks) {
    out.initializers.emplace(block.name, Tensor::scalar(1.0F));
    const auto gated = out.fresh_name(block.branch + "_gated");
    if (block.is_residual) {
      const auto join = maker_of(out, block.to);
      auto& inputs = out.nodes[join].inputs;
      *std::find(inputs.begin(), inputs.end(), block.branch) = gated;
      out.nodes.insert(out.nodes.begin() + static_cast<std::ptrdiff_t>(join),
                       Node{block.name, "Mul", "", {block.branch, block.name}, {gated}, {}, ""});
      continue;
    }
    const auto last = maker_of(out, block.to);
    const auto layer = out.fresh_name(block.to + "_layer"), change = out.fresh_name(block.to + "_change");
    out.nodes[last].outputs[0] = layer;
    const std::vector<Node> more{{block.name + "/change", "Sub", "", {layer, block.from}, {change}, {}, ""},
                                 {block.name, "Mul", "", {change, block.name}, {gated}, {}, ""},
                                 {block.name + "/sum", "Add", "", {block.from, gated}, {block.to}, {}, ""}};
    out.nodes.insert(out.nodes.begin() + static_cast<std::ptrdiff_t>(last) + 1, more.begin(), more.end());
  }
  out.check();
  return out;
}

Graph without_gates(const Graph& graph, const std::vector<Block>& blocks, const std::map<std::string, float>& gates) {
  Graph out = graph;
  for (const auto& block : blocks) {
    const auto found = gates.find(block.name);
    if (found == gates.end()) throw InvalidArgument("[compress] no value of '" + block.name + "' is given");
    const float gate = found->second;
    const auto mul = std::find_if(out.nodes.begin(), out.nodes.end(), [&](const Node& node) { return node.name == block.name; });
    const auto branch = mul->inputs[0], gated = mul->outputs[0];
    if (!block.is_residual && gate != 0 && gate != 1)
      throw InvalidArgument("[compress] '" + block.name + "' of a plain layer is " + std::to_string(gate) + "; one or zero was expected");
    if (gate == 0) {  // the sum is its shortcut: an Identity, in case the value is one of the graph's outputs
      out.nodes[maker_of(out, block.to)] = Node{block.name, "Identity", "", {block.from}, {block.to}, {}, ""};
    } else if (!block.is_residual) {
      const auto layer = out.nodes[maker_of(out, branch)].inputs[0];
      out.nodes[maker_of(out, block.to)] = Node{block.name, "Identity", "", {layer}, {block.to}, {}, ""};
    } else if (gate == 1 || fold_into(out, out.nodes[maker_of(out, branch)], gate)) {
      auto& inputs = out.nodes[maker_of(out, block.to)].inputs;
      std::replace(inputs.begin(), inputs.end(), gated, branch);
    } else {
      out.initializers[block.name] = Tensor::scalar(gate);
    }
  }
  drop_dead(out);
  // readers of an Identity's result read its source
  for (const auto& block : blocks) {
    const auto node =
        std::find_if(out.nodes.begin(), out.nodes.end(), [&](const Node& n) { return n.name == block.name && n.op_type == "Identity"; });
    const bool is_output = std::any_of(out.outputs.begin(), out.outputs.end(), [&](const ValueInfo& info) { return info.name == block.to; });
    if (node == out.nodes.end() || is_output) continue;
    const auto from = node->inputs[0];
    out.nodes.erase(node);
    for (auto& reader : out.nodes) std::replace(reader.inputs.begin(), reader.inputs.end(), block.to, from);
  }
  out.values.clear();
  ops::infer_shapes(out);
  out.check();
  return out;
}

}  // namespace scissionlite::compress
