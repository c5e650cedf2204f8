// Graphs for tests, and a plain interpreter over the reference code.
#pragma once

#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/rng.h"
#include "graph/graph.h"
#include "ops/ops.h"

namespace scissionlite::testing_graphs {

using Attributes = std::map<std::string, Attribute>;
using Ints = std::vector<int64_t>;

/// A graph in the making. Values are named after their operators; constants are random, the same for the same seed.
class Maker {
 public:
  explicit Maker(int64_t opset = 13, uint64_t seed = 1) : rng_(seed) { graph_.opsets = {{"", opset}}; }
  Rng& rng() { return rng_; }
  [[nodiscard]] int64_t opset() const { return graph_.opset(); }

  std::string input(Shape shape, Dtype dtype = Dtype::kF32) {
    const auto name = "x" + std::to_string(graph_.inputs.size());
    graph_.inputs.push_back({name, dtype, std::move(shape), /*has_shape=*/true, {}});
    return name;
  }
  std::string constant(Tensor tensor) {
    const auto name = "c" + std::to_string(graph_.initializers.size());
    graph_.initializers.emplace(name, std::move(tensor));
    return name;
  }
  std::string weights(const Shape& shape, double low = -1, double high = 1) {
    Tensor tensor(Dtype::kF32, shape);
    for (float& v : tensor.mutable_as<float>()) v = static_cast<float>(rng_.uniform(low, high));
    return constant(tensor);
  }
  std::string scalar(float value) { return constant(Tensor::scalar(value)); }
  std::string ints(const Ints& values) {
    return constant(Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, std::span<const int64_t>(values)));
  }

  /// A node with one output, whose name is returned.
  std::string op(const std::string& type, std::vector<std::string> inputs, Attributes attributes = {}) {
    return ops(type, std::move(inputs), 1, std::move(attributes))[0];
  }
  std::vector<std::string> ops(const std::string& type, std::vector<std::string> inputs, int outputs, Attributes attributes = {}) {
    const auto name = type + std::to_string(graph_.nodes.size());
    std::vector<std::string> results;
    for (int k = 0; k < outputs; ++k) results.push_back(name + "_" + std::to_string(k));
    graph_.nodes.push_back({name, type, "", std::move(inputs), results, std::move(attributes), ""});
    return results;
  }
  /// An operator of another domain, ours for example.
  std::string op_of(const std::string& domain, const std::string& type, std::vector<std::string> inputs, Attributes attributes = {}) {
    const auto result = op(type, std::move(inputs), std::move(attributes));
    graph_.nodes.back().domain = domain;
    if (graph_.opset(domain) == 0) graph_.opsets.push_back({domain, 1});
    return result;
  }
  std::string fused(const std::string& type, std::vector<std::string> inputs, Attributes attributes = {}) {
    return op_of(ops::kFusedDomain, type, std::move(inputs), std::move(attributes));
  }
  /// Pads that keep the size at stride 1; weights small enough for deep graphs.
  std::string conv(const std::string& x, int64_t in, int64_t out, int64_t kernel = 3, Attributes attributes = {}, bool bias = true) {
    const auto found = attributes.find("group");
    const int64_t group = found == attributes.end() ? 1 : std::get<int64_t>(found->second);
    const double most = 1.5 / std::sqrt(static_cast<double>(in / group * kernel * kernel));
    std::vector<std::string> inputs{x, weights({out, in / group, kernel, kernel}, -most, most)};
    if (bias) inputs.push_back(weights({out}));
    const int64_t pad = kernel / 2;
    attributes.try_emplace("pads", Ints{pad, pad, pad, pad});
    return op("Conv", std::move(inputs), std::move(attributes));
  }
  std::string batch_norm(const std::string& x, int64_t channels) {
    return op("BatchNormalization", {x, weights({channels}, 0.5, 1.5), weights({channels}), weights({channels}), weights({channels}, 0.5, 2)},
              {{"epsilon", 1e-3f}});
  }
  std::string clip(const std::string& x, float low, float high) {
    return opset() < 11 ? op("Clip", {x}, {{"min", low}, {"max", high}}) : op("Clip", {x, scalar(low), scalar(high)});
  }
  std::string pad(const std::string& x, const Ints& pads, float value = 0) {
    return opset() < 11 ? op("Pad", {x}, {{"pads", pads}, {"value", value}}) : op("Pad", {x, ints(pads), scalar(value)});
  }
  void output(const std::string& value) { graph_.outputs.push_back({value, Dtype::kUndefined, {}, /*has_shape=*/false, {}}); }

  /// With types of the outputs as a file would declare them.
  [[nodiscard]] Graph finish() {
    graph_.name = "made";
    Graph out = graph_;
    ops_infer(out);
    return out;
  }

 private:
  static void ops_infer(Graph& graph) { scissionlite::ops::infer_shapes(graph); }
  Rng rng_;
  Graph graph_;
};

inline Graph with_output(Maker& m, const std::string& value) {
  m.output(value);
  return m.finish();
}

/// The graph's outputs, by the reference code of each node.
inline std::vector<Tensor> run_nodes(const Graph& graph, const std::vector<Tensor>& inputs) {
  std::map<std::string, Tensor> values = graph.initializers;
  for (size_t i = 0; i < inputs.size(); ++i) values[graph.inputs[i].name] = inputs[i];
  for (const auto& node : graph.nodes) {
    std::vector<Tensor> arguments;
    for (const auto& input : node.inputs) arguments.push_back(input.empty() ? Tensor() : values.at(input));
    const auto results = scissionlite::ops::run_node(graph, node, arguments);
    for (size_t k = 0; k < node.outputs.size() && k < results.size(); ++k)
      if (!node.outputs[k].empty()) values[node.outputs[k]] = results[k];
  }
  std::vector<Tensor> outputs;
  for (const auto& info : graph.outputs) outputs.push_back(values.at(info.name));
  return outputs;
}

/// One tensor an input; open sizes become `batch`.
inline std::vector<Tensor> random_inputs(const Graph& graph, uint64_t seed = 5, int64_t batch = 2) {
  Rng rng(seed);
  std::vector<Tensor> out;
  for (const auto& info : graph.inputs) {
    Shape shape = info.shape;
    for (auto& size : shape) size = size < 0 ? batch : size;
    Tensor floats(Dtype::kF32, shape), tensor(info.dtype, shape);
    for (float& v : floats.mutable_as<float>()) v = static_cast<float>(2 * rng.normal());
    if (info.dtype == Dtype::kF32) tensor = floats;
    for (int64_t i = 0; i < tensor.size() && info.dtype == Dtype::kU8; ++i)
      tensor.mutable_as<uint8_t>()[static_cast<size_t>(i)] = static_cast<uint8_t>(rng.below(256));
    for (int64_t i = 0; i < tensor.size() && info.dtype == Dtype::kF16; ++i)
      reinterpret_cast<uint16_t*>(tensor.mutable_data())[i] = f32_to_f16(floats.as<float>()[static_cast<size_t>(i)]);
    out.push_back(tensor);
  }
  return out;
}

}  // namespace scissionlite::testing_graphs
