#include "tune/conv_space.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

#include "kernels/vector/loops.h"

namespace scissionlite::tune {
namespace {

using namespace kernels;  // NOLINT: a test

const ConvProblem kProblem{.c = 16, .h = 9, .w = 9, .k = 24, .kernel_h = 3, .kernel_w = 3, .top = 1, .left = 1, .bottom = 1, .right = 1};

TEST(ConvSpaces, HoldTheUsualChoiceAndFindEveryPointByItsKnobs) {
  for (const auto* loops : all_loops()) {
    const ConvSpace space(kProblem, *loops);
    const auto usual = usual_conv(kProblem, *loops);
    EXPECT_TRUE(space.find(usual.implementation->name, usual.knobs).has_value());
    for (uint64_t i = 0; i < space.space().size(); ++i) {
      const auto config = space.space().at(i);
      const auto choice = space.choice(config);
      EXPECT_EQ(space.find(choice.implementation->name, choice.knobs), config);
    }
    EXPECT_FALSE(space.find("direct", {{"vectors", 1}}).has_value());
    EXPECT_FALSE(space.find("direct", {{"vectors", 17}, {"chunk", 14}}).has_value());
    EXPECT_FALSE(space.find("no_such", {}).has_value());
  }
}

/// 3x3 at 1, 7, 13 or 28 pixels, or 1x1.
ConvProblem random_problem() {
  ConvProblem p{.c = *rc::gen::inRange<int64_t>(1, 80), .k = *rc::gen::inRange<int64_t>(1, 140)};
  p.h = p.w = *rc::gen::element<int64_t>(1, 7, 13, 28);
  if (*rc::gen::arbitrary<bool>()) p.kernel_h = p.kernel_w = 3, p.top = p.left = p.bottom = p.right = 1;
  return p;
}

TEST(ConvSpaces, GiveTheSimplestOfThePointsThatDoTheSame) {
  EXPECT_TRUE(rc::check("a random point, valid or not", [] {
    const auto problem = random_problem();
    const auto* loops = *rc::gen::elementOf(all_loops());
    const ConvSpace space(problem, *loops);
    const auto config = space.space().at(*rc::gen::arbitrary<uint32_t>() % space.space().size());
    const auto simplest = space.simplest(config);
    RC_ASSERT(space.space().is_valid(simplest));
    RC_ASSERT(space.simplest(simplest) == simplest);
    RC_ASSERT(!space.space().is_valid(config) || simplest == config);
    const auto a = space.choice(config), b = space.choice(simplest);
    RC_ASSERT(a.implementation == b.implementation);
    if (a.implementation->effect) RC_ASSERT(a.implementation->effect(problem, *loops, a.knobs) == b.implementation->effect(problem, *loops, b.knobs));
  }));
}

TEST(ConvSpaces, HoldNoTwoPointsOfOneEffect) {
  const ConvSpace space(kProblem, best_loops());
  std::set<std::pair<std::string, KnobEffect>> seen;
  uint64_t twice = 0, valid = 0;
  for (uint64_t i = 0; i < space.space().size(); ++i) {
    const auto config = space.space().at(i);
    if (!space.space().is_valid(config)) continue;
    ++valid;
    const auto choice = space.choice(config);
    if (choice.implementation->effect)
      twice += !seen.emplace(choice.implementation->name, choice.implementation->effect(kProblem, best_loops(), choice.knobs)).second;
  }
  EXPECT_GT(valid, 1000U);
  EXPECT_LE(twice, valid / 20);  // some differ from an equal one in two knobs at once, which one smaller value does not show
}

TEST(ConvSpaces, HoldThousandsOfPointsForALayerOfANetwork) {
  const ConvSpace space({.c = 184, .h = 14, .w = 14, .k = 80}, best_loops());
  EXPECT_GE(space.space().count_valid(), 5000U);
}

}  // namespace
}  // namespace scissionlite::tune
