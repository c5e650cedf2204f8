#include "graph/cuts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "base/text.h"
#include "graph/data_flow.h"
#include "graph/random_graph.h"
#include "graph/slice.h"

namespace scissionlite {
namespace {

Node node(const std::string& type, std::vector<std::string> inputs, std::vector<std::string> outputs) {
  return {"", type, "", std::move(inputs), std::move(outputs), {}, ""};
}

ValueInfo info(const std::string& name, Shape shape) { return {name, Dtype::kF32, std::move(shape), true, {}}; }

/// x -> a -> (b -> c, skip a) -> d -> e, with shapes that make the skip cheap or dear.
Graph residual(int64_t channels_b) {
  Graph g;
  g.name = "residual";
  g.opsets = {{"", 13}};
  g.inputs = {info("x", {1, 3, 8, 8})};
  g.outputs = {info("e", {1, 10})};
  g.nodes = {node("Relu", {"x"}, {"a"}), node("Conv", {"a"}, {"b"}), node("Conv", {"b"}, {"c"}), node("Add", {"a", "c"}, {"d"}),
             node("Flatten", {"d"}, {"e"})};
  g.values = {
      {"a", info("a", {1, 16, 8, 8})}, {"b", info("b", {1, channels_b, 8, 8})}, {"c", info("c", {1, 16, 8, 8})}, {"d", info("d", {1, 16, 8, 8})}};
  return g;
}

std::vector<std::string> ids(const std::vector<Cut>& cuts) {
  std::vector<std::string> out;
  for (const auto& cut : cuts) out.push_back(join(cut.tensors, "+"));
  return out;
}

TEST(Cuts, ChainIsCutAfterEveryNodeButTheLast) {
  Graph g = residual(4);
  g.nodes.erase(g.nodes.begin() + 3);
  g.nodes.back().inputs = {"c"};
  EXPECT_EQ(ids(find_cuts(g)), (std::vector<std::string>{"a", "b", "c"}));
}

TEST(Cuts, SkipNeedsBothTensors) {
  const auto cuts = find_cuts(residual(4));
  EXPECT_EQ(ids(cuts), (std::vector<std::string>{"a", "a+b", "d"}));
  EXPECT_EQ(cuts[1].bytes, (16 + 4) * 8 * 8 * 4);
  EXPECT_EQ(cuts[1].position, 2);
}

TEST(Cuts, PublishedRuleGivesSingleTensorsOnly) { EXPECT_EQ(ids(find_cuts(residual(4), {.max_tensors = 1})), (std::vector<std::string>{"a", "d"})); }

TEST(Cuts, SaysWhyNotRoundAnInputOrASibling) {
  Graph g = residual(4);
  g.inputs.push_back(info("meta", {1, 10}));
  g.nodes.push_back(node("Add", {"e", "meta"}, {"f"}));
  g.outputs = {info("f", {1, 10})};
  EXPECT_NE(why_not_a_cut(g, "a").find("'meta' goes round it into Add"), std::string::npos);
  Graph halves = residual(4);
  halves.nodes = {node("Split", {"x"}, {"a", "b"}), node("Sigmoid", {"b"}, {"c"}), node("Mul", {"a", "c"}, {"d"}), node("Flatten", {"d"}, {"e"})};
  EXPECT_NE(why_not_a_cut(halves, "a").find("'b' goes round it into Sigmoid"), std::string::npos);
  EXPECT_EQ(ids(find_cuts(halves, {.max_tensors = 1})), (std::vector<std::string>{"d"}));
}

TEST(Cuts, EveryValueIsACutOrHasAReason) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    Rng rng(seed);
    const Graph g = random_graph(rng);
    const auto singles = ids(find_cuts(g, {.max_tensors = 1}));
    for (const auto& value : data_flow(g).values) {
      const bool is_cut = std::find(singles.begin(), singles.end(), value.name) != singles.end();
      EXPECT_EQ(why_not_a_cut(g, value.name).empty(), is_cut) << "seed " << seed << ", value " << value.name << ": " << why_not_a_cut(g, value.name);
    }
  }
}

