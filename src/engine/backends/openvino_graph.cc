#include "engine/backends/openvino_graph.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "ops/conv_transpose_rule.h"
#include "ops/resize_rule.h"
#include "ops/support.h"

namespace scissionlite {
namespace {

/// A graph whose shapes are inferred, and one of its nodes.
struct Place {
  const Graph& graph;
  const Node& node;
  [[nodiscard]] ops::Context context() const { return {node, graph.opset()}; }
  [[nodiscard]] std::optional<Shape> shape(size_t input) const {
    const auto info = input < node.inputs.size() ? graph.find_value(node.inputs[input]) : std::nullopt;
    return info && info->has_shape ? std::optional(info->shape) : std::nullopt;
  }
};

[[noreturn]] void refuse(const Place& place, const std::string& what) {
  throw Unsupported("[openvino] cannot run [" + place.node.label() + "]: OpenVINO computes " + what +
                    " otherwise than ONNX defines it; take --engine native");
}

/// Inputs that are constants; empty tensors for others.
std::vector<Tensor> constants_of(const Place& place) {
  std::vector<Tensor> out;
  for (const auto& input : place.node.inputs) {
    out.emplace_back();
    if (const auto it = place.graph.initializers.find(input); it != place.graph.initializers.end()) out.back() = it->second;
    for (const auto& node : place.graph.nodes)
      if (!input.empty() && node.domain.empty() && node.op_type == "Constant" && node.outputs[0] == input)
        out.back() = ops::run_node(place.graph, node, {})[0];
  }
  return out;
}

std::optional<ops::ResizePlan> plan_of(const Place& place) {
  const auto shape = place.shape(0);
  return shape ? ops::read_resize_plan(place.context(), *shape, constants_of(place)) : std::nullopt;
}

using Nodes = std::vector<Node>;

/// Opset 11 and 12, where all dimensions from the axis on are one: as a matrix.
Nodes softmax(const Place& place) {
  const auto& node = place.node;
  const auto shape = place.shape(0);
  int64_t axis = node.int_attribute("axis", 1);
  if (shape) axis = ops::normal_axis(place.context(), axis, shape->size());
  if (place.graph.opset() >= 13 || (shape && axis == static_cast<int64_t>(shape->size()) - 1)) return {node};
  const auto& result = node.outputs[0];
  const auto named = [&](const char* what) { return place.graph.fresh_name(result + what); };
  const auto rows = named("_rows"), soft = named("_soft"), sizes = named("_sizes");
  return {{rows, "Flatten", "", {node.inputs[0]}, {rows}, {{"axis", axis}}, ""},
          {node.name, "Softmax", "", {rows}, {soft}, {{"axis", int64_t{1}}}, node.doc},
          {sizes, "Shape", "", {node.inputs[0]}, {sizes}, {}, ""},
          {soft + "_shaped", "Reshape", "", {soft, sizes}, {result}, {}, ""}};
}

/// output_shape and auto_pad as pads and output_padding.
Nodes conv_transpose(const Place& place) {
  const auto c = place.context();
  const auto x = place.shape(0), w = place.shape(1);
  const auto pad_mode = c.node.text_attribute("auto_pad", "NOTSET");
  if (!c.node.has("output_shape") && pad_mode != "SAME_UPPER" && pad_mode != "SAME_LOWER") return {c.node};
  if (!x || !w) refuse(place, "a ConvTranspose of unknown shapes with output_shape or auto_pad");
  const auto window = ops::read_window(c, {w->begin() + 2, w->end()});
  const size_t rank = window.rank();
  auto padding = c.node.ints_attribute("output_padding", std::vector<int64_t>(rank, 0));
  std::vector<int64_t> pads(2 * rank);
  for (size_t d = 0; d < rank; ++d) {
    const auto axis = ops::transposed_axis(c, window, d, x->at(d + 2));
    if (!axis) refuse(place, "a ConvTranspose of an open size with output_shape");
    const int64_t cut = window.extent(d) - window.strides[d] + padding[d] - axis->extra;  // less than 0: rows are added at the end
    pads[d] = axis->pad;
    pads[rank + d] = std::max<int64_t>(0, cut - axis->pad);
    padding[d] += std::max<int64_t>(0, -cut);
  }
  Node plain = c.node;
  for (const char* name : {"output_shape", "auto_pad"}) plain.attributes.erase(name);
  plain.attributes["pads"] = pads;
  plain.attributes["output_padding"] = padding;
  return {plain};
}

/// Windows that reach beyond the end pad: OpenVINO counts that part too.
Nodes average_pool(const Place& place) {
  const auto c = place.context();
  auto window = ops::read_window(c, c.node.ints_attribute("kernel_shape"));
  const auto is_zero = [](const std::vector<int64_t>& pads) { return std::all_of(pads.begin(), pads.end(), [](int64_t pad) { return pad == 0; }); };
  if (!window.ceil_mode || c.node.int_attribute("count_include_pad", 0) == 0 || window.auto_pad_same ||
      (is_zero(window.pads_begin) && is_zero(window.pads_end)))
    return {c.node};
  const auto x = place.shape(0);
  auto floored = window;
  floored.ceil_mode = false;
  for (size_t d = 0; d < window.rank(); ++d)
    if (!x || x->at(d + 2) < 0 || window.output_size(d, (*x)[d + 2]) != floored.output_size(d, (*x)[d + 2]))
      refuse(place, "an AveragePool with pads, ceil_mode and count_include_pad");
  return {c.node};
}

Nodes resize(const Place& place) {
  const auto& node = place.node;
  const bool has_sizes = node.inputs.size() > 3 && !node.inputs[3].empty();
  if (has_sizes && node.text_attribute("keep_aspect_ratio_policy", "stretch") != "stretch") refuse(place, "a Resize with keep_aspect_ratio_policy");
  if (node.int_attribute("antialias", 0) == 0 || node.text_attribute("mode", "nearest") == "nearest") return {node};
  const auto plan = plan_of(place);
  if (!plan || std::any_of(plan->scales.begin(), plan->scales.end(), [](double scale) { return scale < 1; }))
    refuse(place, "a Resize to fewer pixels with antialias");
  return {node};
}

Nodes upsample(const Place& place) {
  if (place.node.text_attribute("mode", "nearest") != "nearest") return {place.node};
  const auto plan = plan_of(place);
  if (!plan || std::any_of(plan->scales.begin(), plan->scales.end(), [](double scale) { return scale != std::floor(scale); }))
    refuse(place, "an Upsample to the nearest pixels by scales that are no whole numbers");
  return {place.node};
}

Nodes batch_norm(const Place& place) {
  ops::check_known(place.graph, place.node, "openvino");
  return {place.node};
}

using Rule = Nodes (*)(const Place&);
Rule rule_of(const Node& node) {
  static const std::map<std::string, Rule> rules{{"Softmax", softmax},          {"ConvTranspose", conv_transpose},
                                                 {"AveragePool", average_pool}, {"Resize", resize},
                                                 {"Upsample", upsample},        {"BatchNormalization", batch_norm}};
  const auto it = node.domain.empty() ? rules.find(node.op_type) : rules.end();
  return it == rules.end() ? nullptr : it->second;
}

}  // namespace

Graph as_openvino_computes(const Graph& graph) {
  if (std::none_of(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) { return rule_of(node) != nullptr; })) return graph;
  Graph known = graph, out = graph;
  ops::infer_shapes(known);
  out.nodes.clear();
  for (const auto& node : known.nodes) {
    const auto rule = rule_of(node);
    auto written = rule ? rule({known, node}) : Nodes{node};
    std::move(written.begin(), written.end(), std::back_inserter(out.nodes));
  }
  return out;
}

}  // namespace scissionlite
