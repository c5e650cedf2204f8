// Statistics that measurements are reported with.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace scissionlite {

inline constexpr double kNormal95 = 1.959963984540054;  // two-sided 95 % quantile of the standard normal

/// Linear-interpolated percentile, p in [0, 100]; 0 for an empty input.
[[nodiscard]] double percentile(std::vector<double> values, double p);
[[nodiscard]] inline double median(std::vector<double> values) { return percentile(std::move(values), 50); }
[[nodiscard]] double mean(std::span<const double> values);

struct Interval {
  double low = 0, high = 0;
};
/// 95 % interval of the median from order statistics (binomial, no assumption on the distribution).
[[nodiscard]] Interval median_interval(std::vector<double> values);
/// 95 % Wilson interval of a proportion. Source: E. B. Wilson, JASA 22 (1927), 209-212.
[[nodiscard]] Interval wilson_interval(int64_t successes, int64_t n);
/// Area under the ROC curve: the share of pairs in which the positive has the higher score, equal scores counting half.
/// O(n log n). NaN when either side is empty. Source: Mann and Whitney, Ann. Math. Stat. 18 (1947), 50-60.
[[nodiscard]] double area_under_roc(std::span<const double> positives, std::span<const double> negatives);

}  // namespace scissionlite