TEST(Cuts, SaysWhyNot) {
  const Graph g = residual(4);
  EXPECT_EQ(why_not_a_cut(g, "a"), "");
  EXPECT_NE(why_not_a_cut(g, "b").find("'a' goes round it into Add"), std::string::npos) << why_not_a_cut(g, "b");
  EXPECT_NE(why_not_a_cut(g, "x").find("is an input"), std::string::npos);
  EXPECT_NE(why_not_a_cut(g, "e").find("is an output"), std::string::npos);
  EXPECT_NE(why_not_a_cut(g, "nowhere").find("not a value"), std::string::npos);
}

TEST(Cuts, ConstantsAreNeverCutsAndNeverHinderOne) {
  Graph g = residual(4);
  g.nodes.insert(g.nodes.begin(), node("Constant", {}, {"k"}));
  g.nodes[2].inputs.push_back("k");
  g.nodes[3].inputs.push_back("k");  // read on both sides of the cut
  EXPECT_EQ(ids(find_cuts(g)), (std::vector<std::string>{"a", "a+b", "d"}));
  const auto slices = cut_graph(g, {"a", "b"});
  EXPECT_EQ(slices.head.nodes.size(), 3u);  // Constant comes along
  EXPECT_EQ(slices.tail.nodes.size(), 4u);
}

TEST(Cuts, AWrongCutNamesThePathThatGoesRound) {
  try {
    (void)cut_graph(residual(4), {"b"});
    FAIL() << "expected InvalidArgument";
  } catch (const InvalidArgument& e) { EXPECT_NE(std::string(e.what()).find("also depends on input 'x'"), std::string::npos) << e.what(); }
}

