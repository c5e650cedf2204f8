#include "train/network/module.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "train/op/operators.h"
#include "train/tensors/convert.h"
#include "train/tensors/device.h"

namespace scissionlite::train {
namespace {

std::vector<std::string> names_of(const Values& values) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : values) names.push_back(name);
  return names;
}

std::vector<std::string> names_of(const std::vector<ValueInfo>& infos) {
  std::vector<std::string> names;
  for (const auto& info : infos) names.push_back(info.name);
  return names;
}

void check_supported(const Graph& graph) {
  for (const auto& node : graph.nodes)
    if (!find_operator(node.domain, node.op_type)) (void)run_operator({node, graph.opset(node.domain), torch::kFloat, false, false, 0, 0, 0}, {});
}

std::string shape_text(const torch::Tensor& t) { return to_string(Shape(t.sizes().begin(), t.sizes().end())); }

/// All but the batch have to be as the model says.
void check_input(const ValueInfo& info, const torch::Tensor& given) {
  bool fits = !info.has_shape || given.dim() == static_cast<int64_t>(info.shape.size());
  for (size_t d = 1; fits && info.has_shape && d < info.shape.size(); ++d)
    fits = info.shape[d] < 0 || info.shape[d] == given.size(static_cast<int64_t>(d));
  if (!fits)
    throw InvalidArgument("[train] input '" + info.name + "' has shape " + shape_text(given) + ", the model expects " + to_string(info.shape));
}

}  // namespace

Module::Module(Graph graph, const ModuleOptions& options) : graph_(std::move(graph)), options_(options), parameters_(find_parameters(graph_)) {
  check_supported(graph_);
  for (size_t i = 0; i < parameters_.size(); ++i) parameter_of_[parameters_[i].name] = i;
  for (const auto& node : graph_.nodes)
    if (node.op_type == "BatchNormalization")
      for (size_t i = 3; i < std::min<size_t>(5, node.inputs.size()); ++i)
        if (graph_.initializers.count(node.inputs[i])) statistics_.insert(node.inputs[i]);
  if (!graph_.inputs.empty() && graph_.inputs[0].has_shape && !graph_.inputs[0].shape.empty())
    model_batch_ = std::max<int64_t>(0, graph_.inputs[0].shape[0]);
  statistics_changed_ = options.update_statistics;
  weights_changed();
}

Values merged(Values a, const Values& b) {
  a.insert(b.begin(), b.end());
  return a;
}

int64_t count_values(const Values& values) {
  int64_t count = 0;
  for (const auto& [name, tensor] : values) count += tensor.numel();
  return count;
}

void Module::set_update_statistics(bool update) {
  options_.update_statistics = update;
  statistics_changed_ = statistics_changed_ || update;
}

void Module::train(const Selection& selection) {
  select_parameters(graph_, parameters_, selection);
  for (const auto& entry : parameters_) {
    if (!entry.trained && !weights_.count(entry.name)) continue;
    auto tensor = parameter(entry.name).detach();
    tensor.requires_grad_(entry.trained);
    weights_[entry.name] = tensor;
  }
  weights_changed();
}

/// What follows from weights_: plans stop at them, and what depends on them is not computed once and for all.
void Module::weights_changed() {
  plans_.clear();
  folded_.clear();
  foldable_ = constant_nodes(graph_);
  std::set<std::string> depends;
  for (const auto& [name, tensor] : weights_) depends.insert(name);
  for (size_t i = 0; i < graph_.nodes.size(); ++i) {
    const auto& node = graph_.nodes[i];
    if (std::none_of(node.inputs.begin(), node.inputs.end(), [&](const auto& input) { return depends.count(input) > 0; })) continue;
    foldable_[i] = false;
    depends.insert(node.outputs.begin(), node.outputs.end());
  }
  follows_batch_.clear();
  for (const auto& entry : parameters_)
    if (entry.trained && (entry.role == Role::kScale || entry.role == Role::kShift)) follows_batch_.insert(entry.values.begin(), entry.values.end());
}

Values Module::trained() const {
  Values out;
  for (const auto& [name, tensor] : weights_)
    if (tensor.requires_grad()) out.emplace(name, tensor);
  return out;
}

torch::Tensor Module::parameter(const std::string& name) {
  if (!parameter_of_.count(name)) {
    std::vector<std::string> known;
    for (const auto& entry : parameters_) known.push_back(entry.name);
    throw InvalidArgument("[train] '" + name + "' is no parameter of '" + graph_.name + "'" + did_you_mean(name, known));
  }
  if (const auto it = weights_.find(name); it != weights_.end()) return it->second;
  return run({}, {name}).at(name);
}

