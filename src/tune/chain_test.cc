#include <gtest/gtest.h>
#include <unistd.h>

#include "base/test_messages.h"
#include "kernels/vector/loops.h"
#include "tune/choices.h"
#include "tune/tune_chain.h"

namespace scissionlite::tune {
namespace {

constexpr const char* kText =
    "chain conv mb1ic16ih14iw14oc32kh1kw1sh1sw1dh1dw1pt0pl0pb0pr0g1 Clip + conv mb1ic32ih14iw14oc32kh3kw3sh1sw1dh1dw1pt1pl1pb1pr1g32 Clip + conv mb1ic32ih14iw14oc16kh1kw1sh1sw1dh1dw1pt0pl0pb0pr0g1 residual";

TEST(ConvTexts, WithTheirEnds) {
  kernels::ConvProblem p{.c = 3, .h = 8, .w = 8, .k = 5};
  const ConvWithEnd conv(p, {/*has_residual=*/true, {ops::ActivationKind::kHardSwish, 0, 0}});
  EXPECT_EQ(conv.text(), p.text() + " HardSwish residual");
  const auto read = parse_conv_with_end(conv.text());
  EXPECT_EQ(read.text(), conv.text());
  EXPECT_EQ(read.problem, p);
  EXPECT_EQ(parse_conv_with_end(p.text()).text(), p.text());
  EXPECT_NE(message_of([&] { (void)parse_conv_with_end(p.text() + " Softmax"); }).find("ends with 'Softmax'"), std::string::npos);
}

TEST(ChainTexts, AreReadAsWritten) {
  const auto chain = parse_chain(kText);
  EXPECT_EQ(chain.stages.size(), 3);
  EXPECT_EQ(chain.text(), kText);
  EXPECT_TRUE(chain.problem().expand && chain.problem().project && chain.problem().has_residual);
  const auto rows = chain.band_rows(kernels::best_loops(), 2);
  EXPECT_EQ(rows.front(), 1);
  EXPECT_EQ(rows.back(), 7);  // a thread's share
}

TEST(ChainTexts, ThatAreNoneAreRefused) {
  const std::string pointwise = "conv ic16ih14oc32", depthwise = "conv ic32ih14oc32kh3ph1g32";
  const auto refusal = [](const std::string& text) { return message_of([&] { (void)parse_chain(text); }); };
  for (const auto& text : {"chain " + pointwise, "chain " + depthwise, "chain " + pointwise + " + " + pointwise,
                           "chain " + pointwise + " residual + " + depthwise, "chain " + depthwise + " + " + depthwise})
    EXPECT_NE(refusal(text).find("is no chain"), std::string::npos) << text;
  EXPECT_NE(refusal(pointwise).find("expected 'chain conv"), std::string::npos);
}

class ChainTuning : public testing::Test {
 protected:
  ChainTuning() : folder_(fs::temp_directory_path() / ("tune_chain_test_" + std::to_string(getpid()))) {
    options_.measure.trial.loops = &kernels::best_loops();
    options_.measure.trial.enough_us = 300;
  }
  ~ChainTuning() override { fs::remove_all(folder_); }
  [[nodiscard]] std::vector<kernels::ConvChoice> usual() const {
    std::vector<kernels::ConvChoice> out;
    for (const auto& stage : chain_.stages) out.push_back(kernels::usual_conv(stage.problem, kernels::best_loops()));
    return out;
  }
  int64_t run(Tuned& tuned) {
    MeasurementLog log(folder_ / "log");
    int64_t steps = 0;
    tuned = tune_ways(chain_ways(chain_, usual(), options_.measure), options_, log, [&](const TuneStep&) { ++steps; });
    return steps;
  }
  fs::path folder_;
  ChainOfConvs chain_ = parse_chain(kText);
  TuneOptions options_;
};

TEST_F(ChainTuning, MeasuresEveryBandOnceAndIsChosenBy) {
  Tuned tuned;
  const auto all = static_cast<int64_t>(chain_.band_rows(kernels::best_loops(), 1).size());
  EXPECT_EQ(run(tuned), all);
  EXPECT_EQ(run(tuned), 0);  // recalled
  EXPECT_EQ(tuned.entry.measured, all);
  EXPECT_GT(tuned.entry.median_us, 0);
  EXPECT_GT(tuned.entry.usual_us, 0);
  EXPECT_EQ(tuned.failed, 0);
  Database database;
  database.add(tuned.key, tuned.entry);
  const auto bands = Choices(database, "tuning.json", kernels::best_loops(), 1).find(chain_);
  ASSERT_TRUE(bands.has_value());
  EXPECT_EQ(bands->rows, tuned.entry.knobs.at(kRows));
  EXPECT_DOUBLE_EQ(bands->ratio, tuned.entry.median_us / tuned.entry.usual_us);
}

TEST_F(ChainTuning, OfTwoFourWeightsComparesWithWaysThatLeaveOutTheirZeros) {
  chain_ = parse_chain(
      "chain conv mb1ic32ih14iw14oc32kh3kw3sh1sw1dh1dw1pt1pl1pb1pr1g32 Clip + conv mb1ic32ih14iw14oc32kh1kw1sh1sw1dh1dw1pt0pl0pb0pr0g1sparse24");
  std::vector<kernels::ConvChoice> separate = usual();
  const auto& sparse = kernels::conv_implementation("sparse24");
  const auto& problem = chain_.stages.back().problem;
  if (const auto reason = sparse.reason_against(problem, kernels::best_loops()); !reason.empty()) GTEST_SKIP() << "[SKIP] " << reason;
  separate.back() = {&sparse, sparse.usual(problem, kernels::best_loops())};
  MeasurementLog log(folder_ / "log");
  const auto tuned = tune_ways(chain_ways(chain_, separate, options_.measure), options_, log, [](const TuneStep&) {});
  EXPECT_EQ(tuned.failed, 0);
  EXPECT_GT(tuned.entry.usual_us, 0);
}

TEST_F(ChainTuning, EndsWhenTimeIsUp) {
  options_.until_us = 1;
  Tuned tuned;
  EXPECT_EQ(run(tuned), 1);
  EXPECT_FALSE(tuned.is_finished);
}

TEST(ConvolutionsWithEnds, AreTriedWithThem) {
  const ConvWithEnd conv({.c = 16, .h = 6, .w = 6, .k = 24}, {/*has_residual=*/true, {ops::ActivationKind::kHardSwish, 0, 0}});
  MeasureOptions options;
  options.trial.loops = &kernels::best_loops();
  options.trial.enough_us = 200;
  EXPECT_TRUE(Measurer(conv, options).measure(kernels::usual_conv(conv.problem, kernels::best_loops())).is_ok());
}

TEST(Rates, AreMeasuredAndRead) {
  const auto& loops = kernels::best_loops();
  const auto database = measure_rates(loops, 1);
  EXPECT_EQ(database.entries.size(), 2);
  const auto rates = Choices(database, "tuning.json", loops, 1).rates();
  EXPECT_TRUE(rates.is_measured);
  EXPECT_GT(rates.cycles_per_us, 100);
  EXPECT_GT(rates.bytes_per_us, 100);
  EXPECT_FALSE(Choices({}, "tuning.json", loops, 1).rates().is_measured);
}

TEST(OldDatabases, AreUsedForConvolutionsWithEnds) {
  const kernels::ConvProblem p{.c = 16, .h = 12, .w = 12, .k = 16};
  const auto& loops = kernels::best_loops();
  auto knobs = kernels::conv_implementation("direct").usual(p, loops);
  knobs["vectors"] = 1;
  Database database;
  database.add(key_of(p, loops, 1), {"direct", knobs, 1, 2, 3, "genetic"});
  const Choices choices(database, "tuning.json", loops, 1);
  const ConvWithEnd with_end(p, {/*has_residual=*/true, {}});
  EXPECT_EQ(choose_conv(with_end, loops, &choices).knobs, knobs);
  auto own = knobs;
  own["vectors"] = 2;
  database.add(key_of(with_end, loops, 1), {"direct", own, 1, 2, 3, "genetic"});
  EXPECT_EQ(choose_conv(with_end, loops, std::make_unique<Choices>(database, "tuning.json", loops, 1).get()).knobs, own);
}

}  // namespace
}  // namespace scissionlite::tune
