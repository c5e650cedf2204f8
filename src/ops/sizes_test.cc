// Sizes that do not fit are refused by the shape rules, once for all engines; integers that have no answer end nobody.
#include <gtest/gtest.h>

#include <climits>
#include <functional>

#include "base/error.h"
#include "ops/ops.h"

namespace scissionlite::ops {
namespace {

std::string refusal_of(Node node, const std::vector<Shape>& inputs) {
  Graph graph;
  graph.opsets = {{"", 13}};
  for (size_t i = 0; i < inputs.size(); ++i) {
    node.inputs.push_back("i" + std::to_string(i));
    ValueInfo info;
    info.name = node.inputs.back(), info.dtype = Dtype::kF32, info.has_shape = true, info.shape = inputs[i];
    graph.inputs.push_back(info);
  }
  node.outputs = {"y"};
  graph.nodes.push_back(std::move(node));
  ValueInfo out;
  out.name = "y";
  graph.outputs.push_back(out);
  try {
    infer_shapes(graph);
  } catch (const ModelError& error) {
    return error.what();
  }
  return "";
}

Node node_of(const std::string& type, std::map<std::string, Attribute> attributes = {}) {
  Node node;
  node.op_type = type, node.name = "n", node.attributes = std::move(attributes);
  return node;
}

TEST(Sizes, OfConstantsThatBelongToChannels) {
  EXPECT_NE(refusal_of(node_of("BatchNormalization"), {{1, 4, 2, 2}, {4}, {4}, {4000}, {4}}).find("the mean has 4000 values, expected one for each of 4 channels"), std::string::npos);
  EXPECT_NE(refusal_of(node_of("BatchNormalization"), {{1, 4, 2, 2}, {3}, {4}, {4}, {4}}).find("the scale has 3 values"), std::string::npos);
  EXPECT_NE(refusal_of(node_of("InstanceNormalization"), {{1, 4, 2, 2}, {4}, {2}}).find("the shift has 2 values"), std::string::npos);
  EXPECT_NE(refusal_of(node_of("Conv"), {{1, 3, 8, 8}, {4, 3, 3, 3}, {2}}).find("the bias has 2 values, expected one for each of 4 channels"), std::string::npos);
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
