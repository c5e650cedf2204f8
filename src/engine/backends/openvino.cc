// The default backend: OpenVINO's CPU plugin, in a module of its own (openvino_module.cc).
#include <algorithm>
#include <cstdlib>

#include "base/cpu.h"
#include "engine/backends/openvino_graph.h"
#include "engine/module.h"
#include "ops/ops.h"

namespace scissionlite {
namespace {

#ifdef SCISSIONLITE_WITH_OPENVINO
/// Weights stored as int8 with DequantizeLinear become plain constants where activations are not quantised: the plugin
/// would otherwise keep them compressed and compute with errors near 1e-3. Fully quantised graphs stay as they are.
Graph with_plain_weights(Graph graph) {
  const auto has = [&](const char* type) {
    return std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) { return node.op_type == type; });
  };
  if (!has("DequantizeLinear") || has("QuantizeLinear")) return graph;
  Graph plain = std::move(graph);
  ops::fold_constants(plain);
  return plain;
}

Graph prepared(const Graph& graph) { return with_plain_weights(as_openvino_computes(graph)); }

/// Weights of codes so wide that two products with a code of 8 bits, which oneDNN adds in 16 bits where x86 has no VNNI, may pass 32767.
bool has_wide_codes(const Graph& graph) {
  constexpr int kWidest = 64;  // 2 * 255 * 64 < 32768
  const auto is_wide = [&](const Node& node, size_t at) {
    const auto found = at < node.inputs.size() ? graph.initializers.find(node.inputs[at]) : graph.initializers.end();
    if (found == graph.initializers.end() || found->second.shape().size() < 2) return false;
    if (found->second.dtype() == Dtype::kU8) return true;
    if (found->second.dtype() != Dtype::kI8) return false;
    const auto codes = found->second.as<int8_t>();
    return std::any_of(codes.begin(), codes.end(), [](int8_t code) { return std::abs(int{code}) > kWidest; });
  };
  return std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) {
    if (node.op_type == "DequantizeLinear") return is_wide(node, 0);
    if (node.op_type == "ConvInteger" || node.op_type == "MatMulInteger") return is_wide(node, 1);
    return (node.op_type == "QLinearConv" || node.op_type == "QLinearMatMul") && is_wide(node, 3);
  });
}

/// The plugin's integers saturate without a word on such machines. It is exact with codes as floats, at the speed of float32.
bool wants_floats(const Graph& graph) {
#if defined(__x86_64__)
  if (has_isa({"avx512vnni"}) || has_isa({"avxvnni"})) return false;
  if (std::none_of(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) {
        return node.op_type == "QuantizeLinear" || node.op_type.starts_with("QLinear") || node.op_type.ends_with("Integer");
      }))
    return false;
  Graph folded = graph;  // codes may be those of Constant nodes, or of weights that are quantised in the graph
  ops::fold_constants(folded, 0, [](const Node& node) { return node.op_type == "DequantizeLinear"; });
  return has_wide_codes(folded);
#else
  (void)graph;
  return false;
#endif
}
#else
class AbsentBackend final : public Backend {
 public:
  [[nodiscard]] std::string name() const override { return "openvino"; }
  [[nodiscard]] Support available() const override { return {false, "built without OpenVINO; configure with -DSCISSIONLITE_OPENVINO=ON"}; }
  [[nodiscard]] std::unique_ptr<Executable> compile(const Graph&, const CompileOptions&) const override {
    throw Unsupported("[openvino] " + available().reason);
  }
};
#endif

}  // namespace

#ifdef SCISSIONLITE_WITH_OPENVINO
std::unique_ptr<Backend> make_openvino_backend() {
  return make_module_backend({.name = "openvino", .prepared = prepared, .wants_floats = wants_floats, .is_narrow = true});
}
#else
std::unique_ptr<Backend> make_openvino_backend() { return std::make_unique<AbsentBackend>(); }
#endif

}  // namespace scissionlite
