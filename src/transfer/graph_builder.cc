#include "transfer/graph_builder.h"

#include <numeric>

#include "graph/slice.h"

namespace scissionlite::transfer {

GraphBuilder::GraphBuilder(std::string name, const std::vector<Opset>& opsets, int64_t ir_version) {
  graph_.name = std::move(name);
  graph_.ir_version = ir_version;
  graph_.producer = "scissionlite";
  for (const auto& opset : opsets)
    if (opset.domain.empty()) graph_.opsets.push_back(opset);
  opset_ = graph_.opset();
  if (opset_ == 0) throw InvalidArgument("[transfer] the model imports no ai.onnx opset; a TL is built of its operators, so expected one from 7 on");
  if (opset_ < 7) throw Unsupported("[transfer] opset " + std::to_string(opset_) + " has no broadcasting arithmetic; expected 7 or newer");
}

std::string GraphBuilder::input(const std::string& name, Dtype dtype, const Shape& shape) {
  graph_.inputs.push_back({name, dtype, shape, /*has_shape=*/true, {}});
  return name;
}

void GraphBuilder::output(const std::string& value, const std::string& name, Dtype dtype, const Shape& shape) {
  rename_value(graph_, value, name);
  graph_.outputs.push_back({name, dtype, shape, /*has_shape=*/true, {}});
}

Graph GraphBuilder::build() {
  graph_.check();
  return std::move(graph_);
}

std::string GraphBuilder::constant(const Tensor& tensor) {
  const auto name = fresh("constant");
  graph_.initializers.emplace(name, tensor);
  return name;
}

std::string GraphBuilder::channels(const std::vector<float>& values) {
  return constant(Tensor::of<float>({1, static_cast<int64_t>(values.size()), 1, 1}, values));
}

std::string GraphBuilder::node(const std::string& type, std::vector<std::string> inputs, std::map<std::string, Attribute> attributes) {
  Node node;
  node.op_type = type;
  node.name = fresh(type);
  node.inputs = std::move(inputs);
  node.outputs = {node.name + "_out"};
  node.attributes = std::move(attributes);
  graph_.nodes.push_back(std::move(node));
  return graph_.nodes.back().outputs[0];
}

std::string GraphBuilder::cast(const std::string& x, Dtype to) { return node("Cast", {x}, {{"to", static_cast<int64_t>(to)}}); }

std::string GraphBuilder::clip(const std::string& x, float low, float high) {
  if (opset_ < 11) return node("Clip", {x}, {{"min", low}, {"max", high}});
  return node("Clip", {x, scalar(low), scalar(high)});
}

std::string GraphBuilder::concat(const std::vector<std::string>& parts, int64_t axis) {
  return parts.size() == 1 ? parts[0] : node("Concat", parts, {{"axis", axis}});
}

std::string GraphBuilder::indices(const std::vector<int64_t>& values) {
  return constant(Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values));
}

std::string GraphBuilder::reshape(const std::string& x, const std::vector<int64_t>& shape) { return node("Reshape", {x, indices(shape)}); }

std::string GraphBuilder::slice(const std::string& x, int64_t axis, int64_t from, int64_t to) {
  using Ints = std::vector<int64_t>;
  if (opset_ < 10) return node("Slice", {x}, {{"axes", Ints{axis}}, {"starts", Ints{from}}, {"ends", Ints{to}}});
  return node("Slice", {x, indices({from}), indices({to}), indices({axis})});
}

std::string GraphBuilder::pad_channels(const std::string& x, int64_t count) {
  const std::vector<int64_t> pads{0, 0, 0, 0, 0, count, 0, 0};
  if (opset_ < 11) return node("Pad", {x}, {{"pads", pads}, {"mode", std::string("constant")}});
  return node("Pad", {x, indices(pads)}, {{"mode", std::string("constant")}});
}

std::string GraphBuilder::reduce(const std::string& type, const std::string& x, size_t rank) {
  constexpr int64_t kAxesAreAnInput = 18;
  std::vector<int64_t> axes(rank - 1);
  std::iota(axes.begin(), axes.end(), 1);
  if (opset_ < kAxesAreAnInput) return node(type, {x}, {{"axes", axes}, {"keepdims", int64_t{1}}});
  return node(type, {x, indices(axes)}, {{"keepdims", int64_t{1}}});
}

std::string GraphBuilder::upsample2(const std::string& x) {
  const std::vector<float> scales{1, 1, 2, 2};
  const std::string nearest = "nearest";
  if (opset_ < 9) return node("Upsample", {x}, {{"mode", nearest}, {"scales", scales}});
  const auto scales_value = constant(Tensor::of<float>({4}, scales));
  if (opset_ < 11) return node(opset_ < 10 ? "Upsample" : "Resize", {x, scales_value}, {{"mode", nearest}});
  // The region of interest is unused in this mode, but has to be named before opset 13.
  const auto roi = opset_ < 13 ? constant(Tensor(Dtype::kF32, {0})) : std::string();
  return node("Resize", {x, roi, scales_value},
              {{"mode", nearest}, {"coordinate_transformation_mode", std::string("asymmetric")}, {"nearest_mode", std::string("floor")}});
}

}  // namespace scissionlite::transfer
