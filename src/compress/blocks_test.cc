#include "compress/blocks.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"
#include "compress/remove_channels.h"
#include "onnx/onnx.h"
#include "optimise/test_graphs.h"

namespace scissionlite::compress {
namespace {

using testing_graphs::Ints;
using testing_graphs::Maker;
using testing_graphs::random_inputs;
using testing_graphs::run_nodes;

/// Two residual blocks behind a convolution, the second with a BatchNormalization at its end; then a residual that is none: its shortcut
/// is convolved.
Graph residual_net() {
  Maker m;
  auto x = m.op("Relu", {m.conv(m.input({-1, 3, 6, 6}), 3, 8)});
  x = m.op("Relu", {m.op("Add", {x, m.conv(m.op("Relu", {m.conv(x, 8, 4)}), 4, 8)})});
  x = m.op("Relu", {m.op("Add", {m.batch_norm(m.conv(x, 8, 8), 8), x})});
  x = m.op("Add", {m.conv(x, 8, 8, 1), m.conv(x, 8, 8)});
  return testing_graphs::with_output(m, m.op("GlobalAveragePool", {x}));
}

Graph plain_net() {
  Maker m;
  auto x = m.op("Relu", {m.batch_norm(m.conv(m.input({-1, 3, 6, 6}), 3, 8), 8)});
  x = m.op("Relu", {m.batch_norm(m.conv(x, 8, 8), 8)});
  x = m.op("Relu", {m.conv(x, 8, 8)});
  return testing_graphs::with_output(m, m.op("GlobalAveragePool", {x}));
}

std::map<std::string, float> gates_of(const std::vector<Block>& blocks, std::vector<float> values) {
  std::map<std::string, float> out;
  for (size_t i = 0; i < blocks.size(); ++i) out[blocks[i].name] = values[i];
  return out;
}

/// The gated graph with those gates.
Graph gated(const Graph& graph, const std::vector<Block>& blocks, const std::map<std::string, float>& gates) {
  Graph out = with_gates(graph, blocks);
  for (const auto& [name, gate] : gates) out.initializers.at(name) = Tensor::scalar(gate);
  return out;
}

TEST(Blocks, OfAResidualNetworkAreItsBlocksWithAPlainShortcut) {
  const auto graph = residual_net();
  const auto blocks = find_blocks(graph);
  ASSERT_EQ(blocks.size(), 2U);
  EXPECT_TRUE(blocks[0].is_residual);
  EXPECT_EQ(blocks[0].nodes.size(), 3U);
  EXPECT_EQ(blocks[1].nodes.size(), 2U);
}

TEST(Blocks, OfAPlainNetworkAreLayersThatKeepTheirShape) {
  const auto blocks = find_blocks(plain_net());
  ASSERT_EQ(blocks.size(), 2U);
  EXPECT_FALSE(blocks[0].is_residual);
  EXPECT_EQ(blocks[0].nodes.size(), 3U);  // with BatchNormalization and activation
}

class Gates : public testing::TestWithParam<std::tuple<bool, std::vector<float>>> {};

TEST_P(Gates, TakenOutLeaveWhatTheyMultiplied) {
  const auto& [is_plain, values] = GetParam();
  const auto graph = is_plain ? plain_net() : residual_net();
  const auto blocks = find_blocks(graph);
  const auto gates = gates_of(blocks, values);
  const auto inputs = random_inputs(graph);
  const auto with = gated(graph, blocks, gates);
  const auto without = without_gates(with_gates(graph, blocks), blocks, gates);
  const auto expected = run_nodes(with, inputs)[0], answer = run_nodes(without, inputs)[0];
  EXPECT_LE(max_relative_error(answer, expected), 1e-5);
  for (const auto& node : without.nodes) EXPECT_NE(node.op_type, "Mul");
  EXPECT_EQ(parameter_count(without) < parameter_count(graph), std::count(values.begin(), values.end(), 0) > 0);
  if (values == std::vector<float>{1, 1}) { EXPECT_TRUE(bit_equal(answer, run_nodes(graph, inputs)[0])); }
}

INSTANTIATE_TEST_SUITE_P(Blocks, Gates,
                         testing::Combine(testing::Values(false, true), testing::Values(std::vector<float>{1, 1}, std::vector<float>{0, 1},
                                                                                        std::vector<float>{1, 0}, std::vector<float>{0, 0})));
INSTANTIATE_TEST_SUITE_P(Between, Gates,
                         testing::Combine(testing::Values(false), testing::Values(std::vector<float>{0.5F, 0.25F}, std::vector<float>{0, 1.5F})));

TEST(Blocks, OfPlainLayersAreThereOrNot) {
  const auto graph = plain_net();
  const auto blocks = find_blocks(graph);
  EXPECT_THROW((void)without_gates(with_gates(graph, blocks), blocks, gates_of(blocks, {0.5F, 1})), InvalidArgument);
  EXPECT_THROW((void)without_gates(with_gates(graph, blocks), blocks, {}), InvalidArgument);
}

TEST(Blocks, OfTrainedModelsAreThoseOfTheirArchitectures) {
  const char* data = std::getenv("SCISSIONLITE_TEST_DATA");
  if (!data || !*data) GTEST_SKIP() << "SCISSIONLITE_TEST_DATA names no folder of real models";
  const auto count = [&](const char* model) { return find_blocks(load_model(fs::path(data) / "models" / model)).size(); };
  EXPECT_EQ(count("resnet20_cifar10.onnx"), 9U - 2U);  // two shortcuts change the width
  EXPECT_EQ(count("resnet56_cifar10.onnx"), 27U - 2U);
  EXPECT_EQ(count("mobilenetv2_1.0.onnx"), 10U);
  EXPECT_EQ(count("resnet50_pruned_q8w.onnx"), 16U - 4U);
}

}  // namespace
}  // namespace scissionlite::compress
