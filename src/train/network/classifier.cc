#include "train/network/classifier.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/rng.h"
#include "ops/ops.h"
#include "train/tensors/convert.h"

namespace scissionlite::train {
namespace {

/// What may stand between the classifier and the output.
bool keeps_classes(const Node& node) {
  static const std::set<std::string> types{"Softmax", "LogSoftmax", "Sigmoid", "Flatten", "Reshape",           "Squeeze",     "Identity",
                                           "Cast",    "Dropout",    "Relu",    "Clip",    "GlobalAveragePool", "AveragePool", "ReduceMean"};
  return (node.domain.empty() || node.domain == "ai.onnx") && types.count(node.op_type) > 0;
}

/// Puts new constants in place of old ones of the classifier and of what follows it.
class Replacement {
 public:
  Replacement(const Graph& graph, int64_t classes, uint64_t seed) : graph_(graph), shaped_(graph), classes_(classes), rng_(seed) {
    ops::infer_shapes(shaped_);
    producers_ = graph.producers();
  }

  Graph run(bool gives_logits) {
    if (graph_.outputs.size() != 1)
      throw Unsupported("[train] '" + graph_.name + "' has " + std::to_string(graph_.outputs.size()) +
                        " outputs; a new classifier needs a model of one");
    const size_t last = find();
    old_classes_ = replace_weights(graph_.nodes[last]);
    for (const size_t index : behind_) adapt(graph_.nodes[index]);
    if (gives_logits)
      for (const size_t index : behind_) take_out_bounds(graph_.nodes[index]);
    forget_shape(graph_.nodes[last]);
    set_output_shape();
    drop_unused();
    graph_.check();
    return std::move(graph_);
  }

  Graph swapped() {
    auto& node = graph_.nodes[find()];
    const bool classes_first = node.op_type == "Conv" || (node.op_type == "Gemm" && node.int_attribute("transB", 0) != 0);
    swap_input(node, 1, classes_first ? 0 : -1);
    if (node.op_type != "MatMul" && node.inputs.size() > 2 && !node.inputs[2].empty()) swap_input(node, 2, node.op_type == "Conv" ? 0 : -1);
    for (const size_t index : behind_)
      if (auto& other = graph_.nodes[index]; other.op_type == "Add") swap_input(other, constant_input(other), kOfTwo);
    return std::move(graph_);
  }

 private:
  static constexpr int kOfTwo = 100;  // the axis that has two places

  static void take_out_bounds(Node& node) {
    if (node.op_type != "Sigmoid" && node.op_type != "Relu" && node.op_type != "Clip") return;
    node.op_type = "Identity";
    node.inputs.resize(1);
    node.attributes.clear();
  }

  /// @param axis  from the front, -1: the last, kOfTwo. Of a constant that all classes share nothing changes.
  void swap_input(Node& node, size_t i, int axis) {
    const auto found = graph_.initializers.find(node.inputs[i]);
    if (found == graph_.initializers.end())
      throw Unsupported("[train] the classes of '" + graph_.name + "' cannot change places: '" + node.inputs[i] + "' of " + node.label() +
                        " is computed by other nodes");
    const auto& shape = found->second.shape();
    const auto of_two = std::find(shape.begin(), shape.end(), 2);
    const size_t d = axis == kOfTwo ? static_cast<size_t>(of_two - shape.begin()) : axis < 0 ? shape.size() - 1 : static_cast<size_t>(axis);
    if (shape.empty() || d >= shape.size() || shape[d] != 2) return;
    auto changed = found->second.clone();
    auto* bytes = changed.mutable_data();
    size_t inner = dtype_size(changed.dtype());
    for (size_t k = d + 1; k < shape.size(); ++k) inner *= static_cast<size_t>(shape[k]);
    for (size_t at = 0; at < changed.size_bytes(); at += 2 * inner) std::swap_ranges(bytes + at, bytes + at + inner, bytes + at + inner);
    set_input(node, i, changed);
  }

