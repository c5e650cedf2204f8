#include "ops/ops.h"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "ops/support.h"

namespace scissionlite::ops {

#define SCISSIONLITE_OP(name) extern const Operator name;
#include "ops/ops.inc"
#undef SCISSIONLITE_OP

namespace {

const Operator* const kOperators[] = {
#define SCISSIONLITE_OP(name) &name,
#include "ops/ops.inc"
#undef SCISSIONLITE_OP
};

/// Values of constants that shape rules may ask for: small integer tensors only, so that nothing large is computed.
constexpr int64_t kLargestShapeTensor = 256;

/// @throws ModelError when the node has fewer inputs than its operator reads, or leaves out one that ONNX requires.
void check_count(const Operator& op, const Node& node) {
  if (node.inputs.size() < op.min_inputs)
    throw ModelError("[" + node.label() + "] " + op.type + " has " + std::to_string(node.inputs.size()) +
                     (node.inputs.size() == 1 ? " input" : " inputs") + ", expected at least " + std::to_string(op.min_inputs) +
                     "; the file is damaged, or was not written as the operator is defined");
  if (!op.domain.empty()) return;  // others count zero points and biases too, which may be absent
  for (size_t i = 0; i < op.min_inputs; ++i)
    if (node.inputs[i].empty())
      throw ModelError("[" + node.label() + "] input " + std::to_string(i) + " of " + op.type +
                       " is left out, which the operator requires; the file is damaged, or was not written as the operator is defined");
}

/// The shape rule checks what reference code relies on: ranks, sizes, attributes.
/// @throws ModelError.
void check_types(const Operator& op, const Context& context, std::span<const Tensor> inputs) {
  std::vector<ValueInfo> types;
  for (size_t i = 0; i < inputs.size(); ++i) types.push_back(inputs[i].empty() ? ValueInfo{} : typed(inputs[i].dtype(), inputs[i].shape()));
  (void)op.shape(context, types, inputs);
}

/// What an operator's reference code makes of inputs.
/// @throws Unsupported also for types that it does not read, ModelError for inputs that do not fit together.
std::vector<Tensor> evaluate(const Operator& op, const Context& context, std::span<const Tensor> inputs) {
  if (const auto lack = lack_of(context); !lack.empty()) fail_unsupported(context, lack);
  check_types(op, context, inputs);
  try {
    return op.reference(context, inputs);
  } catch (const WrongType&) {
    std::string types;
    for (const auto& input : inputs) types += (types.empty() ? "" : ", ") + std::string(dtype_name(input.dtype()));
    fail_unsupported(context, op.type + " of " + types);
  }
}

class ShapeInference {
 public:
  explicit ShapeInference(Graph& graph) : graph_(graph) {
    for (const auto& info : graph.inputs) types_[info.name] = info;
    for (const auto& [name, tensor] : graph.initializers) types_[name] = {name, tensor.dtype(), tensor.shape(), true, {}};
  }

  void run() {
    for (const auto& node : graph_.nodes) infer(node);
    for (auto& info : graph_.outputs) {
      const auto it = types_.find(info.name);
      if (it == types_.end()) continue;
      if (info.dtype == Dtype::kUndefined) info.dtype = it->second.dtype;
      if (it->second.has_shape) {
        info.shape = it->second.shape;
        info.has_shape = true;
      }
    }
  }

