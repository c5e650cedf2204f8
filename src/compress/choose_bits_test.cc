// Bits within a budget, against every combination.
#include "compress/choose_bits.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <limits>
#include <numeric>

#include "base/error.h"

namespace scissionlite::compress {
namespace {

using Layers = std::vector<std::vector<BitsOption>>;

BitsOption sum_of(const Layers& layers, const std::vector<size_t>& chosen) {
  BitsOption sum;
  for (size_t l = 0; l < layers.size(); ++l) sum.loss += layers[l][chosen[l]].loss, sum.cost += layers[l][chosen[l]].cost;
  return sum;
}

/// The least loss of all combinations within the budget.
double least_loss(const Layers& layers, double budget) {
  double least = std::numeric_limits<double>::infinity();
  std::vector<size_t> at(layers.size(), 0);
  for (;;) {
    const auto sum = sum_of(layers, at);
    if (sum.cost <= budget) least = std::min(least, sum.loss);
    size_t l = 0;
    while (l < layers.size() && ++at[l] == layers[l].size()) at[l++] = 0;
    if (l == layers.size()) return least;
  }
}

RC_GTEST_PROP(ChooseBits, IsTheBestWithinTheBudget, ()) {
  Layers layers(*rc::gen::inRange<size_t>(1, 6));
  for (auto& options : layers) {
    options.resize(*rc::gen::inRange<size_t>(1, 5));
    for (auto& option : options) option = {static_cast<double>(*rc::gen::inRange(0, 100)), static_cast<double>(*rc::gen::inRange(0, 50))};
  }
  const auto budget = static_cast<double>(*rc::gen::inRange(0, 256));  // whole steps are exact
  const double best = least_loss(layers, budget);
  if (best == std::numeric_limits<double>::infinity()) {
    EXPECT_THROW((void)choose_options(layers, budget), InvalidArgument);
    return;
  }
  const auto found = sum_of(layers, choose_options(layers, budget));
  RC_ASSERT(found.cost <= budget);
  RC_ASSERT(found.loss >= best);
  RC_ASSERT(found.loss <= least_loss(layers, budget - static_cast<double>(layers.size()) * budget / 4096));  // as costs are rounded up
}

TEST(ChooseBits, GivesMoreToTheLayerThatNeedsIt) {
  const Layers layers{{{9, 1}, {1, 2}}, {{2, 1}, {1, 2}}};
  EXPECT_EQ(choose_options(layers, 3), (std::vector<size_t>{1, 0}));
  EXPECT_EQ(choose_options(layers, 2), (std::vector<size_t>{0, 0}));
  EXPECT_EQ(choose_options(layers, 4), (std::vector<size_t>{1, 1}));
}

TEST(ChooseBits, SaysWhatTheCheapestCost) {
  try {
    (void)choose_options({{{0, 3}}, {{0, 4}, {0, 5}}}, 6);
    FAIL() << "accepted";
  } catch (const InvalidArgument& e) { EXPECT_NE(std::string(e.what()).find("take 7.0"), std::string::npos) << e.what(); }
}

}  // namespace
}  // namespace scissionlite::compress
