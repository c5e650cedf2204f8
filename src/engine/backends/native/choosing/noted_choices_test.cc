// What a selection noted is done again, and nothing else: changed notes are obeyed, missing ones are refused.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "base/test_messages.h"
#include "engine/backends/native/compiled/compilation.h"
#include "engine/backends/native/lowering/lowering.h"
#include "engine/backends/native/test_native.h"
#include "kernels/vector/loops.h"
#include "optimise/test_graphs.h"

namespace scissionlite::native {
namespace {

using testing_graphs::Maker;

const int64_t kSide = testing_native::chain_side();

/// A convolution, an activation of its own, and a chain that pays.
Graph network() {
  Maker m;
  const auto x = m.input({1, 16, kSide, kSide});
  const auto first = m.op("Sigmoid", {m.op("GlobalAveragePool", {m.conv(x, 16, 16, 3)})});
  const auto wide = m.op("Relu", {m.conv(m.op("Mul", {x, first}), 16, 96, 1)});
  const auto deep = m.op("Relu", {m.conv(wide, 96, 96, 3, {{"group", int64_t{96}}})});
  m.output(m.conv(deep, 96, 16, 1));
  return m.finish();
}

class NotedChoices : public testing::Test {
 protected:
  NotedChoices() : graph_(specialise(network(), {{1, 16, kSide, kSide}})) {
    first_ = lower(graph_, {.loops = &kernels::best_loops(), .store = &packed_, .note = &notes_});
  }
  [[nodiscard]] Program again() { return lower(graph_, {.loops = &kernels::best_loops(), .store = &packed_, .repeat = &notes_}); }
  /// The only decision about something of this kind.
  [[nodiscard]] Decision& decision(const std::string& kind) {
    const auto it =
        std::find_if(notes_.decisions.begin(), notes_.decisions.end(), [&](const auto& one) { return one.first.starts_with(kind + " at "); });
    if (it == notes_.decisions.end()) throw InternalError("no " + kind + " was noted");
    return it->second;
  }
  [[nodiscard]] static bool has_step(const Program& program, const std::string& implementation) {
    return std::any_of(program.steps.begin(), program.steps.end(), [&](const Step& step) { return step.implementation == implementation; });
  }

  Graph graph_;
  kernels::PackedInMemory packed_;
  Lowered notes_;
  Program first_;
};

TEST_F(NotedChoices, AreRepeatedWithTheirReasons) {
  const auto second = again();
  ASSERT_EQ(second.steps.size(), first_.steps.size());
  for (size_t i = 0; i < first_.steps.size(); ++i) {
    EXPECT_EQ(second.steps[i].implementation, first_.steps[i].implementation);
    EXPECT_EQ(second.steps[i].reason, first_.steps[i].reason);
  }
  EXPECT_EQ(second.arena_bytes, first_.arena_bytes);
  EXPECT_NE(decision("chain").reason.find("stay in the cache; else "), std::string::npos) << decision("chain").reason;
  EXPECT_NE(decision("convolution").reason.find("million cycles"), std::string::npos);
}

TEST_F(NotedChoices, AreObeyed) {
  auto& convolution = decision("convolution");
  const auto problem = kernels::ConvProblem{1, 16, kSide, kSide, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  const auto* other = &kernels::conv_implementation(convolution.implementation == "direct" ? "winograd" : "direct");
  convolution = {other->name, other->usual(problem, kernels::best_loops()), "because"};
  decision("chain").knobs = {{"nodes", 2}, {"rows", 5}};
  const auto& last = graph_.nodes.back();
  const auto expand = std::find_if(graph_.nodes.begin(), graph_.nodes.end(), [](const Node& node) { return node.op_type == "FusedConv"; });
  ASSERT_NE(expand, graph_.nodes.end());
  ASSERT_EQ(notes_.decisions.count("chain at " + last.outputs[0]), 1U);
  const auto& direct = kernels::conv_implementation("direct");
  notes_.decisions["convolution at " + expand->outputs[0]] = {
      "direct", direct.usual({1, 16, kSide, kSide, 96, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1}, kernels::best_loops()), ""};
  const auto program = again();
  EXPECT_TRUE(has_step(program, kernels::describe(convolution.implementation, convolution.knobs)));
  EXPECT_TRUE(has_step(program, "chain of 2 rows=5"));
  EXPECT_TRUE(std::any_of(program.steps.begin(), program.steps.end(), [](const Step& step) { return step.reason == "because"; }));
}

TEST_F(NotedChoices, ThatAreMissingOrNoneAreRefused) {
  const auto refusal = [&] { return message_of([&] { (void)again(); }); };
  const auto whole = notes_.decisions;
  decision("form").implementation = "sideways";
  EXPECT_NE(refusal().find("does not say how to compute ["), std::string::npos) << refusal();
  notes_.decisions = whole;
  decision("chain").knobs = {{"nodes", 7}, {"rows", 2}};
  EXPECT_NE(refusal().find("compile it again with this version"), std::string::npos) << refusal();
  notes_.decisions.clear();
  EXPECT_NE(refusal().find("does not say how to compute ["), std::string::npos) << refusal();
}

}  // namespace
}  // namespace scissionlite::native
