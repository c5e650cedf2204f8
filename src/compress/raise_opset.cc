#include "compress/raise_opset.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"

namespace scissionlite::compress {
namespace {

using Ints = std::vector<int64_t>;

/// The new graph while it is written.
struct Raised {
  Graph graph;       // its nodes are the ones done
  int64_t from = 0;  // opset of the given graph
  std::set<std::string> names;

  std::string name(const std::string& wish) {
    std::string out = wish;
    for (int i = 1; !names.insert(out).second; ++i) out = wish + "_" + std::to_string(i);
    return out;
  }
  std::string constant(const Node& node, const std::string& what, Tensor value) {
    const auto out = name(node.outputs[0] + "_" + what);
    graph.initializers[out] = std::move(value);
    return out;
  }
  std::string ints(const Node& node, const std::string& what, const Ints& values) {
    return constant(node, what, Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, std::span<const int64_t>(values)));
  }
  std::string number(const Node& node, const std::string& what, float value) { return constant(node, what, Tensor::scalar<float>(value)); }
  std::string floats(const Node& node, const std::string& what, const std::vector<float>& values) {
    return constant(node, what, Tensor::of<float>({static_cast<int64_t>(values.size())}, std::span<const float>(values)));
  }
  void add(Node node) { graph.nodes.push_back(std::move(node)); }
};

[[noreturn]] void fail(const Node& node, const std::string& what) {
  throw Unsupported("[raise opset] [" + node.label() + "] " + what + "; export the model in opset " + std::to_string(kRaisedOpset) + " or newer");
}

void batch_normalization(Raised& out, Node node) {
  if (node.int_attribute("spatial", 1) == 0) fail(node, "normalises each pixel on its own (spatial=0), which no newer opset says");
  node.attributes.erase("spatial");
  out.add(std::move(node));
}

void clip(Raised& out, Node node) {
  if (out.from < 11) {
    node.inputs.resize(1);
    if (node.has("min")) node.inputs.push_back(out.number(node, "min", node.float_attribute("min", 0)));
    if (node.has("max")) node.inputs.resize(2), node.inputs.push_back(out.number(node, "max", node.float_attribute("max", 0)));
    node.attributes.erase("min"), node.attributes.erase("max");
  }
  out.add(std::move(node));
}

/// At inference it does nothing, whatever its ratio.
void dropout(Raised& out, Node node) {
  if (out.from < 12) node.attributes.erase("ratio");
  out.add(std::move(node));
}

/// Softmax over everything from an axis on, as it was below opset 13: over the last axis of a matrix.
void softmax(Raised& out, Node node) {
  const int64_t axis = node.int_attribute("axis", 1);
  const auto info = out.graph.find_value(node.inputs[0]);
  const auto rank = info && info->has_shape ? static_cast<int64_t>(info->shape.size()) : 0;
  if (axis == -1 || (rank > 0 && axis == rank - 1)) {
    node.attributes["axis"] = int64_t{-1};
    return out.add(std::move(node));
  }
  const auto shape = out.name(node.outputs[0] + "_shape"), flat = out.name(node.outputs[0] + "_flat"), answer = out.name(node.outputs[0] + "_rows");
  out.add({"", "Shape", "", {node.inputs[0]}, {shape}, {}, ""});
  out.add({"", "Flatten", "", {node.inputs[0]}, {flat}, {{"axis", axis}}, ""});
  const auto result = node.outputs[0];
  node.inputs = {flat}, node.outputs = {answer}, node.attributes["axis"] = int64_t{-1};
  out.add(std::move(node));
  out.add({"", "Reshape", "", {answer, shape}, {result}, {}, ""});
}

void pad(Raised& out, Node node) {
  if (out.from < 11) {
    node.inputs = {node.inputs[0], out.ints(node, "pads", node.ints_attribute("pads")), out.number(node, "value", node.float_attribute("value", 0))};
    node.attributes.erase("pads"), node.attributes.erase("value");
  }
  out.add(std::move(node));
}

void slice(Raised& out, Node node) {
  if (out.from < 10) {
    const auto starts = node.ints_attribute("starts");
    Ints axes(starts.size());
    for (size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<int64_t>(i);
    node.inputs = {node.inputs[0], out.ints(node, "starts", starts), out.ints(node, "ends", node.ints_attribute("ends")),
                   out.ints(node, "axes", node.ints_attribute("axes", axes))};
    node.attributes.clear();
  }
  out.add(std::move(node));
}

void split(Raised& out, Node node) {
  if (node.has("split")) node.inputs = {node.inputs[0], out.ints(node, "sizes", node.ints_attribute("split"))}, node.attributes.erase("split");
  out.add(std::move(node));
}

void axes_to_input(Raised& out, Node node) {
  if (node.has("axes")) node.inputs = {node.inputs[0], out.ints(node, "axes", node.ints_attribute("axes"))}, node.attributes.erase("axes");
  out.add(std::move(node));
}

/// Pixels lay side by side from the corner on, below opset 11.
void place_from_the_corner(Node& node) {
  node.op_type = "Resize";
  node.attributes["coordinate_transformation_mode"] = std::string("asymmetric");
  if (node.text_attribute("mode", "nearest") == "nearest") node.attributes["nearest_mode"] = std::string("floor");
}

void resize(Raised& out, Node node) {
  if (out.from < 11) node.inputs = {node.inputs[0], "", node.inputs[1]}, place_from_the_corner(node);
  out.add(std::move(node));
}

void upsample(Raised& out, Node node) {
  if (out.from >= 10) fail(node, "is of opset " + std::to_string(out.from) + ", which has no Upsample");
  const auto scales = out.from < 9 ? out.floats(node, "scales", node.floats_attribute("scales")) : node.inputs.at(1);
  node.inputs = {node.inputs[0], "", scales};
  node.attributes.erase("scales");
  place_from_the_corner(node);
  out.add(std::move(node));
}

using Rewrite = void (*)(Raised&, Node);
void as_it_is(Raised& out, Node node) { out.add(std::move(node)); }

const std::map<std::string, Rewrite>& table() {
  static const std::map<std::string, Rewrite> entries{
#define AS_IT_IS(type) {#type, as_it_is},
#define REWRITTEN(type, rewrite) {#type, rewrite},
#include "compress/raise_opset.inc"
#undef AS_IT_IS
#undef REWRITTEN
  };
  return entries;
}

std::set<std::string> names_in(const Graph& graph) {
  std::set<std::string> out;
  for (const auto& info : graph.inputs) out.insert(info.name);
  for (const auto& [name, tensor] : graph.initializers) out.insert(name);
  for (const auto& node : graph.nodes) out.insert(node.outputs.begin(), node.outputs.end());
  return out;
}

}  // namespace

Graph raise_opset(const Graph& graph) {
  if (graph.opset() >= kRaisedOpset) return graph;
  Raised out{graph, graph.opset(), names_in(graph)};
  out.graph.nodes.clear();
  for (const auto& node : graph.nodes) {
    if (!node.domain.empty()) {
      out.add(node);
      continue;
    }
    const auto it = table().find(node.op_type);
    if (it == table().end())
      fail(node, "how operator '" + node.op_type + "' changes between opset " + std::to_string(out.from) + " and " + std::to_string(kRaisedOpset) +
                     " is not known (src/compress/raise_opset.inc)");
    it->second(out, node);
  }
  for (auto& opset : out.graph.opsets)
    if (opset.domain.empty()) opset.version = kRaisedOpset;
  out.graph.ir_version = std::max<int64_t>(out.graph.ir_version, 7);
  out.graph.check();
  return std::move(out.graph);
}

}  // namespace scissionlite::compress
