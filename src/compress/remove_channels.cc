#include "compress/remove_channels.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/rng.h"
#include "compress/channel_rules.h"
#include "compress/slice_constant.h"

namespace scissionlite::compress {
namespace {

constexpr double kConstantWithin = 1e-5;  // relative

std::string input_of(const Node& node, size_t i) { return i < node.inputs.size() ? node.inputs[i] : ""; }

/// How a node multiplies channels with weights: Conv, ConvTranspose, Gemm, MatMul.
bool has_weights(const Node& node) {
  return node.domain.empty() && (node.op_type == "Conv" || node.op_type == "ConvTranspose" || node.op_type == "Gemm" || node.op_type == "MatMul");
}

/// Whether the window sees the image's border, where a channel's constant ends.
bool sees_border(const Node& node) {
  if (node.op_type == "ConvTranspose") return true;
  if (node.op_type != "Conv") return false;
  const auto pads = node.ints_attribute("pads");
  const auto mode = node.text_attribute("auto_pad", "NOTSET");
  return mode == "SAME_UPPER" || mode == "SAME_LOWER" || std::any_of(pads.begin(), pads.end(), [](int64_t p) { return p > 0; });
}

class Remover {
 public:
  Remover(const Channels& channels, const std::set<int>& classes, const Run& run) : channels_(channels), run_(run) {
    for (const int one : classes)
      if (const auto& fixed = channels.classes().at(static_cast<size_t>(one)).fixed; fixed.empty()) result_.removed.insert(one);
      else result_.refused[one] = fixed;
  }

  Removal result() {
    check_something_is_left();
    while (!is_settled()) {}
    result_.masked = mask();
    rebuild();
    return std::move(result_);
  }

 private:
  [[nodiscard]] bool is_removed(int one) const { return result_.removed.count(one) > 0; }
  [[nodiscard]] std::vector<bool> kept(const std::vector<int>& units) const {
    std::vector<bool> out;
    for (const int unit : units) out.push_back(!is_removed(unit));
    return out;
  }

  void check_something_is_left() const {
    const auto check = [&](const std::vector<int>& units, const std::string& where) {
      if (count_kept(kept(units)) == 0)
        throw InvalidArgument("[compress] all " + std::to_string(units.size()) + " channels of " + where + " would be removed; keep one at least");
    };
    for (const auto& [where, units] : channels_.constants()) check(units, "axis " + std::to_string(where.axis) + " of '" + where.constant + "'");
    for (const auto& [name, value] : channels_.values()) check(value.units, "'" + name + "'");
  }

  [[nodiscard]] Graph mask() const {
    Graph out = channels_.graph();
    std::map<std::string, Tensor> changed;
    for (const int one : result_.removed)
      for (const auto& member : channels_.classes()[static_cast<size_t>(one)].members) {
        const bool is_zeroed =
            member.part == Part::kMakes || member.part == Part::kScales || (member.part == Part::kShifts && result_.zeroed.count(one));
        if (!is_zeroed) continue;
        auto& tensor = changed[member.where.constant];
        if (tensor.empty()) tensor = out.initializers.at(member.where.constant).clone();
        zero_slice(tensor, static_cast<size_t>(member.where.axis), member.index);
      }
    for (auto& [name, tensor] : changed) out.initializers[name] = std::move(tensor);
    return out;
  }

  /// Nodes that multiply removed channels with weights, but for depthwise ones, which are removed with them.
  [[nodiscard]] std::vector<size_t> readers() const {
    std::vector<size_t> out;
    const auto& nodes = channels_.graph().nodes;
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (!has_weights(nodes[i])) continue;
      const auto* x = channels_.value(nodes[i].inputs[0]);
      const auto* y = channels_.value(nodes[i].outputs[0]);
      if (!x || !y || count_kept(kept(x->units)) == static_cast<int64_t>(x->units.size())) continue;
      const bool is_depthwise = nodes[i].int_attribute("group", 1) == static_cast<int64_t>(x->units.size()) && x->units.size() > 1;
      if (!is_depthwise) out.push_back(i);
    }
    return out;
  }

