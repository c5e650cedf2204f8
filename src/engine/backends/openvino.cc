// The default backend: OpenVINO's CPU plugin, in a module of its own (openvino_module.cc).
#include <algorithm>

#include "engine/module.h"
#include "ops/ops.h"

namespace scissionlite {
namespace {

#ifdef SCISSIONLITE_WITH_OPENVINO
/// Weights stored as int8 with DequantizeLinear become plain constants where activations are not quantised: the plugin
/// would otherwise keep them compressed and compute with errors near 1e-3. Fully quantised graphs stay as they are.
Graph with_plain_weights(const Graph& graph) {
  const auto has = [&](const char* type) {
    return std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) { return node.op_type == type; });
  };
  if (!has("DequantizeLinear") || has("QuantizeLinear")) return graph;
  Graph plain = graph;
  ops::fold_constants(plain);
  return plain;
}
#else
class AbsentBackend final : public Backend {
 public:
  [[nodiscard]] std::string name() const override { return "openvino"; }
  [[nodiscard]] Support available() const override { return {false, "built without OpenVINO; configure with -DSCISSIONLITE_OPENVINO=ON"}; }
  [[nodiscard]] std::unique_ptr<Executable> compile(const Graph&, const CompileOptions&) const override { throw Unsupported("[openvino] " + available().reason); }
};
#endif

}  // namespace

#ifdef SCISSIONLITE_WITH_OPENVINO
std::unique_ptr<Backend> make_openvino_backend() { return make_module_backend({.name = "openvino", .prepared = with_plain_weights}); }
#else
std::unique_ptr<Backend> make_openvino_backend() { return std::make_unique<AbsentBackend>(); }
#endif

}  // namespace scissionlite
