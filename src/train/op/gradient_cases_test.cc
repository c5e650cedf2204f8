#include "train/op/gradient_cases.h"

namespace scissionlite::train {
namespace {

using Ints = std::vector<int64_t>;

CaseInput data(Shape shape, double low = -2, double high = 2) { return {std::move(shape), low, high, {}}; }
CaseInput ints(Ints values) { return {{}, 0, 0, Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, std::span<const int64_t>(values))}; }
CaseInput floats(std::vector<float> values) {
  return {{}, 0, 0, Tensor::of<float>({static_cast<int64_t>(values.size())}, std::span<const float>(values))};
}
CaseInput number(float value) { return {{}, 0, 0, Tensor::scalar<float>(value)}; }
CaseInput absent() { return {{-1}, 0, 0, {}}; }

void add_products(std::vector<GradientCase>& out) {
  out.push_back({"Conv", {data({2, 4, 5, 6}), data({6, 4, 3, 3}), data({6})}, {{"pads", Ints{1, 1, 1, 1}}}});
  out.push_back({"Conv", {data({1, 4, 6, 5}), data({6, 2, 3, 2})}, {{"group", int64_t{2}}, {"strides", Ints{2, 1}}, {"pads", Ints{0, 1, 2, 0}}}});
  out.push_back({"Conv", {data({1, 4, 7, 7}), data({4, 1, 3, 3})}, {{"group", int64_t{4}}, {"dilations", Ints{2, 2}}}});
  out.push_back({"Conv", {data({1, 3, 6, 5}), data({2, 3, 3, 3})}, {{"auto_pad", std::string("SAME_UPPER")}, {"strides", Ints{2, 2}}}});
  out.push_back({"Conv", {data({1, 3, 6, 5}), data({2, 3, 2, 2})}, {{"auto_pad", std::string("SAME_LOWER")}}});
  out.push_back({"Conv", {data({2, 3, 9}), data({4, 3, 3}), data({4})}, {{"strides", Ints{2}}}});
  out.push_back({"Conv", {data({2, 3, 7, 6}), data({4, 3, 1, 1}), data({4})}, {{"strides", Ints{2, 3}}}});
  out.push_back({"ConvTranspose",
                 {data({1, 4, 3, 4}), data({4, 3, 3, 3}), data({3})},
                 {{"strides", Ints{2, 2}}, {"pads", Ints{1, 0, 1, 1}}, {"output_padding", Ints{1, 0}}}});
  out.push_back({"ConvTranspose", {data({1, 4, 3, 3}), data({4, 2, 2, 2})}, {{"strides", Ints{2, 2}}, {"group", int64_t{2}}}});
  out.push_back({"ConvTranspose", {data({1, 2, 3, 3}), data({2, 2, 3, 3}), data({2})}, {{"output_shape", Ints{7, 8}}, {"strides", Ints{2, 2}}}});
  for (int64_t a : {0, 1})
    for (int64_t b : {0, 1})
      out.push_back({"Gemm",
                     {data(a ? Shape{5, 4} : Shape{4, 5}), data(b ? Shape{3, 5} : Shape{5, 3}), data({3})},
                     {{"transA", a}, {"transB", b}, {"alpha", 0.5F}, {"beta", 2.0F}}});
  out.push_back({"MatMul", {data({2, 3, 4}), data({4, 5})}, {}});
  out.push_back({"MatMul", {data({2, 1, 3, 4}), data({3, 4, 2})}, {}});
}

void add_pools(std::vector<GradientCase>& out) {
  for (const char* type : {"MaxPool", "AveragePool"}) {
    out.push_back(
        {type, {data({1, 2, 7, 6})}, {{"kernel_shape", Ints{3, 2}}, {"strides", Ints{2, 2}}, {"pads", Ints{1, 1, 1, 0}}, {"ceil_mode", int64_t{1}}}});
    out.push_back({type, {data({1, 2, 6, 6})}, {{"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"ceil_mode", int64_t{1}}}});
    out.push_back({type, {data({1, 2, 5, 6})}, {{"kernel_shape", Ints{2, 2}}, {"auto_pad", std::string("SAME_UPPER")}}});
    out.push_back({type, {data({1, 2, 9})}, {{"kernel_shape", Ints{4}}, {"strides", Ints{3}}}});
  }
  out.push_back({"AveragePool", {data({1, 2, 5, 5})}, {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}, {"count_include_pad", int64_t{1}}}});
  out.push_back({"MaxPool", {data({1, 2, 7, 7})}, {{"kernel_shape", Ints{2, 2}}, {"dilations", Ints{2, 2}}}});
  out.push_back({"GlobalAveragePool", {data({2, 3, 4, 3})}, {}});
  out.push_back({"GlobalMaxPool", {data({2, 3, 4, 3})}, {}});
}

void add_normalisations(std::vector<GradientCase>& out) {
  out.push_back(
      {"BatchNormalization", {data({2, 3, 2, 2}), data({3}), data({3}), floats({0.1F, -0.2F, 0.3F}), floats({0.5F, 1, 2})}, {{"epsilon", 1e-3F}}});
  out.push_back({"InstanceNormalization", {data({2, 3, 3, 2}), data({3}), data({3})}, {}});
  out.push_back({"LRN", {data({1, 7, 2, 2})}, {{"size", int64_t{5}}, {"alpha", 0.5F}, {"beta", 0.6F}, {"bias", 1.5F}}});
  out.push_back({"LRN", {data({1, 5, 2, 2})}, {{"size", int64_t{4}}, {"alpha", 0.5F}}});
  for (const char* type : {"Softmax", "LogSoftmax"}) {
    out.push_back({type, {data({2, 3, 4})}, {{"axis", int64_t{1}}}});
    out.push_back({type, {data({2, 3, 4})}, {}, 11});
  }
}

void add_elementwise(std::vector<GradientCase>& out) {
  for (const char* type : {"Relu", "LeakyRelu", "Elu", "HardSigmoid", "Sigmoid", "Tanh", "Softplus", "Softsign", "Erf", "Abs", "Neg", "Exp"})
    out.push_back({type, {data({3, 5}, -4, 4)}, {}});
  for (const char* type : {"Log", "Sqrt", "Reciprocal"}) out.push_back({type, {data({3, 5}, 0.2, 3)}, {}});
  out.push_back({"HardSwish", {data({3, 5}, -5, 5)}, {}, 14});
  out.push_back({"Mish", {data({3, 5})}, {}, 18});
  out.push_back({"Elu", {data({3, 5})}, {{"alpha", 0.5F}}});
  out.push_back({"PRelu", {data({2, 3, 2, 2}), data({3, 1, 1})}, {}});
  out.push_back({"Clip", {data({3, 5}), number(-0.5F), number(1)}, {}});
  out.push_back({"Clip", {data({3, 5}), absent(), number(1)}, {}});
  out.push_back({"Clip", {data({3, 5})}, {{"min", -0.5F}, {"max", 1.0F}}, 7});
  for (const char* type : {"Add", "Sub", "Mul"}) out.push_back({type, {data({2, 3, 4}), data({3, 1})}, {}});
  out.push_back({"Div", {data({2, 3, 4}), data({3, 1}, 0.5, 2)}, {}});
  out.push_back({"Pow", {data({3, 4}, 0.3, 2), data({4})}, {}});
  out.push_back({"Pow", {data({3, 4}), number(2)}, {}});
  out.push_back({"Mod", {data({3, 4}, 0.1, 5), number(1.7F)}, {{"fmod", int64_t{1}}}});
  for (const char* type : {"Sum", "Mean", "Max", "Min"}) out.push_back({type, {data({2, 3, 4}), data({3, 1}), data({2, 1, 4})}, {}});
  out.push_back({"Where", {{{}, 0, 0, Tensor::of<bool>({3, 1}, {true, false, true})}, data({3, 4}), data({4})}, {}});
}

void add_reductions(std::vector<GradientCase>& out) {
  for (const char* type : {"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL2"}) {
    out.push_back({type, {data({2, 3, 4})}, {{"axes", Ints{1, -1}}, {"keepdims", int64_t{0}}}, 11});
    out.push_back({type, {data({2, 3, 4})}, {}, 11});
    out.push_back({type, {data({2, 3, 4}), ints({1})}, {}, 18});
  }
}

void add_moves(std::vector<GradientCase>& out) {
  out.push_back({"Reshape", {data({2, 3, 4}), ints({0, -1})}, {}});
  out.push_back({"Flatten", {data({2, 3, 4})}, {{"axis", int64_t{2}}}});
  out.push_back({"Squeeze", {data({1, 3, 1, 4}), ints({0, -2})}, {}});
  out.push_back({"Unsqueeze", {data({3, 4})}, {{"axes", Ints{0, 3}}}, 11});
  out.push_back({"Identity", {data({3, 4})}, {}});
  out.push_back({"Dropout", {data({3, 4})}, {}});
  out.push_back({"Concat", {data({2, 3}), data({2, 2})}, {{"axis", int64_t{-1}}}});
  out.push_back({"Split", {data({7, 3}), ints({3, 4})}, {}, 13, 2});
  out.push_back({"Split", {data({2, 6})}, {{"axis", int64_t{1}}}, 11, 3});
  out.push_back({"Slice", {data({6, 7}), ints({5, 1}), ints({-100, 6}), ints({0, 1}), ints({-2, 3})}, {}});
  out.push_back({"Slice", {data({6, 7, 2})}, {{"starts", Ints{1, -3}}, {"ends", Ints{5, 100}}, {"axes", Ints{0, 1}}}, 7});
  out.push_back({"Gather", {data({5, 4, 2}), ints({3, -1, 0, 3})}, {{"axis", int64_t{0}}}});
  out.push_back({"Transpose", {data({2, 3, 4})}, {{"perm", Ints{1, 2, 0}}}});
  for (const char* mode : {"constant", "edge", "reflect"}) out.push_back({"Pad", {data({3, 4}), ints({1, 2, 0, 1})}, {{"mode", std::string(mode)}}});
  out.push_back({"Pad", {data({3, 4})}, {{"pads", Ints{1, -1, 0, 2}}}, 7});
  out.push_back({"Expand", {data({3, 1}), ints({2, 1, 4})}, {}});
  out.push_back({"Tile", {data({2, 3}), ints({2, 3})}, {}});
  for (const char* mode : {"DCR", "CRD"})
    out.push_back({"DepthToSpace", {data({1, 8, 2, 3})}, {{"blocksize", int64_t{2}}, {"mode", std::string(mode)}}});
  out.push_back({"SpaceToDepth", {data({1, 2, 4, 6})}, {{"blocksize", int64_t{2}}}});
  out.push_back({"Upsample", {data({1, 2, 3, 2}), floats({1, 1, 2, 3})}, {{"mode", std::string("linear")}}, 9});
  for (const char* mode : {"nearest", "linear"})
    out.push_back({"Resize", {data({1, 2, 3, 4}), absent(), floats({1, 1, 1.7F, 0.5F})}, {{"mode", std::string(mode)}}});
  out.push_back({"Resize",
                 {data({1, 1, 3, 4}), absent(), absent(), ints({1, 1, 5, 6})},
                 {{"mode", std::string("linear")}, {"coordinate_transformation_mode", std::string("align_corners")}}});
  out.push_back({"Resize", {data({1, 2, 3, 4}), absent(), floats({1, 1, 1.7F, 0.5F})}, {{"mode", std::string("cubic")}}});
  out.push_back(
      {"Resize", {data({1, 1, 7, 3}), absent(), absent(), ints({1, 1, 3, 5})}, {{"mode", std::string("linear")}, {"antialias", int64_t{1}}}, 18});
  for (const char* mode : {"nearest", "linear"})
    out.push_back(
        {"Resize",
         {data({1, 1, 4, 5}), floats({0, 0, -0.2F, 0.3F, 1, 1, 0.7F, 1.1F}), absent(), ints({1, 1, 3, 6})},
         {{"mode", std::string(mode)}, {"coordinate_transformation_mode", std::string("tf_crop_and_resize")}, {"extrapolation_value", 2.5F}}});
  out.push_back({"DequantizeLinear", {data({3, 4}), floats({0.5F, 1, 2, 3})}, {{"axis", int64_t{1}}}});
}

}  // namespace

const std::vector<GradientCase>& gradient_cases() {
  static const auto cases = [] {
    std::vector<GradientCase> out;
    add_products(out);
    add_pools(out);
    add_normalisations(out);
    add_elementwise(out);
    add_reductions(out);
    add_moves(out);
    return out;
  }();
  return cases;
}

Graph graph_of(const GradientCase& one) {
  Graph graph;
  graph.name = one.type;
  graph.opsets = {{"", one.opset}};
  Node node{"node", one.type, "", {}, {}, one.attributes, ""};
  for (size_t i = 0; i < one.inputs.size(); ++i) {
    const auto& input = one.inputs[i];
    const auto name = "x" + std::to_string(i);
    const bool is_absent = input.shape == Shape{-1};
    node.inputs.push_back(is_absent ? "" : name);
    if (is_absent) continue;
    if (!input.constant.empty()) graph.initializers[name] = input.constant;
    else graph.inputs.push_back({name, Dtype::kF32, input.shape, /*has_shape=*/true, {}});
  }
  for (size_t i = 0; i < one.outputs; ++i) {
    node.outputs.push_back("y" + std::to_string(i));
    graph.outputs.push_back({node.outputs.back(), Dtype::kF32, {}, /*has_shape=*/false, {}});
  }
  graph.nodes.push_back(std::move(node));
  return graph;
}

}  // namespace scissionlite::train
