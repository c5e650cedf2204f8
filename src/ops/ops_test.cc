#include "ops/ops.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace scissionlite::ops {
namespace {

/// A graph of one node with `count` inputs of 1 x 1 x 1 x 1.
Graph graph_of(const Operator& op, size_t count) {
  Graph g;
  g.opsets = {{"", 13}, {op.domain, 13}};
  Node node{.name = "it", .op_type = op.type, .domain = op.domain, .inputs = {}, .outputs = {"y"}, .attributes = {}, .doc = ""};
  for (size_t i = 0; i < count; ++i) {
    node.inputs.push_back("x" + std::to_string(i));
    g.inputs.push_back({.name = node.inputs.back(), .dtype = Dtype::kF32, .shape = {1, 1, 1, 1}, .has_shape = true, .symbols = {}});
  }
  g.nodes = {node};
  g.outputs = {{.name = "y", .dtype = Dtype::kF32, .shape = {}, .has_shape = false, .symbols = {}}};
  return g;
}

TEST(Operators, ANodeWithTooFewInputsIsRefusedByName) {
  for (const auto* op : all())
    for (size_t count = 0; count < op->min_inputs; ++count) {
      auto graph = graph_of(*op, count);
      try {
        infer_shapes(graph);
        ADD_FAILURE() << op->type << " with " << count << " inputs was taken";
      } catch (const ModelError& e) {
        const std::string message = e.what();
        EXPECT_NE(message.find("it"), std::string::npos) << message;
        EXPECT_NE(message.find(op->type + " has " + std::to_string(count) + " input"), std::string::npos) << message;
        EXPECT_NE(message.find("expected at least " + std::to_string(op->min_inputs)), std::string::npos) << message;
      }
      EXPECT_EQ(node_macs(graph), std::vector<int64_t>{0}) << op->type;
      const std::vector<Tensor> inputs(count, Tensor::of<float>({1, 1, 1, 1}, {1.0F}));
      EXPECT_THROW((void)run_node(graph, graph.nodes[0], inputs), ModelError) << op->type;
    }
}

// What an operator reads without asking is what it demands: with so many inputs of any shape it answers or refuses, and reads nothing beyond them
// (sanitizers see).
TEST(Operators, WithTheLeastInputsNothingIsReadBeyondThem) {
  for (const auto* op : all()) {
    auto graph = graph_of(*op, op->min_inputs);
    try {
      infer_shapes(graph);
      (void)node_macs(graph);
    } catch (const Error&) {}
  }
}

}  // namespace
}  // namespace scissionlite::ops
