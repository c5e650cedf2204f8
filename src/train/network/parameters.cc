#include "train/network/parameters.h"

#include <fnmatch.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "base/text.h"
#include "graph/slice.h"

namespace scissionlite::train {
namespace {

/// Role of input i of a node, if it may hold a parameter.
std::optional<Role> role_of(const Node& node, size_t i) {
  const auto& type = node.op_type;
  if (!node.domain.empty() && node.domain != "ai.onnx") return std::nullopt;
  if (type == "Conv" || type == "ConvTranspose" || type == "Gemm")
    return i == 1 ? std::optional(Role::kWeight) : i == 2 ? std::optional(Role::kBias) : std::nullopt;
  if (type == "MatMul") return Role::kWeight;
  if (type == "BatchNormalization" || type == "InstanceNormalization")
    return i == 1 ? std::optional(Role::kScale) : i == 2 ? std::optional(Role::kShift) : std::nullopt;
  if (type == "PRelu") return i == 1 ? std::optional(Role::kSlope) : std::nullopt;
  if (type == "Add" || type == "Sum") return Role::kShift;
  if (type == "Mul") return Role::kScale;
  return std::nullopt;
}

/// Operators through which a weight is still that weight.
bool passes_weights(const std::string& type) {
  static const std::set<std::string> types{"Reshape",  "Unsqueeze", "Squeeze",        "Flatten",          "Transpose",
                                           "Identity", "Cast",      "QuantizeLinear", "DequantizeLinear", "FakeQuantize"};
  return types.count(type) > 0;
}

bool is_float(Dtype dtype) { return dtype == Dtype::kF32 || dtype == Dtype::kF64 || dtype == Dtype::kF16 || dtype == Dtype::kBF16; }

class Finder {
 public:
  explicit Finder(const Graph& graph) : graph_(graph), producers_(graph.producers()) {}

  std::vector<Parameter> run() {
    for (const auto& node : graph_.nodes)
      for (size_t i = 0; i < node.inputs.size(); ++i) {
        const auto role = role_of(node, i);
        if (!role || node.inputs[i].empty()) continue;
        auto found = trace(node.inputs[i]);
        const bool elementwise = node.op_type == "Add" || node.op_type == "Sum" || node.op_type == "Mul";
        if (found && !(elementwise && element_count(found->shape) <= 1)) add(std::move(*found), *role, node);
      }
    return std::move(parameters_);
  }

 private:
  const Node* producer(const std::string& value) const {
    const auto it = producers_.find(value);
    return it == producers_.end() ? nullptr : &graph_.nodes[it->second];
  }

  /// The float constant behind a value.
  std::optional<Parameter> trace(const std::string& value) const {
    if (const auto it = graph_.initializers.find(value); it != graph_.initializers.end()) {
      if (!is_float(it->second.dtype())) return std::nullopt;
      return Parameter{value, value, Role::kWeight, Storage::kInitializer, it->second.shape(), {}, {}};
    }
    const auto* node = producer(value);
    if (!node) return std::nullopt;
    if (node->op_type == "Constant") return constant_node(*node);
    if (!passes_weights(node->op_type) || node->inputs.empty()) return std::nullopt;
    if (node->op_type == "DequantizeLinear")
      if (const auto it = graph_.initializers.find(node->inputs[0]); it != graph_.initializers.end() && is_constant_scaled(*node))
        return Parameter{value, node->inputs[0], Role::kWeight, Storage::kDequantized, it->second.shape(), {}, {}};
    return trace(node->inputs[0]);
  }

  static std::optional<Parameter> constant_node(const Node& node) {
    const auto it = node.attributes.find("value");
    const auto* tensor = it == node.attributes.end() ? nullptr : std::get_if<Tensor>(&it->second);
    if (!tensor || !is_float(tensor->dtype())) return std::nullopt;
    return Parameter{node.outputs[0], node.outputs[0], Role::kWeight, Storage::kConstantNode, tensor->shape(), {}, {}};
  }

  bool is_constant_scaled(const Node& node) const {
    return node.int_attribute("block_size", 0) == 0 && std::all_of(node.inputs.begin() + 1, node.inputs.end(), [&](const auto& name) {
             return name.empty() || graph_.initializers.count(name) > 0;
           });
  }