  /// What the readers of removed channels read, of two inputs.
  [[nodiscard]] std::vector<std::vector<Tensor>> values_read(const Graph& masked, const std::vector<size_t>& nodes) const {
    Graph probe = masked;
    probe.outputs.clear();
    std::vector<std::string> names;
    for (const size_t i : nodes)
      if (const auto& name = masked.nodes[i].inputs[0]; std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    for (const auto& name : names) probe.outputs.push_back({name, Dtype::kUndefined, {}, /*has_shape=*/false, {}});
    ops::infer_shapes(probe);
    std::vector<std::vector<Tensor>> out;
    for (const uint64_t seed : {1, 2}) {
      Rng rng(seed);
      std::vector<Tensor> inputs;
      for (const auto& info : probe.inputs) {
        Tensor floats(Dtype::kF32, channels_.shape(info.name));
        for (float& v : floats.mutable_as<float>()) v = static_cast<float>(rng.normal());
        inputs.push_back(floats);
      }
      const auto results = run_(probe, inputs);
      std::vector<Tensor> of_nodes;
      for (const size_t i : nodes)
        of_nodes.push_back(
            results[static_cast<size_t>(std::find(names.begin(), names.end(), masked.nodes[i].inputs[0]) - names.begin())].to_f32().clone());
      out.push_back(std::move(of_nodes));
    }
    return out;
  }

  /// Zeroes shifts, or gives a class up, where removed channels are no constants that a bias could hold. True when nothing had to change.
  bool is_settled() {
    const auto masked = mask();
    const auto nodes = readers();
    if (nodes.empty()) return true;
    const auto values = values_read(masked, nodes);
    constants_.clear();
    std::map<int, std::string> offending;
    for (size_t k = 0; k < nodes.size(); ++k) {
      const auto& node = masked.nodes[nodes[k]];
      const auto& units = channels_.value(node.inputs[0])->units;
      const auto constant = channel_constants(values[0][k], values[1][k], units.size());
      for (size_t i = 0; i < units.size(); ++i)
        if (is_removed(units[i]) && (std::isnan(constant[i]) || (constant[i] != 0 && sees_border(node)))) offending.emplace(units[i], node.label());
      constants_[nodes[k]] = constant;
    }
    for (const auto& [one, where] : offending) {
      if (result_.zeroed.insert(one).second) continue;
      result_.zeroed.erase(one);
      result_.removed.erase(one);
      result_.refused[one] = "it is no constant where " + where + " reads it";
    }
    return offending.empty();
  }

  /// Of each channel the value that both tensors have everywhere; NaN where there is none.
  [[nodiscard]] static std::vector<float> channel_constants(const Tensor& a, const Tensor& b, size_t channels) {
    std::vector<float> out;
    const auto first = a.as<float>(), second = b.as<float>();
    const size_t each = first.size() / channels;  // a batch of one
    for (size_t c = 0; c < channels; ++c) {
      const float k = first[c * each];
      const double most = kConstantWithin * (1 + std::abs(k));
      bool is_constant = true;
      for (size_t i = c * each; i < (c + 1) * each; ++i)
        is_constant = is_constant && std::abs(first[i] - k) <= most && std::abs(second[i] - k) <= most;
      out.push_back(is_constant ? (std::abs(k) < 1e-12F ? 0.F : k) : std::nanf(""));
    }
    return out;
  }

  void rebuild();
  void fold_constants_into_bias(Graph& graph, size_t i, std::vector<Node>& behind) const;

  const Channels& channels_;
  const Run& run_;
  Removal result_;
  std::map<size_t, std::vector<float>> constants_;  // by reader: of each channel it reads

  friend class Shrink;
};

/// What `shrink` functions see.
class Shrink final : public Shrinking {
 public:
  Shrink(const Remover& remover, Graph& graph) : remover_(remover), graph_(graph) {}
  [[nodiscard]] std::vector<bool> kept(const std::string& value) const override {
    const auto* found = channels(value);
    return found ? remover_.kept(found->units) : std::vector<bool>();
  }
  [[nodiscard]] const ChannelAxis* channels(const std::string& value) const override { return remover_.channels_.value(value); }
  [[nodiscard]] Shape shape(const std::string& value) const override { return remover_.channels_.shape(value); }
  [[nodiscard]] const Tensor* constant(const std::string& value) const override {
    const auto& constants = remover_.channels_.graph().initializers;
    const auto it = constants.find(value);
    return it == constants.end() ? nullptr : &it->second;
  }
  [[nodiscard]] ops::Context context(const Node& node) const override { return {node, graph_.opset(node.domain)}; }
  void replace_input(Node& node, size_t i, const Tensor& constant) override {
    const auto name = graph_.fresh_name(node.inputs[i].empty() ? node.outputs[0] + "_sizes" : node.inputs[i]);
    graph_.initializers.emplace(name, constant);
    node.inputs[i] = name;
  }

