#include "score/roc.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/stats.h"

namespace scissionlite {
namespace {

void check(std::span<const Scored> scored) {
  const auto positives = std::count_if(scored.begin(), scored.end(), [](const Scored& one) { return one.is_positive; });
  if (positives == 0 || positives == static_cast<int64_t>(scored.size()))
    throw InvalidArgument("[auc] of " + std::to_string(scored.size()) + " examples " + std::to_string(positives) +
                          " are positive: both classes are needed to tell how well scores part them");
  for (const auto& one : scored)
    if (!std::isfinite(one.score)) throw InvalidArgument("[auc] a score is not finite");
}

/// From 1 on by rising score; those with the same score have their mean rank.
std::vector<double> midranks(const std::vector<float>& scores) {
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] < scores[b]; });
  std::vector<double> out(scores.size());
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && scores[order[end]] == scores[order[begin]]) ++end;
    for (size_t i = begin; i < end; ++i) out[order[i]] = 0.5 * static_cast<double>(begin + 1 + end);
  }
  return out;
}

/// Of each positive the share of negatives below it, of each negative the share of positives above it; in the order of the examples.
struct Components {
  std::vector<double> of_positives, of_negatives;

  explicit Components(std::span<const Scored> scored) {
    std::vector<float> all, positives, negatives;
    for (const auto& one : scored) all.push_back(one.score), (one.is_positive ? positives : negatives).push_back(one.score);
    const auto ranks = midranks(all), among_positives = midranks(positives), among_negatives = midranks(negatives);
    for (size_t i = 0, p = 0, n = 0; i < scored.size(); ++i) {
      if (scored[i].is_positive) of_positives.push_back((ranks[i] - among_positives[p++]) / static_cast<double>(negatives.size()));
      else of_negatives.push_back(1 - (ranks[i] - among_negatives[n++]) / static_cast<double>(positives.size()));
    }
  }
  [[nodiscard]] double area() const { return mean(of_positives); }
};

/// Unbiased; infinite for one value.
double variance(const std::vector<double>& values) {
  if (values.size() < 2) return std::numeric_limits<double>::infinity();
  const double middle = mean(values);
  double sum = 0;
  for (const double v : values) sum += (v - middle) * (v - middle);
  return sum / static_cast<double>(values.size() - 1);
}

Auc with_interval(double value, const std::vector<double>& of_positives, const std::vector<double>& of_negatives, double least) {
  Auc out{value, 0, least, 1, static_cast<int64_t>(of_positives.size()), static_cast<int64_t>(of_negatives.size())};
  out.standard_error = std::sqrt(variance(of_positives) / static_cast<double>(of_positives.size()) +
                                 variance(of_negatives) / static_cast<double>(of_negatives.size()));
  out.low = std::max(least, value - kNormal95 * out.standard_error), out.high = std::min(1.0, value + kNormal95 * out.standard_error);
  return out;
}

std::vector<double> less(std::vector<double> a, const std::vector<double>& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] -= b[i];
  return a;
}

}  // namespace

Auc auc_of(std::span<const Scored> scored) {
  check(scored);
  const Components components(scored);
  return with_interval(components.area(), components.of_positives, components.of_negatives, 0);
}

Auc auc_difference(std::span<const Scored> first, std::span<const Scored> second) {
  if (!std::equal(first.begin(), first.end(), second.begin(), second.end(),
                  [](const Scored& a, const Scored& b) { return a.is_positive == b.is_positive; }))
    throw InvalidArgument("[auc] " + std::to_string(first.size()) + " and " + std::to_string(second.size()) + " scores are not of the same examples");
  check(first), check(second);
  const Components a(first), b(second);
  return with_interval(a.area() - b.area(), less(a.of_positives, b.of_positives), less(a.of_negatives, b.of_negatives), -1);
}

std::vector<Operation> operations(std::span<const Scored> scored) {
  check(scored);
  std::vector<Scored> falling(scored.begin(), scored.end());
  std::sort(falling.begin(), falling.end(), [](const Scored& a, const Scored& b) { return a.score > b.score; });
  const auto positives = static_cast<double>(std::count_if(scored.begin(), scored.end(), [](const Scored&one) { return one.is_positive; })),
             negatives = static_cast<double>(scored.size()) - positives;
  std::vector<Operation> out{{std::numeric_limits<double>::infinity(), 0, 0, 1}};
  double found = 0, alarms = 0;
  for (size_t i = 0; i < falling.size(); ++i) {
    (falling[i].is_positive ? found : alarms) += 1;
    if (i + 1 == falling.size() || falling[i + 1].score != falling[i].score)
      out.push_back({falling[i].score, found / positives, alarms / negatives, found / (found + alarms)});
  }
  return out;
}

Operation choose_threshold(std::span<const Scored> scored, const ThresholdWish& wish) {
  if (!(wish.false_alarm_cost >= 0) || !(wish.miss_cost >= 0) || wish.false_alarm_cost + wish.miss_cost == 0)
    throw InvalidArgument("[auc] costs of a false alarm and of a miss are to be at least 0, and one more than that");
  if (wish.positive_rate > 1 || wish.most_false_alarms > 1) throw InvalidArgument("[auc] a rate of positives or of false alarms is at most 1");
  const auto all = operations(scored);
  const auto positives = static_cast<double>(std::count_if(scored.begin(), scored.end(), [](const Scored& one) { return one.is_positive; }));
  const double rate = wish.positive_rate >= 0 ? wish.positive_rate : positives / static_cast<double>(scored.size());
  const auto cost = [&](const Operation& one) {
    if (wish.most_false_alarms >= 0) return one.false_alarms <= wish.most_false_alarms ? -one.recall : std::numeric_limits<double>::infinity();
    return rate * wish.miss_cost * (1 - one.recall) + (1 - rate) * wish.false_alarm_cost * one.false_alarms;
  };
  size_t best = 0;
  for (size_t i = 1; i < all.size(); ++i)
    if (cost(all[i]) < cost(all[best])) best = i;
  auto out = all[best];
  if (best == 0)
    out.threshold =
        all[1].threshold + std::max(5e-5, 1e-5 * std::abs(all[1].threshold));  // above all that was seen, by more than two ways to compute differ
  else if (best + 1 < all.size()) out.threshold = 0.5 * (out.threshold + all[best + 1].threshold);
  if (const double called = rate * out.recall + (1 - rate) * out.false_alarms; called > 0) out.precision = rate * out.recall / called;
  return out;
}

Json to_json(const Auc& auc) {
  return {{"value", auc.value}, {"interval", {auc.low, auc.high}}, {"positives", auc.positives}, {"negatives", auc.negatives}};
}

Json to_json(const Operation& one) {
  return {{"threshold", one.threshold}, {"recall", one.recall}, {"false_alarms", one.false_alarms}, {"precision", one.precision}};
}

}  // namespace scissionlite