  /// Index of the classifier; `behind_` gets the nodes between it and the output.
  size_t find() {
    for (std::string value = graph_.outputs[0].name;;) {
      const auto it = producers_.find(value);
      if (it == producers_.end()) fail("input '" + value + "'");
      const auto& node = graph_.nodes[it->second];
      const auto& type = node.op_type;
      if (is_classifier(node)) return it->second;
      const bool is_bias = type == "Add" && node.inputs.size() == 2 && constant_input(node) < 2;
      if (!is_bias && !keeps_classes(node)) fail(node.label());
      behind_.push_back(it->second);
      value = is_bias ? node.inputs[1 - constant_input(node)] : node.inputs.at(0);
    }
  }

  [[nodiscard]] bool is_classifier(const Node& node) const {
    if ((node.op_type != "Gemm" && node.op_type != "MatMul" && node.op_type != "Conv") || node.inputs.size() < 2 || !is_constant(node.inputs[1]))
      return false;
    const auto info = shaped_.find_value(node.inputs[1]);
    if (!info || !info->has_shape || info->shape.size() < 2 || !is_floating(info->dtype)) return false;
    return node.op_type != "Conv" || node.int_attribute("group", 1) == 1;
  }

  [[nodiscard]] bool is_constant(const std::string& value) const {
    if (graph_.initializers.count(value)) return true;
    const auto it = producers_.find(value);
    if (it == producers_.end()) return false;
    const auto& inputs = graph_.nodes[it->second].inputs;
    return std::all_of(inputs.begin(), inputs.end(), [&](const auto& input) { return input.empty() || is_constant(input); }) &&
           std::none_of(graph_.inputs.begin(), graph_.inputs.end(), [&](const auto& info) { return info.name == value; });
  }
  [[nodiscard]] size_t constant_input(const Node& node) const { return is_constant(node.inputs[1]) ? 1 : is_constant(node.inputs[0]) ? 0 : 2; }

  [[noreturn]] void fail(const std::string& found) const {
    throw Unsupported(
        "[train] the classifier of '" + graph_.name + "' cannot be replaced: going back from output '" + graph_.outputs[0].name + "' comes " + found +
        "; expected a Gemm or MatMul with constant weights or a Conv of one group, followed by Add of a constant, shapes, pooling and activations only");
  }

  /// Puts `tensor` in place of input i: under the old name where nothing else uses that.
  void set_input(Node& node, size_t i, const Tensor& tensor) {
    const std::string old = node.inputs[i];
    int64_t uses = 0;
    for (const auto& other : graph_.nodes) uses += std::count(other.inputs.begin(), other.inputs.end(), old);
    const bool is_own = graph_.initializers.count(old) > 0 && uses == 1;
    const auto name = is_own ? old : graph_.fresh_name(old);
    graph_.initializers[name] = tensor;
    node.inputs[i] = name;
  }

  [[nodiscard]] Tensor fresh(const Shape& shape, Dtype dtype, double spread) {
    auto values = torch::empty(shape, torch::kFloat);
    for (int64_t i = 0; i < values.numel(); ++i) values.data_ptr<float>()[i] = static_cast<float>(spread * rng_.normal());
    return from_torch(values, dtype);
  }

  /// @return the old number of classes.
  int64_t replace_weights(Node& node) {
    constexpr double kSpread = 0.1;  // small: the first answers are nearly equal for all classes, so no gradient is large
    const auto info = *shaped_.find_value(node.inputs[1]);
    Shape shape = info.shape;
    const bool classes_first = node.op_type == "Conv" || (node.op_type == "Gemm" && node.int_attribute("transB", 0) != 0);
    const size_t axis = classes_first ? 0 : shape.size() - 1;
    const int64_t old = shape[axis], inputs = element_count(shape) / std::max<int64_t>(1, old);
    shape[axis] = classes_;
    set_input(node, 1, fresh(shape, info.dtype, kSpread / std::sqrt(static_cast<double>(std::max<int64_t>(1, inputs)))));
    if (node.op_type != "MatMul" && node.inputs.size() > 2 && !node.inputs[2].empty()) set_input(node, 2, fresh({classes_}, info.dtype, 0));
    return old;
  }

