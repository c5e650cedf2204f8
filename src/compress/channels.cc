#include "compress/channels.h"

#include <algorithm>

#include "base/error.h"
#include "compress/channel_rules.h"
#include "compress/one_image.h"

namespace scissionlite::compress {

#define SCISSIONLITE_CHANNELS(domain, type, relate, shrink) \
  void relate(Relations&, const Node&);                     \
  void shrink(Shrinking&, Node&);
#include "compress/channel_rules.inc"
#undef SCISSIONLITE_CHANNELS

namespace {

#define SCISSIONLITE_CHANNELS(domain, type, relate, shrink) {domain, type, relate, shrink},
constexpr ChannelRule kRules[] = {
#include "compress/channel_rules.inc"
};
#undef SCISSIONLITE_CHANNELS

void check_supported(const Graph& graph) {
  for (const auto& info : graph.inputs)
    if (info.dtype != Dtype::kF32 || !info.has_shape)
      throw Unsupported("[compress] input '" + info.name + "' is " + std::string(dtype_name(info.dtype)) +
                        (info.has_shape ? "" : " of unknown shape") + "; float32 models of known shape are compressed");
  for (const auto& node : graph.nodes)
    if (node.op_type.rfind("QLinear", 0) == 0 || node.op_type == "QuantizeLinear" || node.op_type == "ConvInteger" || node.op_type == "MatMulInteger")
      throw Unsupported("[compress] " + node.label() + " is a quantised operator; compress the float32 model, and quantise the result");
}

}  // namespace

const ChannelRule* find_channel_rule(const Node& node) {
  for (const auto& rule : kRules)
    if (node.domain == rule.domain && node.op_type == rule.type) return &rule;
  return nullptr;
}

int64_t count_kept(const std::vector<bool>& kept) { return std::count(kept.begin(), kept.end(), true); }

Relations::Relations(Channels& channels) : channels_(channels) {}

const Tensor* Relations::constant(const std::string& value) const {
  const auto it = channels_.graph_.initializers.find(value);
  return it == channels_.graph_.initializers.end() ? nullptr : &it->second;
}

std::vector<Tensor> Relations::constants_of(const Node& node) const {
  std::vector<Tensor> out;
  for (const auto& input : node.inputs) {
    const auto* tensor = constant(input);
    out.push_back(tensor ? *tensor : Tensor());
  }
  return out;
}

std::vector<int> Relations::fresh(int64_t count) {
  std::vector<int> units;
  for (int64_t i = 0; i < count; ++i) {
    units.push_back(static_cast<int>(parents_.size()));
    parents_.push_back(units.back());
  }
  return units;
}

std::vector<int> Relations::axis_of(const std::string& name, int axis, Part part) {
  const ConstantAxis where{name, axis};
  parts_[where].insert(part);
  auto& units = channels_.constants_[where];
  if (units.empty()) units = fresh(constant(name)->shape().at(static_cast<size_t>(axis)));
  return units;
}

int Relations::root(int unit) {
  while (parents_[static_cast<size_t>(unit)] != unit)
    unit = parents_[static_cast<size_t>(unit)] = parents_[static_cast<size_t>(parents_[static_cast<size_t>(unit)])];
  return unit;
}

void Relations::unify(int a, int b) {
  const int first = root(a), second = root(b);
  parents_[static_cast<size_t>(std::max(first, second))] = std::min(first, second);
}

void Relations::unify(const std::vector<int>& a, const std::vector<int>& b, const Node& node) {
  if (a.size() != b.size()) {
    const auto reason = node.label() + " meets " + std::to_string(a.size()) + " with " + std::to_string(b.size()) + " channels";
    fix(a, reason);
    fix(b, reason);
    return;
  }
  for (size_t i = 0; i < a.size(); ++i) unify(a[i], b[i]);
}

void Relations::fix(const std::vector<int>& units, const std::string& reason) {
  for (const int unit : units) fixed_.emplace(unit, reason);
}

void Relations::set(const std::string& value, ChannelAxis channels) {
  if (!value.empty()) channels_.values_[value] = std::move(channels);
}

void Relations::reject(const Node& node, const std::string& reason) {
  for (const auto& input : node.inputs)
    if (const auto* found = channels(input)) fix(found->units, node.label() + " " + reason);
}

void Relations::finish() {
  std::map<int, int> numbers;  // class by root
  const auto number = [&](std::vector<int>& units) {
    for (int& unit : units) unit = numbers.emplace(root(unit), static_cast<int>(numbers.size())).first->second;
  };
  for (auto& [where, units] : channels_.constants_) number(units);
  for (auto& [name, value] : channels_.values_) number(value.units);
  auto& classes = channels_.classes_;
  classes.resize(numbers.size());
  for (const auto& [unit, reason] : fixed_)
    if (const auto it = numbers.find(root(unit)); it != numbers.end() && classes[static_cast<size_t>(it->second)].fixed.empty())
      classes[static_cast<size_t>(it->second)].fixed = reason;
  for (const auto& [where, units] : channels_.constants_)
    for (const auto part : parts_.at(where))
      for (size_t i = 0; i < units.size(); ++i) classes[static_cast<size_t>(units[i])].members.push_back({where, static_cast<int64_t>(i), part});
}

Channels::Channels(const Graph& graph) : graph_(graph) {
  ops::fold_constants(graph_);
  check_supported(graph_);
  const Graph single = for_one_image(graph_);
  macs_ = ops::node_macs(single);
  shapes_ = known_shapes(single);
  for (const auto& [name, tensor] : graph_.initializers) shapes_[name] = tensor.shape();

  Relations relations(*this);
  for (const auto& info : single.inputs) {
    if (info.shape.size() < 2 || info.shape[1] < 1) continue;
    relations.set(info.name, {1, 1, relations.fresh(info.shape[1])});
    relations.fix(values_.at(info.name).units, "the model's input '" + info.name + "' has them");
  }
  for (const auto& node : graph_.nodes) {
    if (const auto* rule = find_channel_rule(node)) rule->relate(relations, node);
    else relations.reject(node, "may mix channels");
  }
  for (const auto& info : graph_.outputs)
    if (const auto* found = value(info.name)) relations.fix(found->units, "the model's output '" + info.name + "' has them");
  relations.finish();
}

const ChannelAxis* Channels::value(const std::string& name) const {
  const auto it = values_.find(name);
  return it == values_.end() ? nullptr : &it->second;
}

const std::vector<int>* Channels::constant(const ConstantAxis& axis) const {
  const auto it = constants_.find(axis);
  return it == constants_.end() ? nullptr : &it->second;
}

Shape Channels::shape(const std::string& value) const {
  const auto it = shapes_.find(value);
  return it == shapes_.end() ? Shape{} : it->second;
}

}  // namespace scissionlite::compress