  void add(Parameter parameter, Role role, const Node& node) {
    const auto [it, is_new] = index_.emplace(parameter.name, parameters_.size());
    if (is_new) {
      parameter.role = role;
      parameters_.push_back(std::move(parameter));
    }
    auto& entry = parameters_[it->second];
    entry.users.push_back(node.name.empty() ? node.outputs[0] : node.name);
    entry.values.push_back(node.outputs[0]);
  }

  const Graph& graph_;
  std::unordered_map<std::string, size_t> producers_;
  std::vector<Parameter> parameters_;
  std::map<std::string, size_t> index_;
};

bool matches(const std::string& pattern, const Parameter& parameter) {
  return glob_matches(pattern, parameter.name) || glob_matches(pattern, parameter.stored_as) ||
         std::any_of(parameter.users.begin(), parameter.users.end(), [&](const auto& user) { return glob_matches(pattern, user); });
}

[[noreturn]] void fail_unmatched(const Graph& graph, const std::vector<Parameter>& parameters, const std::string& pattern) {
  if (const auto it = graph.initializers.find(pattern); it != graph.initializers.end())
    throw InvalidArgument("[train] '" + pattern + "' (" + std::string(dtype_name(it->second.dtype())) + " " + to_string(it->second.shape()) +
                          ") cannot be trained: no operator uses it as weight, bias, scale, shift or slope");
  std::vector<std::string> names;
  for (const auto& parameter : parameters) names.push_back(parameter.name);
  throw InvalidArgument("[train] pattern '" + pattern + "' matches no parameter" + did_you_mean(pattern, names));
}

[[noreturn]] void fail_without_parameters(const Graph& graph) {
  for (const auto& node : graph.nodes)
    if (node.op_type.rfind("QLinear", 0) == 0)
      throw Unsupported("[train] '" + graph.name + "' has no weight to train: they are integers inside quantised operators (" + node.label() +
                        "), which rounding gives no gradient; train the float model and quantise it afterwards");
  throw InvalidArgument("[train] '" + graph.name + "' has no weight to train");
}

/// First outputs of the nodes that the head of the cut consists of.
std::set<std::string> head_values(const Graph& graph, const std::vector<std::string>& cut) {
  std::set<std::string> values;
  for (const auto& node : cut_graph(graph, cut).head.nodes) values.insert(node.outputs[0]);
  return values;
}

}  // namespace

const char* role_name(Role role) {
  switch (role) {
    case Role::kWeight: return "weight";
    case Role::kBias: return "bias";
    case Role::kScale: return "scale";
    case Role::kShift: return "shift";
    case Role::kSlope: break;
  }
  return "slope";
}

bool glob_matches(const std::string& pattern, const std::string& name) {
  return pattern == name || fnmatch(pattern.c_str(), name.c_str(), 0) == 0;  // names may hold brackets
}

std::vector<Parameter> find_parameters(const Graph& graph) { return Finder(graph).run(); }

void select_parameters(const Graph& graph, std::vector<Parameter>& parameters, const Selection& selection) {
  if (parameters.empty()) fail_without_parameters(graph);
  if (!selection.side.empty() && selection.side != "head" && selection.side != "tail")
    throw InvalidArgument("[train] side is '" + selection.side + "', expected head or tail");
  if (selection.side.empty() != selection.cut.empty())
    throw InvalidArgument("[train] a cut and a side (head or tail) go together; only one is given");
  const auto head = selection.cut.empty() ? std::set<std::string>{} : head_values(graph, selection.cut);
  std::set<std::string> unmatched(selection.train.begin(), selection.train.end());
  unmatched.insert(selection.freeze.begin(), selection.freeze.end());
  size_t trained = 0;
  for (auto& parameter : parameters) {
    const auto any = [&](const std::vector<std::string>& patterns) {
      bool hit = false;
      for (const auto& pattern : patterns)
        if (matches(pattern, parameter)) {
          unmatched.erase(pattern);
          hit = true;
        }
      return hit;
    };
    const bool wanted = any(selection.train), frozen = any(selection.freeze);
    const bool in_head = std::any_of(parameter.values.begin(), parameter.values.end(), [&](const auto& value) { return head.count(value) > 0; });
    parameter.trained = wanted && !frozen && (selection.side.empty() || in_head == (selection.side == "head"));
    trained += parameter.trained ? 1 : 0;
  }
  if (!unmatched.empty()) fail_unmatched(graph, parameters, *unmatched.begin());
  if (trained == 0)
    throw InvalidArgument("[train] nothing is left to train of " + std::to_string(parameters.size()) +
                          " parameters; give other patterns or the other side of the cut");
}

}  // namespace scissionlite::train