 private:
  void infer(const Node& node) {
    std::vector<ValueInfo> inputs(node.inputs.size());
    std::vector<Tensor> constants(node.inputs.size());
    bool known = true;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i].empty()) continue;
      if (const auto it = types_.find(node.inputs[i]); it != types_.end()) inputs[i] = it->second;
      else known = false;
      constants[i] = constant(node.inputs[i]);
    }
    const Operator* op = find(node.domain, node.op_type);
    if (!op || !known) return keep_declared(node);
    const Context context{node, graph_.opset(node.domain)};
    check_count(*op, node);
    auto outputs = op->shape(context, inputs, constants);
    for (size_t i = 0; i < node.outputs.size() && i < outputs.size(); ++i) {
      if (node.outputs[i].empty()) continue;
      outputs[i].name = node.outputs[i];
      if (!outputs[i].has_shape)
        if (const auto declared = graph_.values.find(node.outputs[i]); declared != graph_.values.end() && declared->second.has_shape)
          outputs[i] = declared->second;
      types_[node.outputs[i]] = outputs[i];
      graph_.values[node.outputs[i]] = outputs[i];
    }
    evaluate_small(node, *op, context, constants, inputs);
  }

  /// For an operator we do not know, what the file says of its outputs stands.
  void keep_declared(const Node& node) {
    for (const auto& output : node.outputs)
      if (const auto it = graph_.values.find(output); it != graph_.values.end()) types_[output] = it->second;
  }

  Tensor constant(const std::string& name) const {
    if (const auto it = graph_.initializers.find(name); it != graph_.initializers.end()) return it->second;
    if (const auto it = small_.find(name); it != small_.end()) return it->second;
    return {};
  }

  /// Shape -> Gather -> Concat -> Reshape chains: computes small tensors whose inputs are known.
  void evaluate_small(const Node& node, const Operator& op, const Context& context, const std::vector<Tensor>& constants,
                      const std::vector<ValueInfo>& inputs) {
    if (node.outputs.empty() || node.outputs[0].empty()) return;
    if (op.type == "Shape") {
      if (!inputs[0].has_shape || !is_static(inputs[0].shape)) return;
      const auto sizes = selected_sizes(node, inputs[0].shape);
      small_[node.outputs[0]] = Tensor::of<int64_t>({static_cast<int64_t>(sizes.size())}, std::span<const int64_t>(sizes));
      return;
    }
    const auto& out = types_[node.outputs[0]];
    if (!out.has_shape || !is_static(out.shape) || element_count(out.shape) > kLargestShapeTensor) return;
    for (size_t i = 0; i < node.inputs.size(); ++i)
      if (!node.inputs[i].empty() && (constants[i].empty() || constants[i].size() > kLargestShapeTensor)) return;
    std::vector<Tensor> values;
    try {
      values = evaluate(op, context, constants);
    } catch (const Unsupported&) {  // an engine may know it
      return;
    }
    for (size_t i = 0; i < values.size() && i < node.outputs.size(); ++i)
      if (!node.outputs[i].empty()) small_[node.outputs[i]] = values[i];
  }
  Graph& graph_;
  std::unordered_map<std::string, ValueInfo> types_;
  std::unordered_map<std::string, Tensor> small_;
};

bool moves_data_only(const std::string& type) {
  static const std::set<std::string> names{"Concat",         "Split",           "Slice",        "Gather",   "Transpose",       "Pad",     "Expand",
                                           "Tile",           "DepthToSpace",    "SpaceToDepth", "Reshape",  "Flatten",         "Squeeze", "Unsqueeze",
                                           "Identity",       "Dropout",         "Cast",         "Constant", "ConstantOfShape", "Shape",   "Where",
                                           "QuantizeLinear", "DequantizeLinear"};
  return names.count(type) > 0;
}

Tensor to_f16(const Tensor& x) {
  Tensor y(Dtype::kF16, x.shape());
  auto* out = reinterpret_cast<uint16_t*>(y.mutable_data());
  for (float v : x.as<float>()) *out++ = f32_to_f16(v);
  return y;
}

}  // namespace

const Operator* find(const std::string& domain, const std::string& type) {
  static const auto table = [] {
    std::map<std::pair<std::string, std::string>, const Operator*> out;
    for (const auto* op : kOperators) out.emplace(std::pair(op->domain, op->type), op);
    return out;
  }();
  const auto it = table.find({domain, type});
  return it == table.end() ? nullptr : it->second;
}

std::vector<const Operator*> all() { return {std::begin(kOperators), std::end(kOperators)}; }

void infer_shapes(Graph& graph) { ShapeInference(graph).run(); }

std::vector<int64_t> node_macs(const Graph& graph) {
  std::vector<int64_t> macs(graph.nodes.size(), 0);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto& node = graph.nodes[i];
    const Operator* op = find(node.domain, node.op_type);
    if (!op || op->cost == no_cost || node.inputs.size() < op->min_inputs) continue;
    const auto types_of = [&](const std::vector<std::string>& names) {
      std::vector<ValueInfo> types;
      for (const auto& name : names) types.push_back(graph.find_value(name).value_or(ValueInfo{}));
      return types;
    };
    macs[i] = op->cost({node, graph.opset(node.domain)}, types_of(node.inputs), types_of(node.outputs));
  }
  return macs;
}

namespace {

/// Constants of a graph, and those results of nodes that it will not keep, as long as a node reads them.
class FoldedConstants {
 public:
  explicit FoldedConstants(Graph& graph) : graph_(graph) {
    for (const auto& info : graph.outputs) ++readers_[info.name];
    for (const auto& node : graph.nodes)
      for (const auto& input : node.inputs) ++readers_[input];
  }
  [[nodiscard]] bool has(const std::string& value) const {
    return value.empty() || graph_.initializers.count(value) > 0 || passing_.count(value) > 0;
  }
  [[nodiscard]] Tensor get(const std::string& value) const {
    if (const auto it = graph_.initializers.find(value); it != graph_.initializers.end()) return it->second;
    const auto it = passing_.find(value);
    return it == passing_.end() ? Tensor() : it->second;
  }
  void keep(const std::string& value, const Tensor& tensor) { graph_.initializers[value] = tensor; }
  void pass_on(const std::string& value, const Tensor& tensor) { passing_[value] = tensor; }
  /// One node less reads it.
  void read(const std::string& value) {
    if (--readers_[value] == 0) passing_.erase(value);
  }

