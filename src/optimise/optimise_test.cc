#include "optimise/optimise.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/test_messages.h"
#include "optimise/test_cases.h"

namespace scissionlite {
namespace {

using namespace testing_graphs;

const Pass& pass_named(const std::string& name) {
  for (const auto& pass : all_passes())
    if (pass.name == name) return pass;
  throw InvalidArgument("no pass '" + name + "'");
}

/// Runs a pass until it has nothing to do.
int run_to_the_end(const std::string& name, Graph& graph) {
  int rewrites = 0;
  while (const int more = pass_named(name).run(graph)) {
    rewrites += more;
    graph.check();
    ops::infer_shapes(graph);
  }
  return rewrites;
}

void expect_same_interface(const Graph& before, const Graph& after) {
  for (const auto list : {&Graph::inputs, &Graph::outputs}) {
    ASSERT_EQ((after.*list).size(), (before.*list).size());
    for (size_t i = 0; i < (before.*list).size(); ++i) {
      EXPECT_EQ((after.*list)[i].name, (before.*list)[i].name);
      EXPECT_EQ((after.*list)[i].dtype, (before.*list)[i].dtype);
      EXPECT_EQ((after.*list)[i].shape, (before.*list)[i].shape);
    }
  }
}

/// One step of a byte, of the largest value of the cases, where operators of bytes are formed: halves round differently.
constexpr double kOneStep = 2.6e-2;

void expect_same_results(const Graph& before, const Graph& after, double tolerance = 1e-5) {
  const auto inputs = random_inputs(before);
  const auto expected = run_nodes(before, inputs), answers = run_nodes(after, inputs);
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(answers[i].shape(), expected[i].shape()) << i;
    EXPECT_EQ(answers[i].dtype(), expected[i].dtype()) << i;
    EXPECT_LE(max_relative_error(answers[i].to_f32(), expected[i].to_f32()), tolerance) << i;
  }
}

Graph made(const Case& c) {
  Maker maker(c.opset);
  c.make(maker);
  return maker.finish();
}

/// Of whole graphs of bytes sums in integers and in floats may round to neighbouring codes.
double tolerance_of(const Case& c) { return c.pass == "form_quantised" || c.pass == "order_quantised" ? kOneStep : 1e-5; }

class EveryCase : public testing::TestWithParam<Case> {};

TEST_P(EveryCase, RewritesWhatItShouldAndKeepsTheResults) {
  SCOPED_TRACE(GetParam().pass + ": " + GetParam().what);
  const Graph before = made(GetParam());
  Graph after = before;
  EXPECT_EQ(run_to_the_end(GetParam().pass, after), GetParam().rewrites);
  expect_same_interface(before, after);
  expect_same_results(before, after, tolerance_of(GetParam()));
}

TEST_P(EveryCase, AllPassesTogetherKeepTheResults) {
  SCOPED_TRACE(GetParam().pass + ": " + GetParam().what);
  const Graph before = made(GetParam());
  Graph after = before;
  optimise(after, {.leave_out = {}, .choose = {"fuse_depthwise_pointwise"}});
  expect_same_interface(before, after);
  expect_same_results(before, after, tolerance_of(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Cases, EveryCase, testing::ValuesIn(all_cases()),
                         [](const auto& info) { return info.param.pass + "_" + std::to_string(info.index); });

TEST(Passes, EachOfTheTableHasACaseWhereItFiresAndOneWhereItMustNot) {
  const auto cases = all_cases();
  for (const auto& pass : all_passes()) {
    EXPECT_TRUE(std::any_of(cases.begin(), cases.end(), [&](const Case& c) { return c.pass == pass.name && c.rewrites > 0; })) << pass.name;
    EXPECT_TRUE(std::any_of(cases.begin(), cases.end(), [&](const Case& c) { return c.pass == pass.name && c.rewrites == 0; })) << pass.name;
    EXPECT_FALSE(pass.summary.empty());
  }
}

std::vector<std::string> types_of(const Graph& graph) {
  std::vector<std::string> out;
  for (const auto& node : graph.nodes) out.push_back(node.op_type);
  return out;
}

/// A block as MobileNetV3 has them, as exporters write it.
Graph block() {
  Maker m;
  const auto x = m.input({-1, 4, 6, 6});
  const auto wide = m.batch_norm(m.conv(x, 4, 8, 1, {}, /*bias=*/false), 8);
  const auto swish = m.op("Mul", {wide, m.op("Div", {m.clip(m.op("Add", {wide, m.scalar(3)}), 0, 6), m.scalar(6)})});
  const auto deep = m.clip(
      m.batch_norm(m.conv(m.pad(swish, {0, 0, 1, 1, 0, 0, 1, 1}), 8, 8, 3, {{"group", int64_t{8}}, {"pads", Ints(4, 0)}}, /*bias=*/false), 8), 0, 6);
  const auto sum = m.op("Add", {m.batch_norm(m.conv(deep, 8, 4, 1), 4), x});
  const auto pooled = m.op("ReduceMean", {m.op("Identity", {sum})}, {{"axes", Ints{2, 3}}, {"keepdims", int64_t{0}}});
  m.output(m.op("Add", {m.op("MatMul", {pooled, m.weights({4, 3})}), m.weights({3})}));
  return m.finish();
}

TEST(Optimise, MakesAFewFusedNodesOfABlock) {
  const Graph before = block();
  Graph after = before;
  optimise(after);
  EXPECT_EQ(types_of(after), (std::vector<std::string>{"FusedConv", "FusedConv", "FusedConv", "GlobalAveragePool", "Flatten", "Gemm"}));
  EXPECT_EQ(after.nodes[0].text_attribute("activation", ""), "HardSwish");
  EXPECT_EQ(after.nodes[1].text_attribute("activation", ""), "Clip");
  EXPECT_EQ(after.nodes[1].ints_attribute("pads"), Ints(4, 1));
  EXPECT_EQ(after.nodes[2].inputs[3], "x0");
  EXPECT_EQ(after.opset("scissionlite"), 1);
  expect_same_results(before, after);
}

TEST(Optimise, AGateBehindAConvolutionIsOneNode) {
  Maker m;
  const auto ramp = m.clip(m.op("Add", {m.batch_norm(m.conv(m.input({-1, 4, 1, 1}), 4, 8, 1), 8), m.scalar(3)}), 0, 6);
  m.output(m.op("Div", {ramp, m.scalar(6)}));
  const Graph before = m.finish();
  Graph after = before;
  optimise(after);
  EXPECT_EQ(types_of(after), std::vector<std::string>{"FusedConv"});
  EXPECT_EQ(after.nodes[0].text_attribute("activation", ""), "HardSigmoid");
  expect_same_results(before, after);
}

TEST(Optimise, DepthwiseAndPointwiseBecomeOneWhenChosen) {
  const Graph before = block();
  Graph after = before;
  optimise(after, {.leave_out = {}, .choose = {"fuse_depthwise_pointwise"}});
  EXPECT_EQ(types_of(after), (std::vector<std::string>{"FusedConv", "FusedDepthwisePointwise", "GlobalAveragePool", "Flatten", "Gemm"}));
  EXPECT_EQ(after.nodes[1].text_attribute("dw_activation", ""), "Clip");
  EXPECT_EQ(after.nodes[1].inputs.size(), 6u);
  expect_same_results(before, after);
}

TEST(Optimise, AFilterChoosesPairs) {
  Graph graph = block();
  optimise(graph);
  EXPECT_EQ(fuse_depthwise_pointwise(graph, [](const Node&, const Node&) { return false; }), 0);
  EXPECT_EQ(fuse_depthwise_pointwise(graph, [](const Node& depthwise, const Node&) { return depthwise.int_attribute("group", 1) == 8; }), 1);
}

TEST(Optimise, KeepsTheCostInMultiplyAccumulates) {
  Graph before = block(), after = before;
  for (auto* graph : {&before, &after}) graph->inputs[0].shape[0] = 1;
  for (auto* graph : {&before, &after}) ops::infer_shapes(*graph);
  optimise(after, {.leave_out = {}, .choose = {"fuse_depthwise_pointwise"}});
  const auto total = [](const Graph& graph) {
    int64_t sum = 0;
    for (int64_t macs : ops::node_macs(graph)) sum += macs;
    return sum;
  };
  EXPECT_EQ(total(after), total(before));
}

TEST(Optimise, TypesOfAllValuesAreKnownAfterwards) {
  Graph graph = block();
  optimise(graph);
  for (const auto& node : graph.nodes) EXPECT_TRUE(graph.find_value(node.outputs[0]) && graph.find_value(node.outputs[0])->has_shape) << node.label();
  EXPECT_EQ(graph.values.size(), graph.nodes.size());
}

TEST(Optimise, ReportsFollowEachOther) {
  Graph graph = block();
  const size_t nodes = graph.nodes.size();
  const auto reports = optimise(graph);
  ASSERT_FALSE(reports.empty());
  EXPECT_EQ(reports.front().nodes_before, nodes);
  for (size_t i = 1; i < reports.size(); ++i) EXPECT_EQ(reports[i].nodes_before, reports[i - 1].nodes_after) << reports[i].pass;
  EXPECT_EQ(reports.back().nodes_after, graph.nodes.size());
}

TEST(Optimise, ASecondCallFindsNothing) {
  Graph graph = block();
  optimise(graph);
  for (const auto& report : optimise(graph)) EXPECT_EQ(report.rewrites, 0) << report.pass;
}

TEST(Optimise, GivesTheSameGraphEachTime) {
  Graph a = block(), b = block();
  optimise(a);
  optimise(b);
  ASSERT_EQ(types_of(a), types_of(b));
  for (size_t i = 0; i < a.nodes.size(); ++i) {
    EXPECT_EQ(a.nodes[i].inputs, b.nodes[i].inputs);
    EXPECT_EQ(a.nodes[i].outputs, b.nodes[i].outputs);
  }
}

TEST(Optimise, APassThatIsLeftOutDoesNotRun) {
  Graph graph = block();
  for (const auto& report : optimise(graph, {.leave_out = {"fuse_conv"}, .choose = {}})) EXPECT_NE(report.pass, "fuse_conv");
  for (const auto& node : graph.nodes) EXPECT_NE(node.op_type, "FusedConv");
}

TEST(Optimise, UnknownNamesAreRefusedWithTheNearest) {
  Graph graph = block();
  const auto left_out = message_of([&] { optimise(graph, {.leave_out = {"fuse_cov"}, .choose = {}}); });
  EXPECT_NE(left_out.find("unknown pass to leave out 'fuse_cov'; did you mean 'fuse_conv'?"), std::string::npos) << left_out;
  const auto chosen = message_of([&] { optimise(graph, {.leave_out = {}, .choose = {"fuse_conv"}}); });
  EXPECT_NE(chosen.find("unknown pass to choose 'fuse_conv'"), std::string::npos) << chosen;
}

/// Below opset 14 its outputs say that it trains: without them it would be another function, that of running statistics.
TEST(Optimise, LeavesBatchNormalizationThatTrainsWithItsOutputs) {
  for (const int64_t opset : {9, 15}) {
    Maker m(opset);
    const auto x = m.conv(m.input({2, 4, 6, 5}), 4, 8);
    const auto outputs = m.ops("BatchNormalization", {x, m.weights({8}, 1, 2), m.weights({8}), m.weights({8}), m.weights({8}, 1, 2)},
                               opset < 14 ? 5 : 3, opset < 14 ? Attributes{} : Attributes{{"training_mode", int64_t{1}}});
    m.output(m.op("Relu", {outputs[0]}));
    Graph graph = m.finish();
    optimise(graph);
    ASSERT_EQ(types_of(graph), (std::vector<std::string>{"Conv", "BatchNormalization", "Relu"})) << opset;
    EXPECT_EQ(graph.nodes[1].outputs, outputs) << opset;
  }
}

TEST(Optimise, LeavesOperatorsItDoesNotKnow) {
  Maker m;
  const auto y = m.op("Relu", {m.op("Warp", {m.conv(m.input({1, 4, 6, 5}), 4, 4)})});
  m.output(y);
  Graph graph = m.finish();
  optimise(graph);
  EXPECT_EQ(types_of(graph), (std::vector<std::string>{"Conv", "Warp", "Relu"}));
}

}  // namespace
}  // namespace scissionlite