 private:
  const Remover& remover_;
  Graph& graph_;
};

/// bias + what the constants of removed channels give. With a bias of the node's own, or an Add behind a MatMul.
void Remover::fold_constants_into_bias(Graph& graph, size_t i, std::vector<Node>& behind) const {
  auto& node = graph.nodes[i];
  const auto& x = channels_.value(node.inputs[0])->units;
  const auto& constants = constants_.at(i);
  bool is_zero = true;
  for (size_t c = 0; c < x.size(); ++c) is_zero = is_zero && (!is_removed(x[c]) || constants[c] == 0);
  if (is_zero) return;
  const auto w = channels_.graph().initializers.at(channels_.graph().nodes[i].inputs[1]).to_f32();
  std::vector<float> constant_of_removed(x.size());
  for (size_t c = 0; c < x.size(); ++c) constant_of_removed[c] = is_removed(x[c]) ? constants[c] : 0;
  auto sums = outputs_of_constants(node, w, constant_of_removed);
  const auto bias = node.op_type == "MatMul" ? "" : input_of(node, 2);
  if (!bias.empty()) {
    const auto old = channels_.graph().initializers.at(channels_.graph().nodes[i].inputs[2]).to_f32();
    const double beta = node.op_type == "Gemm" ? node.float_attribute("beta", 1) : 1,
                 alpha = node.op_type == "Gemm" ? node.float_attribute("alpha", 1) : 1;
    for (size_t k = 0; k < sums.size(); ++k) sums[k] = alpha / (beta == 0 ? 1 : beta) * sums[k] + old.as<float>()[old.size() == 1 ? 0 : k];
    if (beta == 0) node.attributes["beta"] = 1.0F;
  } else if (node.op_type == "Gemm") {
    node.attributes["beta"] = 1.0F;
    for (auto& sum : sums) sum *= node.float_attribute("alpha", 1);
  }
  const auto name = graph.fresh_name(bias.empty() ? node.outputs[0] + "_bias" : bias);
  Tensor values(Dtype::kF32, {static_cast<int64_t>(sums.size())});
  std::transform(sums.begin(), sums.end(), values.mutable_as<float>().begin(), [](double v) { return static_cast<float>(v); });
  graph.initializers[name] = take(values, 0, kept(channels_.value(node.outputs[0])->units));
  if (node.op_type == "MatMul") {
    const auto product = graph.fresh_name(node.outputs[0] + "_product");
    behind.push_back({graph.fresh_name(node.label() + " bias"), "Add", "", {product, name}, {node.outputs[0]}, {}, ""});
    node.outputs[0] = product;
    return;
  }
  node.inputs.resize(3);
  node.inputs[2] = name;
}

void Remover::rebuild() {
  Graph out = result_.masked;
  for (const auto& [where, units] : channels_.constants())
    if (count_kept(kept(units)) < static_cast<int64_t>(units.size()))
      out.initializers[where.constant] = take(out.initializers.at(where.constant), static_cast<size_t>(where.axis), kept(units));
  Shrink shrink(*this, out);
  const auto read = readers();
  std::vector<std::pair<size_t, Node>> behind;
  for (size_t i = 0; i < out.nodes.size(); ++i) {
    if (const auto* rule = find_channel_rule(out.nodes[i])) rule->shrink(shrink, out.nodes[i]);
    if (std::find(read.begin(), read.end(), i) == read.end()) continue;
    std::vector<Node> more;
    fold_constants_into_bias(out, i, more);
    for (auto& node : more) behind.emplace_back(i, std::move(node));
  }
  for (auto it = behind.rbegin(); it != behind.rend(); ++it)
    out.nodes.insert(out.nodes.begin() + static_cast<std::ptrdiff_t>(it->first) + 1, it->second);
  drop_unread_constants(out);
  out.values.clear();
  ops::infer_shapes(out);
  out.check();
  result_.rebuilt = std::move(out);
}

}  // namespace

Removal remove_channels(const Channels& channels, const std::set<int>& classes, const Run& run) { return Remover(channels, classes, run).result(); }

int64_t parameter_count(const Graph& graph) {
  std::set<std::string> read;
  for (const auto& node : graph.nodes) read.insert(node.inputs.begin(), node.inputs.end());
  int64_t count = 0;
  for (const auto& [name, tensor] : graph.initializers)
    if (read.count(name) && (tensor.dtype() == Dtype::kF32 || tensor.dtype() == Dtype::kF16)) count += tensor.size();
  return count;
}

}  // namespace scissionlite::compress
