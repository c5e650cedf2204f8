#include "prepare/batch.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "graph/slice.h"
#include "ops/ops.h"

namespace scissionlite {
namespace {

/// Value of a constant, from an initialiser or a Constant node; empty when it is neither.
Tensor constant_value(const Graph& graph, const std::string& name) {
  if (const auto it = graph.initializers.find(name); it != graph.initializers.end()) return it->second;
  for (const auto& node : graph.nodes)
    if (node.op_type == "Constant" && node.domain.empty() && !node.outputs.empty() && node.outputs[0] == name && node.has("value"))
      if (const auto* tensor = std::get_if<Tensor>(&node.attributes.at("value"))) return *tensor;
  return {};
}

/// The shape of a Reshape with its leading 1 made free; the same shape when there is none.
std::vector<int64_t> free_leading_one(std::vector<int64_t> shape) {
  if (shape.empty() || shape[0] != 1) return shape;
  const bool has_wildcard = std::find(shape.begin(), shape.end(), -1) != shape.end();
  shape[0] = has_wildcard ? 0 : -1;  // 0 copies the input's first size
  return shape;
}

void free_reshapes(Graph& graph) {
  const auto is_constant = constant_nodes(graph);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    auto& node = graph.nodes[i];
    if (node.op_type != "Reshape" || !node.domain.empty() || is_constant[i] || node.inputs.size() < 2) continue;
    const Tensor given = constant_value(graph, node.inputs[1]);
    if (given.empty() || node.int_attribute("allowzero", 0) != 0) continue;
    const auto shape = given.to_i64();
    const auto freed = free_leading_one(shape);
    if (freed == shape) continue;
    const auto name = graph.fresh_name(node.inputs[1] + "_batch");
    graph.initializers[name] = Tensor::of<int64_t>(given.shape(), std::span<const int64_t>(freed));
    node.inputs[1] = name;
  }
}

void free_first_size(ValueInfo& info) {
  if (!info.has_shape || info.shape.empty() || (info.shape[0] != 1 && info.shape[0] != -1)) return;
  info.shape[0] = -1;
  info.symbols.resize(info.shape.size());
  info.symbols[0] = "N";
}

Graph with_fixed_batch(const Graph& graph) {
  Graph out = with_batch(graph, 1);
  for (auto& info : out.outputs)
    if (info.has_shape && !info.shape.empty() && info.shape[0] < 0) {
      info.shape[0] = 1;
      if (!info.symbols.empty()) info.symbols[0].clear();
    }
  return out;
}

/// Another image's tensor: the elements rotated by a part of the whole, so that every value stays in range.
Tensor rotated(const Tensor& tensor, int which) {
  Tensor out(tensor.dtype(), tensor.shape());
  const size_t element = dtype_size(tensor.dtype());
  const size_t shift = element * (static_cast<size_t>(tensor.size()) * static_cast<size_t>(which) / 7);
  std::memcpy(out.mutable_data(), tensor.data() + shift, tensor.size_bytes() - shift);
  std::memcpy(out.mutable_data() + (tensor.size_bytes() - shift), tensor.data(), shift);
  return out;
}

Tensor stack(const std::vector<Tensor>& tensors) {
  Shape shape = tensors[0].shape();
  shape[0] = static_cast<int64_t>(tensors.size());
  Tensor out(tensors[0].dtype(), shape);
  for (size_t i = 0; i < tensors.size(); ++i)
    std::memcpy(out.mutable_data() + i * tensors[0].size_bytes(), tensors[i].data(), tensors[i].size_bytes());
  return out;
}

std::vector<Tensor> run_copied(Executable& executable, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> outputs;
  for (const auto& tensor : executable.run(inputs)) outputs.push_back(tensor.clone());
  return outputs;
}

/// "" when a batch of `n` gives what `n` single runs give.
std::string compare_batch(Executable& free, Executable& fixed, const std::vector<Tensor>& sample, int n, double tolerance) {
  std::vector<Tensor> batch;
  std::vector<std::vector<Tensor>> singles;
  for (const auto& tensor : sample) {
    std::vector<Tensor> images;
    for (int i = 0; i < n; ++i) images.push_back(rotated(tensor, i));
    batch.push_back(stack(images));
  }
  for (int i = 0; i < n; ++i) {
    std::vector<Tensor> image;
    for (const auto& tensor : sample) image.push_back(rotated(tensor, i));
    singles.push_back(run_copied(fixed, image));
  }
  const auto outputs = run_copied(free, batch);
  for (size_t o = 0; o < outputs.size(); ++o) {
    std::vector<Tensor> expected;
    for (const auto& single : singles) expected.push_back(single[o]);
    const auto& name = fixed.outputs()[o].name;
    if (expected[0].shape().empty() || expected[0].shape()[0] != 1)
      return "output '" + name + "' has no batch dimension: " + to_string(expected[0].shape());
    const Tensor whole = stack(expected);
    if (outputs[o].shape() != whole.shape())
      return "a batch of " + std::to_string(n) + " gives output '" + name + "' of shape " + to_string(outputs[o].shape()) + ", expected " +
             to_string(whole.shape());
    const double error = max_relative_error(outputs[o], whole);
    if (!(error <= tolerance)) return "answers of a batch of " + std::to_string(n) + " differ from single ones in output '" + name + "'";
  }
  return "";
}

/// The first node whose output keeps its first size when the batch grows; "" when shapes do not tell.
std::string fixing_node(const Graph& freed) {
  Graph one = with_batch(freed, 1), two = with_batch(freed, 2);
  try {
    ops::infer_shapes(one);
    ops::infer_shapes(two);
  } catch (const Error& e) { return e.what(); }
  const auto is_constant = constant_nodes(two);
  for (size_t i = 0; i < two.nodes.size(); ++i) {
    if (is_constant[i] || two.nodes[i].outputs.empty()) continue;
    const auto a = one.find_value(two.nodes[i].outputs[0]), b = two.find_value(two.nodes[i].outputs[0]);
    if (a && b && a->has_shape && b->has_shape && !a->shape.empty() && a->shape[0] == 1 && b->shape[0] == 1)
      return two.nodes[i].label() + " fixes the batch to 1";
  }
  return "";
}

bool has_batch_dimension(const ValueInfo& info) { return info.has_shape && !info.shape.empty() && (info.shape[0] == 1 || info.shape[0] == -1); }

}  // namespace