 private:
  Graph& graph_;
  std::map<std::string, Tensor> passing_;
  std::unordered_map<std::string, int> readers_;
};

/// Drops those of the nodes that nothing reads.
void drop_unread(Graph& graph, const std::unordered_set<std::string>& first_outputs) {
  std::unordered_set<std::string> wanted;
  for (const auto& info : graph.outputs) wanted.insert(info.name);
  std::vector<Node> left;
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node) {
    if (!node->outputs.empty() && first_outputs.count(node->outputs[0]) > 0 &&
        std::none_of(node->outputs.begin(), node->outputs.end(), [&](const auto& output) { return wanted.count(output) > 0; }))
      continue;
    wanted.insert(node->inputs.begin(), node->inputs.end());
    left.push_back(std::move(*node));
  }
  std::reverse(left.begin(), left.end());
  graph.nodes = std::move(left);
}

bool is_bytes(const Tensor& tensor) { return tensor.dtype() == Dtype::kU8 || tensor.dtype() == Dtype::kI8; }

}  // namespace

void fold_constants(Graph& graph, int64_t limit_bytes, bool (*is_left)(const Node&)) {
  FoldedConstants constants(graph);
  std::vector<Node> kept;
  std::unordered_set<std::string> large;  // first outputs of nodes whose results are
  for (auto& node : graph.nodes) {
    const bool is_evaluated = find(node.domain, node.op_type) != nullptr && !(is_left && is_left(node));
    if (!is_evaluated || !std::all_of(node.inputs.begin(), node.inputs.end(), [&](const auto& input) { return constants.has(input); })) {
      kept.push_back(std::move(node));
      continue;
    }
    std::vector<Tensor> inputs;
    for (const auto& input : node.inputs) inputs.push_back(constants.get(input));
    std::vector<Tensor> outputs;
    try {
      outputs = run_node(graph, node, inputs);
    } catch (const Unsupported&) {  // an engine may know it
      kept.push_back(std::move(node));
      continue;
    }
    outputs.resize(std::min(outputs.size(), node.outputs.size()));
    const bool is_kept = std::all_of(outputs.begin(), outputs.end(), [&](const Tensor& output) {
      return is_bytes(output) || static_cast<int64_t>(output.size_bytes()) <= limit_bytes;
    });
    for (size_t i = 0; i < outputs.size(); ++i)
      if (!node.outputs[i].empty()) is_kept ? constants.keep(node.outputs[i], outputs[i]) : constants.pass_on(node.outputs[i], outputs[i]);
    for (const auto& input : node.inputs) constants.read(input);
    if (is_kept) continue;
    large.insert(node.outputs[0]);
    kept.push_back(std::move(node));
  }
  graph.nodes = std::move(kept);
  drop_unread(graph, large);
}

std::string lack_of(const Context& c) {
  const Operator* op = find(c.node.domain, c.node.op_type);
  return op && op->lack ? op->lack(c) : "";
}

void check_known(const Graph& graph, const Node& node, const std::string& engine) {
  const auto refuse = [&](const std::string& why) { throw Unsupported("[" + engine + "] cannot run [" + node.label() + "]: " + why); };
  if (!find(node.domain, node.op_type))
    refuse("operator '" + node.op_type + "' of domain '" + (node.domain.empty() ? "ai.onnx" : node.domain) + "' (opset " +
           std::to_string(graph.opset(node.domain)) + ") has no code; see docs/adding_an_operator.md");
  if (const auto lack = lack_of({node, graph.opset(node.domain)}); !lack.empty()) refuse(lack + " has no code");
}

std::vector<Tensor> run_node(const Graph& graph, const Node& node, std::span<const Tensor> inputs) {
  check_known(graph, node, "reference");
  const Operator* op = find(node.domain, node.op_type);
  const Context context{node, graph.opset(node.domain)};
  check_count(*op, node);
  // half precision is computed in fp32 and rounded once, at the node's outputs
  const bool half =
      !moves_data_only(node.op_type) && std::any_of(inputs.begin(), inputs.end(), [](const Tensor& t) { return t.dtype() == Dtype::kF16; });
  if (!half) return evaluate(*op, context, inputs);
  std::vector<Tensor> wide(inputs.begin(), inputs.end());
  for (auto& t : wide)
    if (t.dtype() == Dtype::kF16) t = t.to_f32();
  auto outputs = evaluate(*op, context, wide);
  for (auto& t : outputs)
    if (t.dtype() == Dtype::kF32) t = to_f16(t);
  return outputs;
}

}  // namespace scissionlite::ops
