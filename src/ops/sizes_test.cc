// Sizes that do not fit are refused by the shape rules, once for all engines; integers that have no answer end nobody.
#include <gtest/gtest.h>

#include <climits>
#include <cmath>
#include <functional>

#include "base/error.h"
#include "ops/ops.h"

namespace scissionlite::ops {
namespace {

std::string refusal_of(Node node, const std::vector<Shape>& inputs, const std::vector<Dtype>& dtypes = {}) {
  Graph graph;
  graph.opsets = {{"", 13}};
  for (size_t i = 0; i < inputs.size(); ++i) {
    node.inputs.push_back("i" + std::to_string(i));
    ValueInfo info;
    info.name = node.inputs.back(), info.dtype = i < dtypes.size() ? dtypes[i] : Dtype::kF32, info.has_shape = true, info.shape = inputs[i];
    graph.inputs.push_back(info);
  }
  node.outputs = {"y"};
  graph.nodes.push_back(std::move(node));
  ValueInfo out;
  out.name = "y";
  graph.outputs.push_back(out);
  try {
    infer_shapes(graph);
  } catch (const ModelError& error) { return error.what(); }
  return "";
}

Node node_of(const std::string& type, std::map<std::string, Attribute> attributes = {}) {
  Node node;
  node.op_type = type, node.name = "n", node.attributes = std::move(attributes);
  return node;
}

TEST(Sizes, OfConstantsThatBelongToChannels) {
  EXPECT_NE(refusal_of(node_of("BatchNormalization"), {{1, 4, 2, 2}, {4}, {4}, {4000}, {4}})
                .find("the mean has 4000 values, expected one for each of 4 channels"),
            std::string::npos);
  EXPECT_NE(refusal_of(node_of("BatchNormalization"), {{1, 4, 2, 2}, {3}, {4}, {4}, {4}}).find("the scale has 3 values"), std::string::npos);
  EXPECT_NE(refusal_of(node_of("InstanceNormalization"), {{1, 4, 2, 2}, {4}, {2}}).find("the shift has 2 values"), std::string::npos);
  EXPECT_NE(refusal_of(node_of("Conv"), {{1, 3, 8, 8}, {4, 3, 3, 3}, {2}}).find("the bias has 2 values, expected one for each of 4 channels"),
            std::string::npos);
  EXPECT_NE(refusal_of(node_of("ConvTranspose"), {{1, 3, 8, 8}, {3, 4, 3, 3}, {3}}).find("the bias has 3 values"), std::string::npos);
  EXPECT_EQ(refusal_of(node_of("Conv"), {{1, 3, 8, 8}, {4, 3, 3, 3}, {4}}), "");
  EXPECT_EQ(refusal_of(node_of("BatchNormalization"), {{-1, 4, -1, 2}, {4}, {4}, {4}, {4}}), "");
}

TEST(Sizes, OfBlocksAndGroups) {
  EXPECT_NE(refusal_of(node_of("DepthToSpace", {{"blocksize", int64_t{0}}}), {{1, 4, 2, 2}}).find("blocksize is 0"), std::string::npos);
  EXPECT_NE(refusal_of(node_of("DepthToSpace", {{"blocksize", int64_t{2}}}), {{1, 6, 2, 2}}).find("do not divide"), std::string::npos);
  EXPECT_NE(refusal_of(node_of("SpaceToDepth", {{"blocksize", int64_t{2}}}), {{1, 6, 3, 2}}).find("do not divide"), std::string::npos);
  EXPECT_NE(refusal_of(node_of("ConvTranspose", {{"group", int64_t{0}}}), {{1, 4, 2, 2}, {4, 4, 1, 1}}).find("group is 0"), std::string::npos);
  EXPECT_EQ(refusal_of(node_of("DepthToSpace", {{"blocksize", int64_t{2}}}), {{1, 8, 3, 3}}), "");
}

TEST(Sizes, OfWindowsWhoseProductsFit) {
  const std::vector<int64_t> huge{int64_t{1} << 62, 1}, kernel{3, 3};
  EXPECT_NE(
      refusal_of(node_of("Conv", {{"dilations", huge}}), {{1, 3, 8, 8}, {4, 3, 3, 3}}).find("must be from 1 to 2147483647, got 4611686018427387904"),
      std::string::npos);
  EXPECT_NE(refusal_of(node_of("MaxPool", {{"kernel_shape", huge}}), {{1, 3, 8, 8}}).find("must be from 1"), std::string::npos);
  EXPECT_NE(refusal_of(node_of("MaxPool", {{"kernel_shape", kernel}, {"pads", std::vector<int64_t>{0, INT64_MAX, 0, 1}}}), {{1, 3, 8, 8}})
                .find("pads must be within"),
            std::string::npos);
}

TEST(Sizes, ThatAreGivenTwice) {
  EXPECT_NE(refusal_of(node_of("Conv", {{"kernel_shape", std::vector<int64_t>{3, 1}}}), {{1, 3, 8, 8}, {4, 3, 3, 3}})
                .find("kernel_shape is (3, 1), the weights' is (3, 3)"),
            std::string::npos);
  Node split = node_of("Split", {{"split", std::vector<int64_t>{5}}});
  EXPECT_NE(refusal_of(split, {{4, 2}}).find("parts (5) do not add up to 4"), std::string::npos);
}

TEST(Sizes, OfScalesAndZeroPoints) {
  const std::vector<Dtype> types{Dtype::kU8, Dtype::kF32, Dtype::kU8, Dtype::kI8, Dtype::kF32, Dtype::kI8, Dtype::kF32, Dtype::kU8, Dtype::kI32};
  const auto conv = [&](Shape x_scale, Shape w_scale, Shape bias) {
    return refusal_of(node_of("QLinearConv"), {{1, 3, 8, 8}, std::move(x_scale), {}, {4, 3, 3, 3}, std::move(w_scale), {}, {}, {}, std::move(bias)},
                      types);
  };
  EXPECT_EQ(conv({}, {4}, {4}), "");
  EXPECT_EQ(conv({1}, {}, {4}), "");
  EXPECT_NE(conv({2}, {4}, {4}).find("'i1' has 2 values, expected one"), std::string::npos);
  EXPECT_NE(conv({}, {3}, {4}).find("has 3 values, expected one for each of 4 channels"), std::string::npos);
  EXPECT_NE(conv({}, {4}, {5}).find("the bias has 5 values"), std::string::npos);
}

TEST(Types, ThatDoNotGoTogetherAreRefused) {
  EXPECT_NE(refusal_of(node_of("Add"), {{2}, {2}}, {Dtype::kF32, Dtype::kI64}).find("inputs have types float32 and int64; expected one type"),
            std::string::npos);
  EXPECT_NE(refusal_of(node_of("Less"), {{2}, {2}}, {Dtype::kI32, Dtype::kI64}).find("expected one type"), std::string::npos);
  EXPECT_NE(
      refusal_of(node_of("Where"), {{2}, {2}, {2}}, {Dtype::kU8, Dtype::kF32, Dtype::kF32}).find("the condition is of type uint8, expected bool"),
      std::string::npos);
  EXPECT_NE(refusal_of(node_of("Where"), {{2}, {2}, {2}}, {Dtype::kBool, Dtype::kF32, Dtype::kF64}).find("expected one type"), std::string::npos);
  EXPECT_EQ(refusal_of(node_of("Pow"), {{2}, {2}}, {Dtype::kF32, Dtype::kI64}), "");
}

TEST(Types, WithoutReferenceCodeAreTold) {
  Graph graph;
  graph.opsets = {{"", 13}};
  Node node = node_of("Exp");
  node.inputs = {"x"}, node.outputs = {"y"};
  const std::vector<Tensor> inputs{Tensor::of<double>({1}, {1.0})};
  try {
    (void)run_node(graph, node, inputs);
    FAIL() << "computed";
  } catch (const Unsupported& error) {
    EXPECT_NE(std::string(error.what()).find("Exp of float64 has no reference code"), std::string::npos) << error.what();
  }
}

TEST(Types, CastOfDoublesKeepsWhatFloatWouldRound) {
  Graph graph;
  graph.opsets = {{"", 13}};
  Node node = node_of("Cast", {{"to", static_cast<int64_t>(Dtype::kI64)}});
  node.inputs = {"x"}, node.outputs = {"y"};
  const std::vector<Tensor> inputs{Tensor::of<double>({4}, {0x1p40 + 1, -0x1p40 - 1, 1e300, std::nan("")})};
  EXPECT_EQ(run_node(graph, node, inputs)[0].to_i64(), (std::vector<int64_t>{(int64_t{1} << 40) + 1, -(int64_t{1} << 40) - 1, INT64_MAX, 0}));
}

TEST(Integers, TheLeastByMinusOneHasAnAnswer) {
  Graph graph;
  graph.opsets = {{"", 13}};
  const std::vector<Tensor> inputs{Tensor::of<int32_t>({2}, {INT_MIN, 7}), Tensor::of<int32_t>({2}, {-1, -1})};
  for (const char* type : {"Div", "Mod"}) {
    auto node = node_of(type);
    node.inputs = {"a", "b"}, node.outputs = {"y"};
    const auto y = run_node(graph, node, inputs);
    EXPECT_EQ(y[0].as<int32_t>()[0], type == std::string("Div") ? INT_MIN : 0);
    EXPECT_EQ(y[0].as<int32_t>()[1], type == std::string("Div") ? -7 : 0);
  }
}

}  // namespace
}  // namespace scissionlite::ops