  /// A bias, or a Reshape that names the number of classes.
  void adapt(Node& node) {
    if (node.op_type == "Add") {
      const size_t i = constant_input(node);
      const auto info = shaped_.find_value(node.inputs[i]);
      Shape shape = info ? info->shape : Shape{};
      std::replace(shape.begin(), shape.end(), old_classes_, classes_);
      set_input(node, i, fresh(shape, info ? info->dtype : Dtype::kF32, 0));
    }
    if (node.op_type == "Reshape" && node.inputs.size() > 1) {
      const auto target = target_of(node.inputs[1]);
      auto changed = target;
      std::replace(changed.begin(), changed.end(), old_classes_, classes_);
      if (changed != target) set_input(node, 1, Tensor::of<int64_t>({static_cast<int64_t>(changed.size())}, changed));
    }
    forget_shape(node);
  }

  [[nodiscard]] std::vector<int64_t> target_of(const std::string& value) const {
    if (const auto it = graph_.initializers.find(value); it != graph_.initializers.end()) return it->second.to_i64();
    const auto it = producers_.find(value);
    if (it == producers_.end() || graph_.nodes[it->second].op_type != "Constant") return {};
    const auto attribute = graph_.nodes[it->second].attributes.find("value");
    const auto* tensor = attribute == graph_.nodes[it->second].attributes.end() ? nullptr : std::get_if<Tensor>(&attribute->second);
    return tensor ? tensor->to_i64() : std::vector<int64_t>{};
  }

  void forget_shape(const Node& node) {
    for (const auto& output : node.outputs) graph_.values.erase(output);
  }

  void set_output_shape() {
    auto& shape = graph_.outputs[0].shape;
    const auto it = std::find(shape.rbegin(), shape.rend(), old_classes_);
    if (it != shape.rend() && std::prev(it.base()) != shape.begin()) *it = classes_;  // the first is the batch
  }

  /// Constants, and nodes that made constants, that nothing uses any more.
  void drop_unused() {
    for (bool changed = true; changed;) {
      std::set<std::string> used{graph_.outputs[0].name};
      for (const auto& node : graph_.nodes) used.insert(node.inputs.begin(), node.inputs.end());
      std::erase_if(graph_.initializers, [&](const auto& entry) { return !used.count(entry.first); });
      changed = std::erase_if(graph_.nodes, [&](const Node& node) {
                  return std::none_of(node.outputs.begin(), node.outputs.end(), [&](const auto& output) { return used.count(output) > 0; });
                }) > 0;
    }
  }

  Graph graph_, shaped_;
  int64_t classes_, old_classes_ = 0;
  Rng rng_;
  std::unordered_map<std::string, size_t> producers_;
  std::vector<size_t> behind_;
};

}  // namespace

Graph with_classes(const Graph& graph, int64_t classes, uint64_t seed, bool gives_logits) {
  if (classes < 2) throw InvalidArgument("[train] " + std::to_string(classes) + " class(es) for a new classifier, expected at least 2");
  return Replacement(graph, classes, seed).run(gives_logits);
}

Graph with_classes_swapped(const Graph& graph) { return Replacement(graph, 2, 0).swapped(); }

int64_t classes_of(const Graph& graph) {
  Graph shaped = graph;
  ops::infer_shapes(shaped);
  const auto info = shaped.find_value(shaped.outputs.at(0).name);
  int64_t count = 1;
  for (size_t d = 1; info && d < info->shape.size(); ++d) count *= info->shape[d];
  if (!info || !info->has_shape || count < 1)
    throw InvalidArgument("[train] the number of classes of output '" + graph.outputs[0].name + "' cannot be told");
  return count;
}

}  // namespace scissionlite::train
