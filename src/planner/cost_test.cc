// The cost model against sums done by hand.
#include "planner/cost.h"

#include <gtest/gtest.h>

#include "planner/candidates.h"
#include "planner/made_profiles.h"

namespace scissionlite::planner {
namespace {

CostModel pair_of_machines(CostOptions options = {}) {
  return CostModel({made_profile("device", 1000), made_profile("edge", 100)}, {made_link()}, options);
}

PlannedCandidate look(const CostModel& model, const std::string& key) {
  const Agreements none(model, nullptr);
  const auto outcome = outcome_of(model, none, model.choice_of(key));
  EXPECT_TRUE(outcome.has_value()) << key;
  return describe(model, *outcome);
}

// Link of made_link: a byte up takes 1 us, a byte down 0.5 us; 200 bytes of message overhead each way; rtt/2 = 500 us.
constexpr double kAnswerUs = 500 + (800 + 200) * 0.5;

TEST(Cost, Local) {
  const auto c = look(pair_of_machines(), "local");
  EXPECT_DOUBLE_EQ(c.latency_us, 2000 + 1000 + 3000);  // file decode, preprocess, model
  EXPECT_EQ(c.bytes, 0);
  EXPECT_DOUBLE_EQ(c.throughput_ips, 1e6 / 6000);
  EXPECT_EQ(look(pair_of_machines({.from_file = false}), "local").latency_us, 1000 + 3000);
}

TEST(Cost, EdgeOnly) {
  const auto file = look(pair_of_machines(), "edge/file");
  EXPECT_DOUBLE_EQ(file.latency_us, (500 + 20000 + 200) + 50 + (200 + 100 + 300) + kAnswerUs);
  EXPECT_DOUBLE_EQ(file.throughput_ips, 1e6 / 20200);
  const auto jpeg = look(pair_of_machines(), "edge/jpeg-q90-420");
  // device: file decode, geometry (as preprocess), encode; edge: decode, values (as preprocess), model
  EXPECT_DOUBLE_EQ(jpeg.latency_us, (2000 + 1000 + 500) + (500 + 5000 + 200) + 50 + (50 + 100 + 300) + kAnswerUs);
  EXPECT_EQ(jpeg.stages[0].first, "");  // it computes nothing of the model
  EXPECT_EQ(jpeg.stages[1].first + ".." + jpeg.stages[1].last, "input..output");
}

TEST(Cost, ValuesApartFromGeometry) {
  auto device = made_profile("device", 1000), edge = made_profile("edge", 100);
  device.values = us(300);
  edge.values = us(30);
  const CostModel model({device, edge}, {made_link()});
  EXPECT_DOUBLE_EQ(look(model, "edge/jpeg-q90-420").latency_us, (2000 + 700 + 500) + 5700 + 50 + (50 + 30 + 300) + kAnswerUs);
}

TEST(Cost, FromACameraThereIsNoFile) {
  const auto model = pair_of_machines({.from_file = false});
  EXPECT_NE(message_of([&] { (void)model.choice_of("edge/file"); }).find("no candidate 'edge/file'"), std::string::npos);
  EXPECT_DOUBLE_EQ(look(model, "edge/jpeg-q90-420").stages[0].decode_us, 1000);
}

TEST(Cost, Split) {
  const auto plain = look(pair_of_machines(), "split/0/fp32");
  EXPECT_DOUBLE_EQ(plain.latency_us, (3000 + 1000) + (500 + 4200) + 50 + 200 + kAnswerUs);
  const auto small = look(pair_of_machines(), "split/1/uint8");
  EXPECT_DOUBLE_EQ(small.latency_us, (3000 + 2000 + 100) + (500 + 1200) + 50 + (10 + 100) + kAnswerUs);
  EXPECT_EQ(small.bytes, 1000);
  EXPECT_EQ(small.tensors, (std::vector<std::vector<std::string>>{{"t1"}}));
  EXPECT_EQ(small.stages[0].last, "t1");
  EXPECT_EQ(small.note, "");
}

TEST(Cost, PartsAddUp) {
  const auto model = pair_of_machines();
  const Agreements none(model, nullptr);
  int seen = 0;
  for_each_candidate(model, none, [&](const Outcome& outcome) {
    ++seen;
    const auto c = describe(model, outcome);
    double sum = c.answer_us + c.overhead_us;
    for (const auto& stage : c.stages) sum += stage.decode_us + stage.compute_us + stage.encode_us + stage.wire_us;
    EXPECT_NEAR(sum, c.latency_us, 1e-6) << c.key;
  });
  EXPECT_EQ(seen, 1 + 2 + 4);
}

TEST(Cost, MeasuredSlicesComeBeforeSums) {
  auto device = made_profile("device", 1000), edge = made_profile("edge", 100);
  device.cuts[0].tls["uint8"].head_with_tl = us(1040);  // fused: 60 us less than head + encoder
  edge.cuts[0].tls["uint8"].tail_with_tl = us(190);     // fused: less than the tail alone
  const auto c = look(CostModel({device, edge}, {made_link()}), "split/0/uint8");
  EXPECT_DOUBLE_EQ(c.stages[0].compute_us, 1000);
  EXPECT_DOUBLE_EQ(c.stages[0].encode_us, 40);
  EXPECT_DOUBLE_EQ(c.stages[1].compute_us, 190);
  EXPECT_DOUBLE_EQ(c.stages[1].decode_us, 0);
}

TEST(Cost, HeadsAreEstimatedFromBlocks) {
  auto device = made_profile("device", 1000), edge = made_profile("edge", 100);
  device.cuts[1].head = {};
  edge.cuts[1].tail = {};
  const auto c = look(CostModel({device, edge}, {made_link()}), "split/1/uint8");
  EXPECT_DOUBLE_EQ(c.stages[0].compute_us, 2000);
  EXPECT_DOUBLE_EQ(c.stages[1].compute_us, 100);
  EXPECT_EQ(c.note, "head on 'device' estimated from its blocks; tail on 'edge' estimated from its blocks");
}

TEST(Cost, AMultiTensorCutTakesItsShareOfTheBlock) {
  auto p = made_profile("device", 1000);
  p.model_macs = 3000;
  p.cuts[0].head_macs = 1000;
  p.cuts[1].head_macs = 2000;
  CutProfile inner = made_cut(1, 0, 0);
  inner.id = "1+0";
  inner.single = false;
  inner.head_macs = 1250;
  inner.head = inner.tail = {};
  p.cuts.insert(p.cuts.begin() + 1, inner);
  bool estimated = false;
  EXPECT_DOUBLE_EQ(head_us(p, 1, estimated), 1250);
  EXPECT_TRUE(estimated);
  EXPECT_DOUBLE_EQ(tail_us(p, 1, estimated), 1750);
}

TEST(Cost, AChain) {
  const CostModel model({made_profile("device", 1000), made_profile("edge", 100), made_profile("cloud", 10)}, {made_link(), made_link()});
  const auto c = look(model, "split/0/uint8|split/1/uint8");
  EXPECT_DOUBLE_EQ(c.latency_us, (3000 + 1000 + 100) + 1700 + 50 + (10 + 100 + 10) + 1700 + 50 + (1 + 10) + 2 * kAnswerUs);
  EXPECT_EQ(c.bytes, 2000);
  EXPECT_DOUBLE_EQ(c.throughput_ips, 1e6 / 4150);  // the device: 4,100 us and 50 us for the request
  EXPECT_EQ(c.note, "slice on 'edge' estimated from the difference of two heads");
  const auto relay = look(model, "edge/file|edge/file");
  EXPECT_DOUBLE_EQ(relay.latency_us, 2 * 20700 + 2 * 50 + (20 + 10 + 30) + 2 * kAnswerUs);
  EXPECT_EQ(relay.stages[1].first, "");
  const auto head_on_edge = look(model, "edge/file|split/0/fp32");
  EXPECT_DOUBLE_EQ(head_on_edge.stages[1].decode_us + head_on_edge.stages[1].compute_us, 200 + 100 + 100);
  EXPECT_EQ(look(model, "split/0/uint8").stages.size(), 2u);
}

TEST(Cost, ChainsGoForwardOnly) {
  const CostModel model({made_profile("device", 1000), made_profile("edge", 100), made_profile("cloud", 10)}, {made_link(), made_link()});
  for (const auto* key : {"split/1/fp32|split/0/fp32", "split/0/fp32|split/0/uint8", "split/0/fp32|edge/file", "edge/file|edge/jpeg-q90-420"})
    EXPECT_NE(message_of([&] { (void)model.choice_of(key); }).find("cannot follow"), std::string::npos) << key;
}

TEST(Cost, RefusesProfilesThatDoNotFit) {
  auto device = made_profile("device", 1000), edge = made_profile("edge", 100);
  const auto make = [&] { (void)CostModel({device, edge}, {made_link()}); };
  edge.model_sha256 = std::string(64, 'b');
  edge.model_name = "other";
  EXPECT_EQ(message_of(make),
            "[plan] profiles of different models: the profile of 'device' is of 'made' (aaaaaaaaaaaa), the profile of 'edge' of 'other' "
            "(bbbbbbbbbbbb); profile the same file on both");
  edge = made_profile("edge", 100);
  edge.cuts[1].tensors = {"relu_7"};
  EXPECT_NE(message_of(make).find("cut number 1 is '1' (t1) in the profile of 'device', '1' (relu_7) in the profile of 'edge'"), std::string::npos);
  edge.cuts.pop_back();
  EXPECT_NE(message_of(make).find("'device' has 2 cuts, the profile of 'edge' 1"), std::string::npos);
  edge = made_profile("device", 100);
  EXPECT_NE(message_of(make).find("two profiles are named 'device'"), std::string::npos);
  edge = made_profile("edge", 100);
  edge.cuts[0].tls["uint8"].wire_bytes = 999;
  EXPECT_NE(message_of(make).find("cut 0 with uint8: 1000 bytes in the profile of 'device', 999 in the profile of 'edge'"), std::string::npos);
}

TEST(Cost, RefusesLinksThatDoNotFit) {
  EXPECT_NE(message_of([] {
              (void)CostModel({made_profile("a", 1), made_profile("b", 1)}, {});
            }).find("got 0 links for 2 machines, expected 1"),
            std::string::npos);
  EXPECT_NE(message_of([] { (void)CostModel({made_profile("a", 1)}, {}); }).find("got 1 profiles"), std::string::npos);
  auto link = made_link();
  link.up_bps = 0;
  EXPECT_NE(message_of([&] {
              (void)CostModel({made_profile("a", 1), made_profile("b", 1)}, {link});
            }).find("needs rates above 0"),
            std::string::npos);
}

TEST(Cost, UnknownKeysAreAnsweredWithTheNearest) {
  const auto model = pair_of_machines();
  EXPECT_NE(message_of([&] { (void)model.choice_of("split/1/uint9"); }).find("did you mean 'split/1/uint8'?"), std::string::npos);
  EXPECT_NE(message_of([&] { (void)model.choice_of("nonsense"); }).find("expected 'local', 'edge/<codec>'"), std::string::npos);
}

}  // namespace
}  // namespace scissionlite::planner