void Module::assign(const std::string& name, const torch::Tensor& values) {
  const auto old = parameter(name);
  if (old.sizes() != values.sizes())
    throw InvalidArgument("[train] '" + name + "' has shape " + shape_text(old) + ", got values of shape " + shape_text(values));
  const bool is_new = weights_.count(name) == 0;
  torch::NoGradGuard guard;
  if (!is_new) {
    weights_[name].copy_(values);
    folded_.clear();
    return;
  }
  weights_[name] = values.detach().to(compute_device(), compute_type(), /*non_blocking=*/false, /*copy=*/true).contiguous();
  weights_changed();
}

std::vector<torch::Tensor> Module::forward(const std::vector<torch::Tensor>& inputs) {
  if (inputs.size() != graph_.inputs.size())
    throw InvalidArgument("[train] '" + graph_.name + "' has " + std::to_string(graph_.inputs.size()) + " inputs, got " +
                          std::to_string(inputs.size()));
  Values given;
  for (size_t i = 0; i < inputs.size(); ++i) given[graph_.inputs[i].name] = inputs[i];
  const auto values = run(given, names_of(graph_.outputs));
  std::vector<torch::Tensor> out;
  for (const auto& info : graph_.outputs) out.push_back(values.at(info.name));
  return out;
}

/// In the type and, for pictures, the layout that operators run in: channels innermost, which convolutions read and write as it is and hand on.
torch::Tensor Module::as_computed(const torch::Tensor& given) const {
  const auto tensor = on_device(given.to(compute_type()));
  return tensor.dim() == 4 && compute_type() == torch::kFloat && tensor.is_cpu() ? tensor.contiguous(at::MemoryFormat::ChannelsLast) : tensor;
}

const Module::Plan& Module::plan(const Values& given, const std::vector<std::string>& wanted) {
  const auto [it, is_new] = plans_.try_emplace({names_of(given), wanted});
  auto& plan = it->second;
  if (!is_new) return plan;
  const auto forget = [&, key = it->first](auto&&... message) {
    plans_.erase(key), throw InvalidArgument((std::string("[train] ") + ... + message));
  };
  const auto producers = graph_.producers();
  std::vector<bool> needed(graph_.nodes.size(), false);
  std::vector<std::string> open = wanted;
  while (!open.empty()) {
    const auto name = open.back();
    open.pop_back();
    if (name.empty() || given.count(name) || weights_.count(name) || graph_.initializers.count(name)) continue;
    const auto node = producers.find(name);
    if (node == producers.end()) {
      const auto inputs = names_of(graph_.inputs);
      if (std::find(inputs.begin(), inputs.end(), name) != inputs.end())
        forget("input '", name, "' is needed but not given; what is given is no cut of the graph");
      std::vector<std::string> known;
      for (const auto& [value, index] : producers) known.push_back(value);
      forget("'", graph_.name, "' has no value '", name, "'", did_you_mean(name, known));
    }
    if (needed[node->second]) continue;
    needed[node->second] = true;
    for (const auto& input : graph_.nodes[node->second].inputs) open.push_back(input);
  }
  std::unordered_map<std::string, size_t> last_use;
  for (size_t i = 0; i < needed.size(); ++i) {
    if (!needed[i]) continue;
    for (const auto& input : graph_.nodes[i].inputs) last_use[input] = plan.nodes.size();
    for (const auto& output : graph_.nodes[i].outputs) last_use.emplace(output, plan.nodes.size());
    plan.nodes.push_back(i);
  }
  plan.dead.resize(plan.nodes.size());
  for (const auto& [name, step] : last_use)
    if (!name.empty() && std::find(wanted.begin(), wanted.end(), name) == wanted.end()) plan.dead[step].push_back(name);
  return plan;
}

Values Module::run(const Values& given, const std::vector<std::string>& wanted) {
  std::unordered_map<std::string, torch::Tensor> values;
  int64_t batch = 0;
  for (const auto& [name, tensor] : given) {
    for (const auto& info : graph_.inputs)
      if (info.name == name) check_input(info, tensor);
    values[name] = tensor.is_floating_point() ? as_computed(tensor) : tensor;
    if (tensor.dim() > 0) batch = tensor.size(0);
  }
  if (const auto it = graph_.inputs.empty() ? given.end() : given.find(graph_.inputs[0].name); it != given.end() && it->second.dim() > 0)
    batch = it->second.size(0);  // others may be steps
  const auto& steps = plan(given, wanted);
  for (size_t i = 0; i < steps.nodes.size(); ++i) {
    run_node(steps.nodes[i], batch, values);
    for (const auto& name : steps.dead[i]) values.erase(name);
  }
  Values out;
  for (const auto& name : wanted) {
    const auto it = values.find(name);
    out[name] = it == values.end() ? constant(name) : it->second;
  }
  return out;
}