Graph with_free_batch(const Graph& graph) {
  Graph out = graph;
  for (auto* side : {&out.inputs, &out.outputs})
    for (auto& info : *side) free_first_size(info);
  for (auto& [name, info] : out.values) info.has_shape = false, info.shape.clear(), info.symbols.clear();  // inferred for batch 1
  free_reshapes(out);
  return out;
}

BatchResult make_batch_dynamic(const Graph& graph, const std::vector<Tensor>& sample, const BatchOptions& options) {
  BatchResult result{with_fixed_batch(graph), false, ""};
  for (const auto& info : graph.inputs)
    if (!has_batch_dimension(info)) {
      result.note = "input '" + info.name + "' of shape " + to_string(info.shape) + " has no batch dimension of 1";
      return result;
    }
  const Graph freed = with_free_batch(graph);
  const auto engine = options.engine.empty() ? default_backend() : options.engine;
  const CompileOptions compile_options{.threads = options.threads};
  try {
    const auto fixed = compile(result.graph, engine, compile_options);
    const auto free = compile(freed, engine, compile_options);
    for (int n : {2, 3})
      if (result.note.empty()) result.note = compare_batch(*free, *fixed, sample, n, options.tolerance);
  } catch (const Error& e) { result.note = e.what(); }
  if (result.note.empty()) return {freed, true, ""};
  const auto node = fixing_node(freed);
  if (!node.empty()) result.note = node + " (" + result.note + ")";
  return result;
}

}  // namespace scissionlite
