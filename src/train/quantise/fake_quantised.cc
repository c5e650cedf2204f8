#include "train/quantise/fake_quantised.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "graph/slice.h"
#include "ops/ops.h"
#include "train/tensors/convert.h"
#include "train/tensors/device.h"

namespace scissionlite::train {
namespace {

constexpr double kLeastStep = 1e-3;   // of what it was at first
constexpr double kLeastScale = 1e-4;  // of the layer's mean scale

Node fake_quantize(const std::string& value, const std::string& step, const compress::CodeRange& range, int zero_point, int64_t axis) {
  const auto result = value + "_of_" + step;
  return {result,
          "FakeQuantize",
          ops::kFusedDomain,
          {value, step},
          {result},
          {{"low", int64_t{range.low - zero_point}}, {"high", int64_t{range.high - zero_point}}, {"is_odd", int64_t{range.is_odd}}, {"axis", axis}},
          ""};
}

/// Of a layer with a bias or a BatchNormalization: the node behind it that makes integers of its bias. What computed `result` makes `unrounded` then.
std::optional<Node> round_offset(const compress::LowBitModel& model, const compress::LowBitLayer& layer, const std::string& x_step,
                                 const std::string& w_step, const std::string& unrounded) {
  const auto& node = model.graph.nodes[layer.node];
  const auto bias = node.inputs.size() > 2 ? node.inputs[2] : "";
  if (node.op_type == "MatMul" || (bias.empty() && layer.batch_norm < 0)) return std::nullopt;
  Node out{layer.name + "/offset", "RoundOffset", ops::kFusedDomain, {unrounded, x_step, w_step, bias}, {node.outputs[0]}, {}, ""};
  if (layer.batch_norm < 0) return out;
  const auto& norm = model.graph.nodes[static_cast<size_t>(layer.batch_norm)];
  out.inputs.insert(out.inputs.end(), norm.inputs.begin() + 1, norm.inputs.end());
  out.outputs = {norm.outputs[0]};
  out.attributes["epsilon"] = norm.float_attribute("epsilon", 1e-5F);
  return out;
}

/// Elements of a value for one image; 1 where the shape is not known.
double count_of(const Graph& one_image, const std::string& value) {
  const auto info = one_image.find_value(value);
  return info && info->has_shape && is_static(info->shape) ? static_cast<double>(element_count(info->shape)) : 1;
}

}  // namespace

FakeQuantised::FakeQuantised(const compress::LowBitModel& model, const compress::LowBitSteps& steps) : model_(model), graph_(model.graph) {
  Graph one_image = with_batch(model.graph, 1);
  one_image.values.clear();
  ops::infer_shapes(one_image);
  of_points_.resize(model.points.size());
  for (size_t p = 0; p < model.points.size(); ++p) {
    const auto& point = model.points[p];
    const auto& fitted = steps.activations.at(p);
    zero_points_.push_back(fitted.zero_point);
    of_points_[p] = add_step("step/" + point.value + "/" + std::to_string(point.bits), {fitted.step}, count_of(one_image, point.value),
                             compress::activation_range(point.bits));
  }
  const auto inputs = graph_.inputs;
  graph_ = compress::with_points(model, [&](size_t p, const std::string& value, std::vector<Node>& nodes) {
    nodes.push_back(fake_quantize(value, of_points_[p], compress::activation_range(model.points[p].bits), zero_points_[p], 0));
    return nodes.back().outputs[0];
  });
  graph_.inputs = inputs;
  std::map<size_t, std::string> read_step;  // by node
  for (size_t p = 0; p < model.points.size(); ++p)
    for (const auto& reader : model.points[p].readers)
      if (reader.input == 0) read_step[reader.node] = of_points_[p];
  std::map<std::string, Node> before, behind;  // by the layer, and by what rounds its bias behind it: the layer or its BatchNormalization
  for (size_t l = 0; l < model.layers.size(); ++l) {
    const auto& layer = model.layers[l];
    const auto& bits = model.plan.layers[l];
    const auto range = compress::weight_range(bits.weight_bits, bits.encoding);
    const auto& values = steps.weights.at(l);
    const auto count = static_cast<double>(layer.weights.inputs * layer.weights.taps * (values.size() > 1 ? 1 : layer.weights.outputs));
    of_layers_.push_back(add_step("step/" + layer.name, values, count, range));
    before[layer.name] = fake_quantize(layer.weights.weights, of_layers_.back(), range, 0, layer.weights.is_transposed ? 1 : 0);
    const auto& last = model.graph.nodes[layer.batch_norm < 0 ? layer.node : static_cast<size_t>(layer.batch_norm)];
    if (auto node = round_offset(model, layer, read_step.at(layer.node), of_layers_.back(), graph_.fresh_name(last.outputs[0] + "/unrounded")))
      behind[last.name] = std::move(*node);
    if (layer.batch_norm < 0) continue;
    const auto& scale = model.graph.nodes[static_cast<size_t>(layer.batch_norm)].inputs[1];
    double sum = 0;
    for (const float v : model.graph.initializers.at(scale).as<float>()) sum += std::abs(v);
    least_scale_[scale] = kLeastScale * sum / static_cast<double>(std::max<int64_t>(1, layer.weights.outputs));
  }
  std::vector<Node> nodes;
  for (auto& node : graph_.nodes) {
    if (const auto it = before.find(node.name); it != before.end()) nodes.push_back(it->second), node.inputs[1] = it->second.outputs[0];
    nodes.push_back(std::move(node));
    if (const auto it = behind.find(nodes.back().name); it != behind.end())
      nodes.back().outputs[0] = it->second.inputs[0], nodes.push_back(it->second);
  }
  graph_.nodes = std::move(nodes);
  if (graph_.opset(ops::kFusedDomain) == 0) graph_.opsets.push_back({ops::kFusedDomain, 1});
  graph_.check();
}

std::string FakeQuantised::add_step(const std::string& wish, const std::vector<float>& values, double count, const compress::CodeRange& range) {
  const auto name = graph_.fresh_name(wish);
  const auto size = static_cast<int64_t>(values.size());
  graph_.inputs.push_back({name, Dtype::kF32, {size}, true, {}});
  steps_[name] = on_device(torch::tensor(values, torch::kFloat)).requires_grad_();
  const double largest = std::max({1, range.high, -range.low});
  kept_[name] = {1 / std::sqrt(count * largest), kLeastStep * *std::min_element(values.begin(), values.end())};
  return name;
}

compress::LowBitSteps FakeQuantised::learned() const {
  const auto values_of = [&](const std::string& name) {
    const auto tensor = steps_.at(name).detach().cpu().contiguous();
    return std::vector<float>(tensor.data_ptr<float>(), tensor.data_ptr<float>() + tensor.numel());
  };
  compress::LowBitSteps out;
  for (const auto& name : of_layers_) out.weights.push_back(values_of(name));
  for (size_t p = 0; p < of_points_.size(); ++p) out.activations.push_back({values_of(of_points_[p])[0], zero_points_[p]});
  return out;
}

void FakeQuantised::scale_gradients() const {
  for (const auto& [name, step] : steps_)
    if (step.grad().defined()) torch::Tensor(step).mutable_grad().mul_(kept_.at(name).gradient_scale);
}

void FakeQuantised::keep_positive(Module& module) const {
  torch::NoGradGuard guard;
  for (const auto& [name, step] : steps_) torch::Tensor(step).clamp_min_(kept_.at(name).least);
  for (const auto& [name, tensor] : module.trained())
    if (const auto it = least_scale_.find(name); it != least_scale_.end()) torch::Tensor(tensor).clamp_min_(it->second);
}

}  // namespace scissionlite::train
