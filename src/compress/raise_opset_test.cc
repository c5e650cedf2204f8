#include "compress/raise_opset.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "optimise/test_graphs.h"

namespace scissionlite::compress {
namespace {

using testing_graphs::Ints;
using testing_graphs::Maker;
using testing_graphs::random_inputs;
using testing_graphs::run_nodes;
using Floats = std::vector<float>;

/// Reference code reads both: what it gives must be equal to the bit.
void expect_same(const Graph& graph) {
  const auto raised = raise_opset(graph);
  EXPECT_EQ(raised.opset(), kRaisedOpset);
  const auto inputs = random_inputs(graph);
  const auto before = run_nodes(graph, inputs), after = run_nodes(raised, inputs);
  ASSERT_EQ(before.size(), after.size());
  for (size_t i = 0; i < before.size(); ++i) EXPECT_TRUE(bit_equal(before[i], after[i])) << graph.opset() << " output " << i;
}

/// What all opsets of 7 to 12 say in the same way, and in one of their own each.
TEST(RaiseOpset, KeepsWhatOperatorsGive) {
  for (int64_t opset = 7; opset <= 12; ++opset) {
    Maker m(opset);
    auto x = m.clip(m.op("Relu", {m.batch_norm(m.conv(m.input({2, 3, 8, 8}), 3, 4), 4)}), 0.1F, 0.9F);
    x = m.pad(x, {0, 0, 1, 1, 0, 0, 1, 1}, 0.25F);
    x = opset < 10 ? m.op("Slice", {x}, {{"axes", Ints{2, 3}}, {"starts", Ints{0, 1}}, {"ends", Ints{10, 9}}})
                   : m.op("Slice", {x, m.ints({0, 1}), m.ints({10, 9}), m.ints({2, 3})});
    m.output(x);
    const auto parts = m.ops("Split", {x}, 2, {{"axis", int64_t{1}}, {"split", Ints{1, 3}}});
    m.output(parts[1]);
    if (opset < 12) x = m.op("Dropout", {parts[0]}, {{"ratio", 0.5F}});
    x = m.op("Unsqueeze", {m.op("Squeeze", {m.op("Identity", {parts[0]})}, {{"axes", Ints{1}}})}, {{"axes", Ints{1}}});
    m.output(m.op("ReduceSum", {x}, {{"axes", Ints{2}}, {"keepdims", int64_t{0}}}));
    if (opset < 9) m.output(m.op("Upsample", {x}, {{"scales", Floats{1, 1, 2, 2}}, {"mode", std::string("nearest")}}));
    if (opset == 9) m.output(m.op("Upsample", {x, m.constant(Tensor::of<float>({4}, {1, 1, 2, 2}))}, {{"mode", std::string("linear")}}));
    if (opset == 10) m.output(m.op("Resize", {x, m.constant(Tensor::of<float>({4}, {1, 1, 2, 2}))}, {{"mode", std::string("linear")}}));
    if (opset >= 11)
      m.output(m.op("Resize", {x, m.constant(Tensor(Dtype::kF32, {0})), m.constant(Tensor::of<float>({4}, {1, 1, 2, 2}))},
                    {{"mode", std::string("nearest")}}));
    m.output(m.op("Softmax", {parts[1]}));                             // over all but the batch
    m.output(m.op("LogSoftmax", {parts[1]}, {{"axis", int64_t{3}}}));  // over the last
    expect_same(m.finish());
  }
}

TEST(RaiseOpset, LeavesNewerGraphsAlone) {
  Maker m(14);
  const auto graph = testing_graphs::with_output(m, m.op("Softmax", {m.input({2, 3, 4})}));
  EXPECT_EQ(raise_opset(graph).opset(), 14);
  EXPECT_EQ(raise_opset(graph).nodes.size(), 1U);
}

std::string refusal(const Graph& graph) {
  try {
    (void)raise_opset(graph);
  } catch (const Unsupported& error) { return error.what(); }
  return "";
}

TEST(RaiseOpset, RefusesWhatItDoesNotKnow) {
  Maker m(9);
  const auto x = m.input({2, 3, 4, 4});
  const auto unknown = testing_graphs::with_output(m, m.op("Scan", {x}));
  EXPECT_NE(refusal(unknown).find("how operator 'Scan' changes between opset 9 and 13 is not known"), std::string::npos);
  Maker n(8);
  auto graph = testing_graphs::with_output(n, n.batch_norm(n.input({2, 3, 4, 4}), 3));
  graph.nodes[0].attributes["spatial"] = int64_t{0};
  EXPECT_NE(refusal(graph).find("spatial=0"), std::string::npos);
}

}  // namespace
}  // namespace scissionlite::compress