TEST(Cuts, FindsByIdOrTensorsAndSuggests) {
  const auto cuts = find_cuts(residual(4));
  EXPECT_EQ(find_cut(cuts, "b+a").tensors, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(find_cut(cuts, cuts[1].id).tensors, (std::vector<std::string>{"a", "b"}));
  try {
    (void)find_cut(cuts, "a+v");
    FAIL();
  } catch (const InvalidArgument& e) { EXPECT_NE(std::string(e.what()).find("did you mean"), std::string::npos) << e.what(); }
}

// ---- properties, against brute force ----

/// Whether every path from an input to an output crosses `set`.
bool separates(const DataFlow& flow, const std::vector<int>& set) {
  std::vector<bool> blocked(flow.values.size(), false), seen(flow.values.size(), false);
  for (int v : set) blocked[static_cast<size_t>(v)] = true;
  std::vector<int> todo;
  for (size_t v = 0; v < flow.values.size(); ++v)
    if (flow.values[v].is_input) todo.push_back(static_cast<int>(v));
  while (!todo.empty()) {
    const int v = todo.back();
    todo.pop_back();
    if (blocked[static_cast<size_t>(v)] || seen[static_cast<size_t>(v)]) continue;
    seen[static_cast<size_t>(v)] = true;
    if (flow.values[static_cast<size_t>(v)].is_output) return false;
    for (int use : flow.uses[static_cast<size_t>(v)]) todo.push_back(use);
  }
  return true;
}

class RandomCuts : public testing::TestWithParam<int> {
 protected:
  Graph make() const {
    Rng rng(static_cast<uint64_t>(GetParam()));
    RandomGraphOptions options;
    options.nodes = 4 + static_cast<int>(rng.below(14));
    options.skip_probability = rng.uniform(0.0, 0.6);
    Graph g = random_graph(rng, options);
    for (auto& [name, value] : g.values) value.shape = {1, 1 + static_cast<int64_t>(rng.below(20)), 2, 2};
    return g;
  }
};

TEST_P(RandomCuts, SingleCutsAreExactlyTheSeparators) {
  const Graph g = make();
  const auto flow = data_flow(g);
  std::vector<std::string> expected;
  for (size_t v = 0; v < flow.values.size(); ++v)
    if (!flow.values[v].is_input && !flow.values[v].is_output && separates(flow, {static_cast<int>(v)})) expected.push_back(flow.values[v].name);
  EXPECT_EQ(ids(find_cuts(g, {.max_tensors = 1})), expected) << "seed " << GetParam();
  for (const auto& value : flow.values)
    EXPECT_EQ(why_not_a_cut(g, value.name).empty(), std::count(expected.begin(), expected.end(), value.name) == 1) << value.name;
}

TEST_P(RandomCuts, EveryCutSplitsTheNodesInTwo) {
  const Graph g = make();
  const auto flow = data_flow(g);
  for (const auto& cut : find_cuts(g)) {
    const auto slices = cut_graph(g, cut.tensors);
    slices.head.check();
    slices.tail.check();
    EXPECT_EQ(slices.head.nodes.size() + slices.tail.nodes.size(), flow.nodes.size()) << "seed " << GetParam() << " cut " << cut.id;
    EXPECT_EQ(static_cast<int64_t>(slices.head.nodes.size()), cut.position);
    EXPECT_LE(cut.tensors.size(), 3u);
    const Graph whole = join(slices.head, slices.tail);
    whole.check();
    EXPECT_EQ(whole.nodes.size(), flow.nodes.size());
  }
}

/// Values that cross when the head is the first `before` nodes and those of the `mask` after them; empty when some node of
/// the head would lack an input, or an input or output of the graph would cross.
std::vector<int> crossing_values(const DataFlow& flow, size_t before, unsigned mask) {
  const auto in_head = [&](int node) {
    return node < 0 || node < static_cast<int>(before) ||
           ((static_cast<size_t>(node) - before < 32) && (mask >> (static_cast<size_t>(node) - before) & 1u) != 0);
  };
  std::vector<int> crossing;
  for (size_t v = 0; v < flow.values.size(); ++v) {
    const auto& value = flow.values[v];
    if (!in_head(value.node)) continue;
    for (int source : flow.sources[v])
      if (!in_head(flow.values[static_cast<size_t>(source)].node)) return {};
    bool crosses = value.is_output;
    for (int use : flow.uses[v]) crosses = crosses || !in_head(flow.values[static_cast<size_t>(use)].node);
    if (crosses && (value.is_input || value.is_output)) return {};
    if (crosses) crossing.push_back(static_cast<int>(v));
  }
  return crossing;
}

/// Between two single cuts, no way to divide the nodes sends fewer bytes in two or three tensors.
TEST_P(RandomCuts, EachRegionHasItsCheapestFrontier) {
  constexpr size_t kMostNodes = 12;  // 2^12 divisions are tried
  const Graph g = make();
  const auto flow = data_flow(g);
  const auto cuts = find_cuts(g);
  std::vector<size_t> borders{0};
  for (const auto& cut : cuts)
    if (cut.is_single()) borders.push_back(static_cast<size_t>(cut.position));
  borders.push_back(flow.nodes.size());
  for (size_t r = 0; r + 1 < borders.size(); ++r) {
    const size_t size = borders[r + 1] - borders[r];
    if (size > kMostNodes) continue;
    constexpr int64_t kNone = std::numeric_limits<int64_t>::max();
    int64_t best = kNone, found = kNone;
    for (unsigned mask = 1; mask < (1u << size); ++mask) {
      const auto crossing = crossing_values(flow, borders[r], mask);
      if (crossing.size() < 2 || crossing.size() > 3) continue;
      int64_t bytes = 0;
      for (int v : crossing) bytes += flow.values[static_cast<size_t>(v)].bytes;
      best = std::min(best, bytes);
    }
    for (const auto& cut : cuts)
      if (!cut.is_single() && cut.region == static_cast<int>(r)) found = std::min(found, cut.bytes);
    EXPECT_EQ(found, best) << "seed " << GetParam() << " region " << r;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomCuts, testing::Range(1, 60));

}  // namespace
}  // namespace scissionlite
