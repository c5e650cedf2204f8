#include "server/models/endings.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <unordered_map>

#include "base/file.h"
#include "graph/cuts.h"
#include "graph/slice.h"
#include "onnx/onnx.h"
#include "ops/cut_cost.h"
#include "ops/ops.h"

namespace scissionlite::server {
namespace {

Tensor fingerprint(const Tensor& tensor) {
  const std::string hash = std::string(dtype_name(tensor.dtype())) + to_string(tensor.shape()) +
                           sha256_hex({reinterpret_cast<const char*>(tensor.data()), tensor.size_bytes()});
  Tensor out(Dtype::kU8, {static_cast<int64_t>(hash.size())});
  std::memcpy(out.mutable_data(), hash.data(), hash.size());
  return out;
}

/// With a fingerprint in place of each constant.
Graph without_weights(Graph graph) {
  for (auto& [name, tensor] : graph.initializers) tensor = fingerprint(tensor);
  graph.name = graph.producer = "";
  graph.metadata.clear();
  return graph;
}

void rename(std::string& name, std::unordered_map<std::string, std::string>& names) {
  if (name.empty()) return;
  name = names.emplace(name, "v" + std::to_string(names.size())).first->second;
}

void rename(ValueInfo& info, std::unordered_map<std::string, std::string>& names) {
  rename(info.name, names);
  info.symbols.clear();
  if (!info.shape.empty()) info.shape[0] = 1;
}

/// Names by order of use.
Graph canonical(Graph graph) {
  std::unordered_map<std::string, std::string> names;
  for (auto& info : graph.inputs) rename(info, names);
  std::map<std::string, Tensor> constants;
  for (auto& node : graph.nodes) {
    node.name = node.doc = "";
    for (auto* list : {&node.inputs, &node.outputs})
      for (auto& name : *list) {
        const auto constant = graph.initializers.find(name);
        rename(name, names);
        if (constant != graph.initializers.end()) constants[name] = constant->second;
      }
  }
  graph.initializers = std::move(constants);
  for (auto& info : graph.outputs) rename(info, names);
  return graph;
}

std::string hash_behind(const Graph& light, const std::string& tensor) {
  std::vector<std::string> outputs;
  for (const auto& info : light.outputs) outputs.push_back(info.name);
  auto behind = canonical(extract(light, {tensor}, outputs));
  behind.name = "";
  behind.values.clear();
  return sha256_hex(serialize_model(behind));
}

/// With a dynamic batch, where the model has one: what is known of inner values was found for one item.
void set_batch(ValueInfo& info, const Graph& model) {
  const auto& input = model.inputs[0].shape;
  if (info.has_shape && !info.shape.empty() && !input.empty() && input[0] < 0) info.shape[0] = -1;
}

}  // namespace

std::vector<Ending> endings_of(const Graph& graph) {
  if (graph.inputs.empty()) return {};
  Graph annotated = graph;
  const auto cuts = ops::find_costed_cuts(annotated, {.max_tensors = 1});
  const auto total = ops::total_macs(annotated);
  const Graph light = without_weights(annotated);
  std::vector<Ending> out;
  const auto add = [&](const std::string& tensor, int64_t macs) {
    const auto info = annotated.find_value(tensor);
    if (!info || !info->has_shape || info->shape.empty()) return;  // an engine could not be given it
    out.push_back({.tensor = tensor, .hash = hash_behind(light, tensor), .macs = macs});
  };
  if (graph.inputs.size() == 1) add(graph.inputs[0].name, total);
  for (const auto& cut : cuts)
    if (cut.is_single()) add(cut.tensors[0], cut.head_macs < 0 ? 0 : total - cut.head_macs);
  return out;
}

TwoParts part_at(const Graph& graph, const std::string& tensor) {
  Graph annotated = graph;
  ops::annotate(annotated);
  if (graph.inputs.size() == 1 && graph.inputs[0].name == tensor) {
    TwoParts out{.first = graph, .second = graph};
    auto passed = graph.inputs[0];
    passed.name = graph.fresh_name(tensor + "_passed");
    out.first.nodes = {{.name = "", .op_type = "Identity", .domain = "", .inputs = {tensor}, .outputs = {passed.name}, .attributes = {}, .doc = ""}};
    out.first.outputs = {passed};
    out.first.initializers.clear();
    out.first.values.clear();
    return out;
  }
  auto slices = cut_graph(annotated, {tensor});
  TwoParts out{.first = std::move(slices.head), .second = std::move(slices.tail)};
  out.first.inputs = graph.inputs;
  out.second.outputs = graph.outputs;
  set_batch(out.first.outputs[0], graph);
  set_batch(out.second.inputs[0], graph);
  out.first.values.clear(), out.second.values.clear();
  return out;
}

}  // namespace scissionlite::server
