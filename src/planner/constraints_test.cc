// The grammar of constraints, quantities and layers.
#include "planner/constraints.h"

#include <gtest/gtest.h>

#include "planner/layers.h"
#include "planner/made_profiles.h"
#include "planner/quantity.h"

namespace scissionlite::planner {
namespace {

const std::vector<std::string> kMachines{"device", "edge"};

TEST(Constraints, EveryFormOfTheGrammar) {
  using Kind = Constraint::Kind;
  struct Case {
    const char* text;
    Kind kind;
    double limit;
  };
  for (const auto& [text, kind, limit] : std::vector<Case>{{"latency <= 50ms", Kind::kLatency, 50000},
                                                           {"latency<=0.05 s", Kind::kLatency, 50000},
                                                           {"latency <= 80% of local", Kind::kLatency, 0.8},
                                                           {"time on edge <= 900us", Kind::kMachineTime, 900},
                                                           {"throughput >= 12.5", Kind::kThroughput, 12.5},
                                                           {"bytes <= 20 kB", Kind::kBytes, 20000},
                                                           {"bytes from device <= 1.5M", Kind::kBytesFrom, 1.5e6},
                                                           {"blocks on device >= 3", Kind::kBlocks, 3},
                                                           {"agreement >= 97%", Kind::kAgreement, 0.97},
                                                           {"agreement lower >= 0.95", Kind::kAgreementLow, 0.95},
                                                           {"machine edge", Kind::kMachine, 0},
                                                           {"layer features/conv 3 on edge", Kind::kLayers, 0}}) {
    const auto c = parse_require(text, kMachines);
    EXPECT_EQ(c.kind, kind) << text;
    EXPECT_DOUBLE_EQ(c.limit, limit) << text;
    EXPECT_EQ(c.text, std::string("require ") + text);
    EXPECT_EQ(c.is_share_of_local, std::string(text).find("local") != std::string::npos);
  }
  EXPECT_EQ(parse_require("layer features/conv 3 on edge", kMachines).first, "features/conv 3");
  const auto range = parse_forbid("layers 3..12+9 on device", kMachines);
  EXPECT_EQ(range.first + " " + range.last, "3 12+9");
  EXPECT_TRUE(range.is_forbidden);
  EXPECT_EQ(parse_forbid("images leaving", kMachines).kind, Kind::kImages);
}

TEST(Constraints, MachinesMayHaveBlanksInTheirNames) {
  const std::vector<std::string> machines{"jetson nano", "edge on desk 1"};
  for (const auto* text : {"time on jetson nano <= 3ms", "bytes from jetson nano <= 9k", "blocks on jetson nano >= 2", "machine jetson nano",
                           "layer conv 1 on jetson nano"})
    EXPECT_EQ(parse_require(text, machines).machine, 0u) << text;
  EXPECT_EQ(parse_require("time on edge on desk 1 <= 3ms", machines).machine, 1u);
  EXPECT_NE(message_of([&] { (void)parse_require("time on jetson <= 3ms", machines); }).find("no machine 'jetson'"), std::string::npos);
}

TEST(Constraints, WhatIsNotUnderstoodIsAnsweredWithTheGrammar) {
  for (const auto* text : {"", "latency", "latency >= 5ms", "latency < 5ms", "bytes", "fast please", "layer on edge", "layers ..x on edge",
                           "images leaving", "agreement <= 0.5"})
    EXPECT_NE(message_of([&] {
                (void)parse_require(text, kMachines);
              }).find("cannot read --require '" + std::string(text) + "'; expected one of\n  --require: 'layer X on M'"),
              std::string::npos)
        << text;
  EXPECT_NE(message_of([] { (void)parse_forbid("latency <= 5ms", kMachines); }).find("cannot read --forbid"), std::string::npos);
  EXPECT_NE(
      message_of([] { (void)parse_require("machine egde", kMachines); }).find("no machine 'egde' in 'require machine egde'; did you mean 'edge'?"),
      std::string::npos);
  EXPECT_NE(message_of([] {
              (void)parse_require("latency <= 5", kMachines);
            }).find("[constraint 'require latency <= 5'] got '5', expected a time with its unit"),
            std::string::npos);
  EXPECT_NE(message_of([] { (void)parse_require("agreement >= 1.2", kMachines); }).find("expected a share from 0 to 1"), std::string::npos);
  EXPECT_NE(message_of([] { (void)parse_require("bytes <= 5x", kMachines); }).find("expected a size in bytes"), std::string::npos);
}

TEST(Quantity, RatesBothWays) {
  EXPECT_DOUBLE_EQ(parse_rate_bps("58.8M", "x"), 58.8e6);
  EXPECT_DOUBLE_EQ(parse_rate_bps("58.8 Mbit/s", "x"), 58.8e6);
  EXPECT_DOUBLE_EQ(parse_rate_bps("64kbps", "x"), 64e3);
  EXPECT_EQ(format_rate(58.8e6), "58.8 Mbit/s");
  EXPECT_EQ(format_rate(1e9), "1.00 Gbit/s");
  for (const auto* text : {"0", "-1M", "fast", "1X", "inf", "nan", ""})
    EXPECT_NE(message_of([&] { (void)parse_rate_bps(text, "--bandwidth"); }).find("[--bandwidth] got"), std::string::npos) << text;
}

/// in -> a -> (b1, b2) -> add -> c, cuts: a; (b1, b2); (b1, a); add; c
std::vector<CutProfile> branchy_cuts() {
  std::vector<CutProfile> cuts;
  const auto add = [&](const char* id, std::vector<std::string> tensors, int position, int region) {
    CutProfile cut;
    cut.id = id;
    cut.tensors = std::move(tensors);
    cut.position = position;
    cut.region = region;
    cut.single = cut.tensors.size() == 1;
    cuts.push_back(cut);
  };
  add("0", {"a"}, 1, 0);
  add("1+0", {"a", "b1"}, 2, 1);
  add("1+2", {"b1", "b2"}, 3, 1);
  add("3", {"add"}, 4, 1);
  add("4", {"c"}, 5, 2);
  return cuts;
}
std::string held_text(const std::vector<Held>& held) {
  std::string out;
  for (auto h : held) out += h == Held::kYes ? 'y' : h == Held::kNo ? 'n' : '?';
  return out;
}

TEST(Layers, FromCutsAlone) {
  const auto cuts = branchy_cuts();
  const LayerIndex index(cuts);
  EXPECT_EQ(held_text(index.held_by("a")), "yyyyy");
  EXPECT_EQ(held_text(index.held_by("b1")), "nyyyy");
  EXPECT_EQ(held_text(index.held_by("b2")), "n?yyy");  // the cut through a and b1 may or may not hold b2
  EXPECT_EQ(held_text(index.held_by("3")), "nnnyy");
  EXPECT_EQ(held_text(index.held_by("c")), "nnnny");
  EXPECT_EQ(held_text(index.held_by("1+2")), "n?yyy");
  EXPECT_NE(message_of([&] {
              (void)index.held_by("ad");
            }).find("no layer 'ad' among cut ids and cut tensors (nodes are known only with --model); did you mean"),
            std::string::npos);
}

TEST(Layers, WithTheModelEverythingIsKnown) {
  Graph graph;
  const auto node = [&](const char* name, std::vector<std::string> inputs, const char* output) {
    Node n;
    n.name = name;
    n.op_type = "Relu";
    n.inputs = std::move(inputs);
    n.outputs = {output};
    graph.nodes.push_back(n);
  };
  node("conv_a", {"in"}, "a");
  node("conv_b1", {"a"}, "b1");
  node("conv_b2", {"a"}, "b2");
  node("sum", {"b1", "b2"}, "add");
  node("conv_c", {"add"}, "c");
  const auto cuts = branchy_cuts();
  const LayerIndex index(cuts, &graph);
  EXPECT_EQ(held_text(index.held_by("conv_b2")), "nnyyy");
  EXPECT_EQ(held_text(index.held_by("b2")), "nnyyy");
  EXPECT_EQ(held_text(index.held_by("sum")), "nnnyy");
  EXPECT_NE(message_of([&] { (void)index.held_by("conv_b3"); }).find("and nodes; did you mean 'conv_b1'?"), std::string::npos);
}

}  // namespace
}  // namespace scissionlite::planner
