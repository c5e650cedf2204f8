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

TEST(Sizes, OfRanksAndWhatRepeatsAlongThem) {
  EXPECT_NE(refusal_of(node_of("DepthToSpace", {{"blocksize", int64_t{2}}}), {{}}).find("expected rank 4"), std::string::npos);
  EXPECT_NE(refusal_of(node_of("SpaceToDepth", {{"blocksize", int64_t{2}}}), {{4, 4}}).find("expected rank 4"), std::string::npos);
  EXPECT_NE(refusal_of(node_of("MaxPool"), {{3, 4}}).find("has no kernel_shape"), std::string::npos);
  EXPECT_NE(refusal_of(node_of("LRN"), {{4}}).find("expected rank 2 or more"), std::string::npos);
  EXPECT_NE(refusal_of(node_of("InstanceNormalization"), {{4}, {4}, {4}}).find("expected rank 2 or more"), std::string::npos);
  EXPECT_NE(refusal_of(node_of("Concat", {{"axis", int64_t{0}}}), {{}, {}}).find("axis 0 does not exist in a tensor of rank 0"), std::string::npos);
  EXPECT_NE(refusal_of(node_of("Gather"), {{}, {2}}).find("axis 0 does not exist"), std::string::npos);
  EXPECT_NE(refusal_of(node_of("Transpose", {{"perm", std::vector<int64_t>{1, 7}}}), {{}}).find("no permutation of 0 dimensions"), std::string::npos);
  EXPECT_NE(refusal_of(node_of("ArgMax"), {{}}).find("axis 0 does not exist"), std::string::npos);
  EXPECT_NE(refusal_of(node_of("PRelu"), {{4}, {2, 1, 4}}).find("more dimensions than the activation"), std::string::npos);
  EXPECT_NE(refusal_of(node_of("Gemm"), {{2, 3}, {3, 4}, {2, 2, 4}}).find("the bias (2, 2, 4) does not fit"), std::string::npos);
  EXPECT_NE(refusal_of(node_of("Gemm"), {{1, 3}, {3, 4}, {5, 4}}).find("the bias (5, 4) does not fit"), std::string::npos);
  EXPECT_EQ(refusal_of(node_of("Gemm"), {{-1, 3}, {3, 4}, {1, 4}}), "");
}

/// What folding evaluates reaches the reference code by the same rules as what an engine runs.
TEST(Sizes, OfConstantsAreCheckedBeforeTheyAreFolded) {
  const auto fold = [](Node node, const std::vector<Tensor>& inputs) -> std::string {
    Graph graph;
    graph.opsets = {{"", 13}};
    for (size_t i = 0; i < inputs.size(); ++i) node.inputs.push_back(inputs[i].empty() ? "" : "i" + std::to_string(i));
    for (size_t i = 0; i < inputs.size(); ++i)
      if (!inputs[i].empty()) graph.initializers[node.inputs[i]] = inputs[i];
    node.outputs = {"y"};
    graph.nodes.push_back(std::move(node));
    try {
      fold_constants(graph);
    } catch (const ModelError& error) { return error.what(); }
    return "";
  };
  const auto one = Tensor::scalar(1.0F);
  EXPECT_NE(fold(node_of("DepthToSpace", {{"blocksize", int64_t{2}}}), {one}).find("expected rank 4"), std::string::npos);
  EXPECT_NE(fold(node_of("Split"), {Tensor()}).find("input 0 of Split is left out"), std::string::npos);
  EXPECT_NE(fold(node_of("Add"), {one, Tensor()}).find("input 1 of Add is left out"), std::string::npos);
  const auto wide = Tensor::of<double>({2}, {1.0, 2.0});
  EXPECT_NE(fold(node_of("Concat", {{"axis", int64_t{0}}}), {Tensor::of<float>({1}, {1.0F}), wide}).find("expected one type"), std::string::npos);
  const auto pads = Tensor::of<int64_t>({2}, {1, 1});
  EXPECT_NE(fold(node_of("Pad"), {wide, pads, Tensor::scalar<int8_t>(1)}).find("expected one type"), std::string::npos);
  EXPECT_NE(fold(node_of("Pad", {{"mode", std::string("edge")}}), {Tensor(Dtype::kF32, {0}), pads}).find("with values it has not"),
            std::string::npos);
  EXPECT_NE(fold(node_of("ConstantOfShape", {{"value", 1.0F}}), {pads}).find("no tensor of one element"), std::string::npos);
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

TEST(Lacks, OfANodeAreToldByName) {
  const auto refusal = [](int64_t opset, Node node, std::vector<std::string> outputs) -> std::string {
    Graph graph;
    graph.opsets = {{"", opset}};
    node.outputs = std::move(outputs);
    try {
      check_known(graph, node, "native");
    } catch (const Unsupported& error) { return error.what(); }
    return "";
  };
  const auto training =
      "[native] cannot run [BatchNormalization 'n']: training with the batch's own statistics (export the model for inference) has no code";
  EXPECT_EQ(refusal(15, node_of("BatchNormalization", {{"training_mode", int64_t{1}}}), {"y", "m", "v"}), training);
  EXPECT_EQ(refusal(9, node_of("BatchNormalization"), {"y", "m", "v", "sm", "sv"}), training);
  EXPECT_EQ(refusal(9, node_of("BatchNormalization"), {"y", "", ""}), "");
  EXPECT_EQ(refusal(15, node_of("BatchNormalization"), {"y"}), "");
  EXPECT_EQ(refusal(13, node_of("MaxPool"), {"y", "i"}), "[native] cannot run [MaxPool 'n']: the second output (indices) has no code");
  EXPECT_EQ(refusal(13, node_of("MaxPool"), {"y", ""}), "");
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
