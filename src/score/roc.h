// How well scores tell positives from negatives: the area under the ROC curve, exactly and with an interval; the curves; and a threshold that a cost
// or a limit asks for.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/json.h"

namespace scissionlite {

/// A score, higher where an image is rather a positive one.
struct Scored {
  float score = 0;
  bool is_positive = false;
};

/// Share of pairs of a positive and a negative in which the positive has the higher score; ties count half (Mann and Whitney).
struct Auc {
  double value = 0, standard_error = 0;
  double low = 0, high = 0;  // 95 % interval, within 0 and 1; of one example of a class all of that
  int64_t positives = 0, negatives = 0;
};
/// Source: DeLong et al., Comparing the areas under two or more correlated ROC curves, 1988; by ranks in n log n: Sun and Xu, Fast implementation of
/// DeLong's algorithm, 2014. @throws InvalidArgument: no positive or no negative one, a score that is not finite.
[[nodiscard]] Auc auc_of(std::span<const Scored> scored);

/// The AUC of two scores of the same examples: how much higher the first one is, as examples tell (DeLong's covariance). @throws as auc_of;
/// InvalidArgument where lengths or classes differ.
[[nodiscard]] Auc auc_difference(std::span<const Scored> first, std::span<const Scored> second);

/// What calling all scores from `threshold` on positive gives.
struct Operation {
  double threshold = 0;
  double recall = 0, false_alarms = 0;  // shares of the positives and of the negatives that are called positive
  double precision = 0;                 // share of what is called positive that is; 1 where nothing is called so
};
/// One for each score that occurs, falling, behind one that calls nothing positive (threshold infinity).
[[nodiscard]] std::vector<Operation> operations(std::span<const Scored> scored);

/// What a threshold is to do.
struct ThresholdWish {
  // Of a false alarm and a missed positive; the least mean cost at a rate of positives of `positive_rate` (below 0: that of the examples).
  double false_alarm_cost = 1, miss_cost = 1, positive_rate = -1;
  double most_false_alarms = -1;  // from 0 on: the highest recall with this share of false alarms at most, in place of costs
};
/// The threshold lies in the middle between two scores, so that a slightly different score is called alike; just above the highest one where it is
/// best to call nothing positive. @throws as auc_of; InvalidArgument for costs below 0.
[[nodiscard]] Operation choose_threshold(std::span<const Scored> scored, const ThresholdWish& wish);

[[nodiscard]] Json to_json(const Auc& auc);
[[nodiscard]] Json to_json(const Operation& operation);

}  // namespace scissionlite
