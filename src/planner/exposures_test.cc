// Constraints on what can be rebuilt of the picture: who passes, who is excluded, and why.
#include "planner/exposures.h"

#include <gtest/gtest.h>

#include "planner/made_profiles.h"
#include "planner/planner.h"
#include "planner/render.h"

namespace scissionlite::planner {
namespace {

const std::vector<std::string> kMachines{"device", "edge"};

CostModel pair_of_machines() { return CostModel({made_profile("device", 1000), made_profile("edge", 100)}, {made_link()}); }

PrivacyRow row(const std::string& key, double psnr_db, double ssim) {
  return {.candidate = key, .quality = {psnr_db, {psnr_db - 0.5, psnr_db + 0.5}, ssim, {ssim - 0.05, ssim + 0.05}, 60}};
}
Privacy made_privacy(const CostModel& model) {
  Privacy privacy;
  privacy.model_sha256 = model.machine(0).model_sha256;
  privacy.width = privacy.height = 32;
  privacy.candidates = {row("split/0/uint8", 24.5, 0.8), row("split/1/uint8", 17.25, 0.4)};
  return privacy;
}
PlanOptions with(const Privacy* privacy, const std::vector<std::string>& require) {
  PlanOptions options;
  options.privacy = privacy;
  for (const auto& text : require) options.constraints.push_back(parse_require(text, kMachines));
  return options;
}

TEST(Exposures, WhatIsAboveTheLimitIsExcluded) {
  const auto model = pair_of_machines();
  const auto privacy = made_privacy(model);
  const auto chosen = [&](const std::vector<std::string>& require) { return Planner(model, nullptr, with(&privacy, require)).plan().chosen.key; };
  EXPECT_EQ(chosen({"machine edge"}), "split/0/uint8");
  EXPECT_EQ(chosen({"machine edge", "psnr <= 25dB"}), "split/0/uint8");
  EXPECT_EQ(chosen({"machine edge", "psnr <= 20dB"}), "split/1/uint8");
  EXPECT_EQ(chosen({"machine edge", "psnr <= 17.25 dB"}), "split/1/uint8");  // equal is not above
  EXPECT_EQ(chosen({"machine edge", "ssim <= 0.5"}), "split/1/uint8");
  EXPECT_EQ(chosen({"psnr <= 0"}), "local");
}

TEST(Exposures, EveryReasonIsSaid) {
  const auto model = pair_of_machines();
  const auto privacy = made_privacy(model);
  const Planner planner(model, nullptr, with(&privacy, {"psnr <= 20"}));
  const auto reason = [&](const std::string& key) { return planner.candidate(key).infeasible_reason; };
  EXPECT_EQ(reason("local"), "");
  EXPECT_EQ(reason("split/1/uint8"), "");
  EXPECT_EQ(reason("split/0/uint8"), "PSNR of the rebuilt picture 24.50 dB is 4.50 dB over 'require psnr <= 20'");
  EXPECT_EQ(reason("split/1/fp32"), "was not measured by `scissionlite privacy`, as 'require psnr <= 20' needs");
  EXPECT_EQ(reason("edge/jpeg-q90-420"), "sends the picture itself, which 'require psnr <= 20' rules out");
}

TEST(Exposures, ThePlanCarriesTheValues) {
  const auto model = pair_of_machines();
  const auto privacy = made_privacy(model);
  const auto plan = Planner(model, nullptr, with(&privacy, {"machine edge", "ssim <= 0.5"})).plan();
  ASSERT_TRUE(plan.chosen.rebuilt.has_value());
  EXPECT_EQ(plan.chosen.rebuilt->psnr_db, 17.25);
  const auto json = to_json(plan);
  EXPECT_EQ(json["chosen"]["rebuilt"]["ssim"], 0.4);
  EXPECT_EQ(json["chosen"]["rebuilt"]["n"], 60);
  EXPECT_EQ(to_json(plan_from_json(json, "plan.json")).dump(), json.dump());
  const auto text = plan_text(plan);
  EXPECT_NE(text.find("rebuilt    PSNR 17.25 dB [16.75, 17.75], SSIM 0.400 [0.350, 0.450] n=60"), std::string::npos) << text;
  EXPECT_NE(text.find("rebuilt dB, SSIM"), std::string::npos);
  EXPECT_NE(explain_text(plan.chosen, plan).find("picture rebuilt from it: PSNR 17.25 dB"), std::string::npos);
  auto damaged = json;
  damaged["chosen"]["rebuilt"]["ssim"] = 3;
  EXPECT_NE(
      message_of([&] { (void)plan_from_json(damaged, "plan.json"); }).find("plan.json.chosen.rebuilt.ssim: got 3, expected a similarity in [-1, 1]"),
      std::string::npos);
}

TEST(Exposures, OfAChainTheWorseHopCounts) {
  const CostModel model({made_profile("a", 1000), made_profile("b", 100), made_profile("c", 10)}, {made_link(), made_link()});
  const auto privacy = made_privacy(model);
  const Exposures exposures(model, &privacy);
  const auto of = [&](const std::string& key) { return exposures.of(model.choice_of(key)); };
  EXPECT_EQ(of("split/0/uint8|split/1/uint8").quality.psnr_db, 24.5);
  EXPECT_EQ(of("split/1/uint8|split/1/uint8").quality.psnr_db, 17.25);
  EXPECT_EQ(of("split/1/uint8").quality.ssim, 0.4);
  EXPECT_EQ(of("split/0/uint8|split/1/fp32").kind, Exposure::Kind::kUnknown);
  EXPECT_EQ(of("edge/jpeg-q90-420|split/1/uint8").kind, Exposure::Kind::kImage);
  EXPECT_EQ(of("local").kind, Exposure::Kind::kNothing);
}

TEST(Exposures, WhatIsMissingOrDoesNotFitIsRefused) {
  const auto model = pair_of_machines();
  auto privacy = made_privacy(model);
  EXPECT_NE(message_of([&] {
              (void)Planner(model, nullptr, with(nullptr, {"psnr <= 20"}));
            }).find("run `scissionlite privacy` and give its file with --privacy"),
            std::string::npos);
  privacy.model_sha256 = "b";
  EXPECT_NE(message_of([&] { (void)Planner(model, nullptr, with(&privacy, {})); }).find("the privacy file is of another model (b)"),
            std::string::npos);
  for (const auto* text : {"psnr <= 20 metres", "psnr <= -1", "ssim <= 1.5", "psnr >= 3", "ssim"})
    EXPECT_NE(message_of([&] { (void)parse_require(text, kMachines); }), "") << text;
}

TEST(Exposures, WhenNothingHoldsTheMessageSaysWhy) {
  const auto model = pair_of_machines();
  auto privacy = made_privacy(model);
  const auto message = [&](const std::vector<std::string>& require) {
    return message_of([&] { (void)Planner(model, nullptr, with(&privacy, require)).plan(); });
  };
  const auto near = message({"machine edge", "psnr <= 10"});
  EXPECT_NE(near.find("the nearest is 'split/1/uint8', whose PSNR of the rebuilt picture 17.25 dB is 7.25 dB over 'require psnr <= 10'"),
            std::string::npos)
      << near;
  privacy.candidates.clear();
  const auto none = message({"machine edge", "psnr <= 10"});
  EXPECT_NE(none.find("was not measured by `scissionlite privacy`"), std::string::npos) << none;
  EXPECT_EQ(none.find("inf"), std::string::npos) << none;
}

}  // namespace
}  // namespace scissionlite::planner
