#include "score/roc.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/rng.h"
#include "base/stats.h"
#include "base/test_messages.h"

namespace scissionlite {
namespace {

/// Scores on a grid, so that many are alike.
std::vector<Scored> some_scores(Rng& rng, int64_t positives, int64_t negatives, int64_t levels, double shift) {
  std::vector<Scored> out;
  for (int64_t i = 0; i < positives + negatives; ++i) {
    const bool is_positive = i < positives;
    out.push_back({static_cast<float>(std::floor(static_cast<double>(levels) * (rng.uniform(0, 1) + (is_positive ? shift : 0)))), is_positive});
  }
  for (size_t i = out.size(); i > 1; --i) std::swap(out[i - 1], out[rng.below(i)]);
  return out;
}

double won(float positive, float negative) { return positive > negative ? 1 : positive == negative ? 0.5 : 0; }

/// Pair by pair, as DeLong et al. write it.
struct PairByPair {
  std::vector<double> of_positives, of_negatives;
  explicit PairByPair(const std::vector<Scored>& scored) {
    for (const auto& one : scored) {
      double sum = 0, count = 0;
      for (const auto& other : scored)
        if (other.is_positive != one.is_positive) sum += one.is_positive ? won(one.score, other.score) : won(other.score, one.score), ++count;
      (one.is_positive ? of_positives : of_negatives).push_back(sum / count);
    }
  }
};
double covariance(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - mean(a)) * (b[i] - mean(b));
  return sum / static_cast<double>(a.size() - 1);
}

TEST(Roc, IsTheShareOfPairs) {
  Rng rng(1);
  for (int round = 0; round < 60; ++round) {
    const auto scored = some_scores(rng, 2 + static_cast<int64_t>(rng.below(30)), 2 + static_cast<int64_t>(rng.below(60)),
                                    1 + static_cast<int64_t>(rng.below(40)), rng.uniform(-0.3, 0.8));
    const PairByPair pairs(scored);
    const auto auc = auc_of(scored);
    EXPECT_NEAR(auc.value, mean(pairs.of_positives), 1e-12);
    EXPECT_NEAR(auc.value, mean(pairs.of_negatives), 1e-12);
    const double variance = covariance(pairs.of_positives, pairs.of_positives) / static_cast<double>(auc.positives) +
                            covariance(pairs.of_negatives, pairs.of_negatives) / static_cast<double>(auc.negatives);
    EXPECT_NEAR(auc.standard_error, std::sqrt(variance), 1e-12);
    EXPECT_LE(0, auc.low);
    EXPECT_LE(auc.low, auc.value);
    EXPECT_LE(auc.value, auc.high);
    EXPECT_LE(auc.high, 1);
  }
}

TEST(Roc, DifferencesAreOfTheSameExamples) {
  Rng rng(2);
  for (int round = 0; round < 20; ++round) {
    auto first = some_scores(rng, 12, 31, 20, 0.4), second = first;
    for (auto& one : second) one.score += static_cast<float>(rng.below(5));
    const PairByPair a(first), b(second);
    const auto difference = auc_difference(first, second);
    EXPECT_NEAR(difference.value, auc_of(first).value - auc_of(second).value, 1e-12);
    double variance = 0;
    for (const auto& [x, y] : {std::pair{&a.of_positives, &b.of_positives}, {&a.of_negatives, &b.of_negatives}})
      variance += (covariance(*x, *x) + covariance(*y, *y) - 2 * covariance(*x, *y)) / static_cast<double>(x->size());
    EXPECT_NEAR(difference.standard_error, std::sqrt(variance), 1e-12);
    EXPECT_EQ(auc_difference(first, first).standard_error, 0);
    std::swap(second.front(), second.back());
    if (second.front().is_positive != second.back().is_positive) EXPECT_THROW((void)auc_difference(first, second), InvalidArgument);
  }
}

/// Coverage: about 95 of 100 intervals hold what they are about.
TEST(Roc, IntervalsHoldTheTrueArea) {
  Rng rng(3);
  int held = 0;
  constexpr int kRounds = 400;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<Scored> scored;
    for (int i = 0; i < 200; ++i) {
      const bool is_positive = i < 60;
      scored.push_back({static_cast<float>(rng.uniform(0, 1) + (is_positive ? 0.25 : 0)), is_positive});
    }
    const auto auc = auc_of(scored);
    const double whole = 1 - 0.75 * 0.75 / 2;  // of two uniform values, one of them shifted
    held += auc.low <= whole && whole <= auc.high;
  }
  EXPECT_GT(held, 0.92 * kRounds);
  EXPECT_LT(held, 0.985 * kRounds);
}

