#include "engine/backends/native/compiled/stored.h"

#include "onnx/compiled.h"

namespace scissionlite::native {

Tensor without_values(Dtype dtype, const Shape& shape) { return {dtype, shape, nullptr, nullptr}; }

std::string identity_of(const Tensor& tensor) { return checksum_text(fast_hash(tensor.bytes())) + "-" + std::to_string(tensor.size_bytes()); }

std::string key_of_values(const std::string& identity) { return "values " + identity; }

StoredProgram stored_program(const Graph& optimised, const Lowered& lowered) {
  StoredProgram out;
  out.graph.opsets = optimised.opsets;
  out.graph.inputs = optimised.inputs;
  out.lowered.decisions = lowered.decisions;
  const auto keep_constant = [&](const std::string& name) {
    const auto type = lowered.constants.find(name);
    if (type == lowered.constants.end()) return;
    out.graph.initializers.emplace(name, without_values(type->second.dtype, type->second.shape));
    if (const auto it = lowered.identities.find(name); it != lowered.identities.end()) out.lowered.identities[name] = it->second;
    if (const auto it = lowered.read.find(name); it != lowered.read.end()) out.values[name] = identity_of(it->second);
  };
  for (const auto& node : optimised.nodes) {
    if (lowered.folded.count(node.outputs[0])) continue;
    Node kept = node;
    kept.doc.clear();
    out.graph.nodes.push_back(std::move(kept));
    for (const auto& input : node.inputs) keep_constant(input);
    for (const auto& output : node.outputs)
      if (const auto info = optimised.find_value(output); info && !output.empty())
        out.graph.values[output] = {output, info->dtype, info->shape, /*has_shape=*/true, {}};
  }
  for (const auto& output : optimised.outputs) {
    const auto info = optimised.find_value(output.name).value_or(output);
    out.graph.outputs.push_back({output.name, info.dtype, info.shape, /*has_shape=*/true, {}});
    keep_constant(output.name);
  }
  for (auto& input : out.graph.inputs) input.symbols.clear();
  return out;
}

}  // namespace scissionlite::native
