// FusedDepthwisePointwise: a depthwise convolution and the 1x1 convolution over its channels as one node, so that the middle
// never has to be written as a whole:
//   m = dw_activation(conv(x, w_dw, b_dw))   one kernel a channel; strides, pads, dilations, auto_pad as dw_strides, ...
//   y = activation(conv(m, w_pw, b_pw) + r)  kernel 1, stride 1, no pads, one group
// Inputs X, W_dw (c, 1, kh, kw), B_dw (c) or "", W_pw (oc, c, 1, 1), B_pw (oc) or "", R (optional, of y's shape).
#include "ops/fused.h"

namespace scissionlite::ops {

extern const Operator conv, fused_depthwise_pointwise;

namespace {

constexpr std::string_view kPrefix = "dw_";

/// The first stage as a Conv of its own: the attributes that begin with "dw_", without that.
Node depthwise_stage(const Node& node, int64_t channels) {
  Node stage{node.name, "Conv", "", {"x", "w", "b"}, {"m"}, {}, ""};
  for (const auto& [key, value] : node.attributes)
    if (key.starts_with(kPrefix)) stage.attributes[key.substr(kPrefix.size())] = value;
  stage.attributes["group"] = channels;
  return stage;
}
Node pointwise_stage(const Node& node) { return {node.name, "Conv", "", {"m", "w", "b"}, {"y"}, {}, ""}; }

void check_weights(const Context& c, const Shape& depthwise, const Shape& pointwise) {
  if (depthwise.size() != 4 || depthwise[1] != 1) fail(c, "depthwise weights " + to_string(depthwise) + " must be (channels, 1, kernel, kernel)");
  if (pointwise.size() != 4 || pointwise[2] != 1 || pointwise[3] != 1)
    fail(c, "pointwise weights " + to_string(pointwise) + " must be (out, channels, 1, 1)");
}

std::vector<ValueInfo> shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  if (!in[0].has_shape || !in[1].has_shape || !in[3].has_shape) return {unshaped(in[0].dtype)};
  check_weights(c, in[1].shape, in[3].shape);
  (void)read_activation(c);
  (void)read_activation(c, std::string(kPrefix));
  const Node first = depthwise_stage(c.node, in[1].shape[0]), second = pointwise_stage(c.node);
  const auto middle = conv.shape({first, c.opset}, in.first(2), constants);
  const std::vector<ValueInfo> rest{middle[0], in[3]};
  auto out = conv.shape({second, c.opset}, rest, constants);
  const auto residual = input_or_none(in, 5);
  if (residual.has_shape) check_residual(c, residual.shape, out[0].shape);
  return out;
}

int64_t cost(const Context&, std::span<const ValueInfo> in, std::span<const ValueInfo> out) {
  if (!in[1].has_shape || !in[3].has_shape || !out[0].has_shape || !is_static(out[0].shape)) return 0;
  const auto& y = out[0].shape;
  const int64_t positions = y[0] * y[2] * y[3];
  return positions * (element_count(in[1].shape) + element_count(in[3].shape));
}

std::vector<Tensor> reference(const Context& c, std::span<const Tensor> in) {
  check_weights(c, in[1].shape(), in[3].shape());
  const Node first = depthwise_stage(c.node, in[1].shape()[0]), second = pointwise_stage(c.node);
  const std::vector<Tensor> depthwise{in[0], in[1], in[2]};
  auto middle = conv.reference({first, c.opset}, depthwise)[0];
  activate(read_activation(c, std::string(kPrefix)), middle.mutable_as<float>());
  const std::vector<Tensor> pointwise{middle, in[3], input_or_none(in, 4)};
  auto out = conv.reference({second, c.opset}, pointwise);
  add_and_activate(c, input_or_none(in, 5), read_activation(c), out[0]);
  return out;
}

}  // namespace

const Operator fused_depthwise_pointwise{"scissionlite", "FusedDepthwisePointwise", shape, cost, reference, 4};

}  // namespace scissionlite::ops