TEST(Roc, CurvesGoFromNothingToAll) {
  Rng rng(4);
  const auto scored = some_scores(rng, 20, 50, 15, 0.3);
  const auto all = operations(scored);
  EXPECT_EQ(all.front().recall, 0);
  EXPECT_EQ(all.front().false_alarms, 0);
  EXPECT_EQ(all.front().precision, 1);
  EXPECT_EQ(all.back().recall, 1);
  EXPECT_EQ(all.back().false_alarms, 1);
  double area = 0;
  for (size_t i = 1; i < all.size(); ++i) {
    EXPECT_LT(all[i].threshold, all[i - 1].threshold);
    area += (all[i].false_alarms - all[i - 1].false_alarms) * (all[i].recall + all[i - 1].recall) / 2;
    double called = 0, right = 0;
    for (const auto& one : scored) called += one.score >= all[i].threshold, right += one.score >= all[i].threshold && one.is_positive;
    EXPECT_DOUBLE_EQ(all[i].precision, right / called);
  }
  EXPECT_NEAR(area, auc_of(scored).value, 1e-12);
}

TEST(Roc, ThresholdsAreTheBestOnes) {
  Rng rng(5);
  for (int round = 0; round < 30; ++round) {
    const auto scored = some_scores(rng, 9, 40, 25, 0.4);
    const auto at = [&](double threshold, bool is_positive) {
      double called = 0, count = 0;
      for (const auto& one : scored)
        if (one.is_positive == is_positive) called += one.score >= threshold, ++count;
      return called / count;
    };
    const double miss_cost = rng.uniform(0, 20), rate = rng.uniform(0.01, 0.5);
    const auto cost_at = [&](double threshold) { return rate * miss_cost * (1 - at(threshold, true)) + (1 - rate) * at(threshold, false); };
    const auto cheapest = choose_threshold(scored, {.miss_cost = miss_cost, .positive_rate = rate});
    const auto limited = choose_threshold(scored, {.most_false_alarms = 0.1});
    EXPECT_DOUBLE_EQ(cheapest.recall, at(cheapest.threshold, true));
    EXPECT_DOUBLE_EQ(cheapest.false_alarms, at(cheapest.threshold, false));
    EXPECT_LE(at(limited.threshold, false), 0.1);
    for (double threshold = -20; threshold < 60; threshold += 0.5) {
      EXPECT_GE(cost_at(threshold), cost_at(cheapest.threshold) - 1e-12);
      if (at(threshold, false) <= 0.1) EXPECT_LE(at(threshold, true), limited.recall);
    }
  }
}

TEST(Roc, ThresholdsAreFinite) {
  const std::vector<Scored> scored{{0.9F, false}, {0.8F, true}, {0.1F, false}};
  for (const auto& wish : {ThresholdWish{.most_false_alarms = 0}, ThresholdWish{.miss_cost = 0}}) {
    const auto none = choose_threshold(scored, wish);
    EXPECT_EQ(none.recall, 0);
    EXPECT_GT(none.threshold, 0.9F);
    EXPECT_LT(none.threshold, 0.9001);
  }
}

TEST(Roc, SaysWhatIsMissing) {
  const auto refusal = [](const std::vector<Scored>& scored) { return message_of([&] { (void)auc_of(scored); }); };
  EXPECT_NE(refusal({{1, false}, {2, false}}).find("of 2 examples 0 are positive"), std::string::npos);
  EXPECT_NE(refusal({{1, true}}).find("of 1 examples 1 are positive"), std::string::npos);
  EXPECT_NE(refusal({}).find("of 0 examples"), std::string::npos);
  EXPECT_NE(refusal({{NAN, true}, {1, false}}).find("not finite"), std::string::npos);
  EXPECT_THROW((void)choose_threshold(std::vector<Scored>{{1, true}, {0, false}}, {.false_alarm_cost = -1}), InvalidArgument);
  const auto one = auc_of(std::vector<Scored>{{1, true}, {0, false}, {0.5F, false}});  // nothing tells how far it may be off
  EXPECT_EQ(one.value, 1);
  EXPECT_EQ(one.low, 0);
  EXPECT_EQ(one.high, 1);
}

}  // namespace
}  // namespace scissionlite
