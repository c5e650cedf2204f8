#include "compress/channel_gates.h"

#include <algorithm>

#include "compress/channels.h"
#include "compress/slice_constant.h"

namespace scissionlite::compress {
namespace {

bool makes_channels(const Node& node) {
  return node.domain.empty() && (node.op_type == "Conv" || node.op_type == "ConvTranspose" || node.op_type == "Gemm");
}

/// Multiplies entries along an axis.
Tensor scaled(const Tensor& tensor, size_t axis, const Tensor& factors) {
  Tensor out = tensor.clone();
  int64_t inner = 1;
  for (size_t d = axis + 1; d < tensor.shape().size(); ++d) inner *= tensor.shape()[d];
  auto values = out.mutable_as<float>();
  const auto scale = factors.as<float>();
  const auto channels = tensor.shape()[axis];
  for (size_t i = 0; i < values.size(); ++i) values[i] *= scale[static_cast<size_t>(static_cast<int64_t>(i) / inner % channels)];
  return out;
}

/// Axis of the weights that the outputs index; groups of a ConvTranspose that is depthwise stand along axis 0.
size_t output_axis(const Node& node, const Tensor& weights, int64_t channels) {
  if (node.op_type == "Conv") return 0;
  if (node.op_type == "ConvTranspose") return weights.shape()[1] == channels ? 1 : 0;
  return node.int_attribute("transB", 0) != 0 ? 0 : 1;
}

}  // namespace

GatedGraph with_channel_gates(const Graph& graph) {
  const Channels channels(graph);
  GatedGraph out{channels.graph(), {}};
  std::map<std::string, std::vector<const Node*>> readers;
  for (const auto& node : channels.graph().nodes)
    for (const auto& input : node.inputs) readers[input].push_back(&node);
  std::vector<Node> nodes;
  for (auto node : out.graph.nodes) {
    const auto* y = node.outputs.empty() ? nullptr : channels.value(node.outputs[0]);
    const bool can_be_removed = makes_channels(node) && y && std::any_of(y->units.begin(), y->units.end(), [&](int unit) {
                                  return channels.classes()[static_cast<size_t>(unit)].fixed.empty();
                                });
    const auto& next = node.outputs.empty() ? std::vector<const Node*>{} : readers[node.outputs[0]];
    if (!can_be_removed || (next.size() == 1 && next[0]->op_type == "BatchNormalization")) {
      nodes.push_back(std::move(node));
      continue;
    }
    const auto value = node.outputs[0], gate = out.graph.fresh_name("channel_gate/" + (node.name.empty() ? value : node.name)),
               ungated = out.graph.fresh_name(value + "_ungated");
    const auto count = static_cast<int64_t>(y->units.size());
    Tensor ones(Dtype::kF32, node.op_type == "Gemm" ? Shape{count} : Shape{count, 1, 1});
    std::fill(ones.mutable_as<float>().begin(), ones.mutable_as<float>().end(), 1.0F);
    out.graph.initializers.emplace(gate, ones);
    out.gates.insert(gate);
    node.outputs[0] = ungated;
    nodes.push_back(std::move(node));
    nodes.push_back({gate, "Mul", "", {ungated, gate}, {value}, {}, ""});
  }
  out.graph.nodes = std::move(nodes);
  out.graph.check();
  return out;
}

Graph without_channel_gates(const Graph& graph, const std::set<std::string>& gates) {
  Graph out = graph;
  for (size_t i = 0; i < out.nodes.size(); ++i) {
    if (!gates.count(out.nodes[i].name) || out.nodes[i].op_type != "Mul") continue;
    const Node mul = out.nodes[i];
    const auto& factors = out.initializers.at(mul.inputs[1]);
    auto& maker = *std::find_if(out.nodes.begin(), out.nodes.end(),
                                [&](const Node& node) { return !node.outputs.empty() && node.outputs[0] == mul.inputs[0]; });
    const auto weights = out.initializers.at(maker.inputs[1]);
    const auto replace = [&](size_t place, size_t axis) {
      const auto name = out.fresh_name(maker.inputs[place]);
      out.initializers[name] = scaled(out.initializers.at(maker.inputs[place]), axis, factors);
      maker.inputs[place] = name;
    };
    replace(1, output_axis(maker, weights, factors.size()));
    if (maker.inputs.size() > 2 && !maker.inputs[2].empty()) replace(2, out.initializers.at(maker.inputs[2]).shape().size() - 1);
    maker.outputs[0] = mul.outputs[0];
    out.nodes.erase(out.nodes.begin() + static_cast<std::ptrdiff_t>(i));
    --i;
  }
  drop_unread_constants(out);
  out.check();
  return out;
}

}  // namespace scissionlite::compress