void Module::run_node(size_t index, int64_t batch, std::unordered_map<std::string, torch::Tensor>& values) {
  const auto& node = graph_.nodes[index];
  const auto store = [&](const std::vector<torch::Tensor>& outputs) {
    for (size_t i = 0; i < node.outputs.size() && i < outputs.size(); ++i)
      if (!node.outputs[i].empty()) values[node.outputs[i]] = outputs[i];
  };
  if (const auto it = folded_.find(index); it != folded_.end()) return store(it->second);
  std::vector<torch::Tensor> inputs;
  for (const auto& name : node.inputs) {
    const auto it = values.find(name);
    inputs.push_back(name.empty() ? torch::Tensor() : it != values.end() ? it->second : constant(name));
  }
  const bool update = options_.update_statistics && follows_batch_.count(node.outputs[0]) > 0;
  OpContext context{node,   graph_.opset(node.domain),    compute_type(), options_.straight_through,
                    update, options_.statistics_momentum, model_batch_,   batch};
  if (update && node.op_type == "BatchNormalization" && !(statistics_.count(node.inputs[3]) && statistics_.count(node.inputs[4])))
    throw Unsupported("[" + node.label() + "] running statistics are computed by other nodes and cannot be updated; train with frozen statistics");
  const auto computed = [&] {
    auto outputs = run_operator(context, inputs);
    for (auto& output : outputs)
      if (output.defined()) output = on_device(output);
    return outputs;
  };
  if (!foldable_[index]) return store(computed());
  torch::NoGradGuard guard;
  store(folded_[index] = computed());
}

torch::Tensor Module::constant(const std::string& name) {
  if (const auto it = weights_.find(name); it != weights_.end()) return it->second;
  if (const auto it = constants_.find(name); it != constants_.end()) return it->second;
  return constants_[name] = on_device(to_torch(graph_.initializers.at(name), compute_type()));
}

Values Module::state() {
  Values out = weights_;
  if (statistics_changed_)
    for (const auto& name : statistics_) out[name] = constant(name);
  return out;
}

void Module::load_state(const Values& state) {
  const auto own = this->state();
  if (names_of(own) != names_of(state))
    throw InvalidArgument("[train] the saved state holds " + std::to_string(state.size()) + " values, other than the " + std::to_string(own.size()) +
                          " of this run");
  torch::NoGradGuard guard;
  for (const auto& [name, tensor] : own) {
    const auto& saved = state.at(name);
    if (saved.sizes() != tensor.sizes())
      throw InvalidArgument("[train] saved value '" + name + "' has shape " + shape_text(saved) + ", expected " + shape_text(tensor));
    torch::Tensor(tensor).copy_(saved);
  }
  state_changed();
}

namespace {

/// Puts a float32 initializer in place of a DequantizeLinear and drops what nothing uses any more.
void replace_dequantized(Graph& graph, const Parameter& entry, const Tensor& values) {
  const auto is_it = [&](const Node& node) { return !node.outputs.empty() && node.outputs[0] == entry.name; };
  const auto node = std::find_if(graph.nodes.begin(), graph.nodes.end(), is_it);
  const auto inputs = node->inputs;
  graph.nodes.erase(node);
  graph.values.erase(entry.name);
  graph.initializers[entry.name] = values;
  for (const auto& input : inputs)
    if (std::none_of(graph.nodes.begin(), graph.nodes.end(),
                     [&](const Node& other) { return std::count(other.inputs.begin(), other.inputs.end(), input) > 0; }))
      graph.initializers.erase(input);
}

}  // namespace

Graph Module::export_graph() const {
  Graph out = graph_;
  for (const auto& entry : parameters_) {
    const auto it = weights_.find(entry.name);
    if (it == weights_.end()) continue;
    if (entry.storage == Storage::kDequantized) {
      replace_dequantized(out, entry, from_torch(it->second, Dtype::kF32));
    } else if (entry.storage == Storage::kInitializer) {
      auto& stored = out.initializers.at(entry.name);
      stored = from_torch(it->second, stored.dtype());
    } else {
      for (auto& node : out.nodes)
        if (node.op_type == "Constant" && node.outputs[0] == entry.name)
          node.attributes["value"] = from_torch(it->second, std::get<Tensor>(node.attributes["value"]).dtype());
    }
  }
  if (statistics_changed_)
    for (const auto& name : statistics_)
      if (const auto it = constants_.find(name); it != constants_.end())
        out.initializers[name] = from_torch(it->second, out.initializers.at(name).dtype());
  return out;
}

}  // namespace scissionlite::train
