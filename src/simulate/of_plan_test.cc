#include "simulate/of_plan.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace scissionlite::simulate {
namespace {

PlannedCandidate candidate(const std::string& key, std::vector<Stage> stages, double bytes, bool feasible = true) {
  PlannedCandidate out;
  out.key = key, out.stages = std::move(stages), out.bytes = bytes, out.feasible = feasible;
  return out;
}
Stage stage(double decode_us, double compute_us, double encode_us) {
  return {.machine = "m", .decode_us = decode_us, .compute_us = compute_us, .encode_us = encode_us, .first = "", .last = ""};
}

Plan made_plan() {
  Plan plan;
  plan.machines = {"device", "edge"};
  plan.chosen = candidate("split/3/uint8", {stage(5, 40, 1), stage(2, 10, 0)}, 900);
  plan.families = {candidate("local", {stage(5, 100, 0)}, 0), plan.chosen, candidate("edge/file", {stage(0, 0, 0), stage(3, 25, 0)}, 20000),
                   candidate("edge/raw", {stage(0, 0, 0), stage(0, 25, 0)}, 90000, false)};
  return plan;
}

TEST(PlansOf, TakesTheChosenOneFirstAndWhatIsFeasible) {
  const auto plans = plans_of(made_plan());
  ASSERT_EQ(plans.size(), 3U);
  EXPECT_EQ(plans[0].key, "split/3/uint8");
  EXPECT_EQ(plans[1].key, "local");
  EXPECT_EQ(plans[2].key, "edge/file");
}

TEST(PlansOf, KnowsWhatEachMachineHasToDo) {
  const auto plans = plans_of(made_plan());
  EXPECT_DOUBLE_EQ(plans[0].head_us, 46);
  EXPECT_DOUBLE_EQ(plans[0].local_us, 65) << "105 for all, less the 40 that the head computed";
  EXPECT_DOUBLE_EQ(plans[0].edge_us, 12);
  EXPECT_DOUBLE_EQ(plans[0].up_bytes, 900);
  EXPECT_FALSE(plans[1].uses_edge);
  EXPECT_DOUBLE_EQ(plans[1].head_us, 105);
  EXPECT_DOUBLE_EQ(plans[2].local_us, 105);
}

TEST(PlansOf, WithoutALocalCandidateNobodyAnswersLocally) {
  auto plan = made_plan();
  plan.families.erase(plan.families.begin());
  for (const auto& one : plans_of(plan)) EXPECT_FALSE(one.answers_locally);
}

TEST(PlansOf, ChainsAreRefused) {
  auto plan = made_plan();
  plan.machines.emplace_back("cloud");
  EXPECT_THROW((void)plans_of(plan), InvalidArgument);
}

}  // namespace
}  // namespace scissionlite::simulate
