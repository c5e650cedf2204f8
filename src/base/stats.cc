#include "base/stats.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace scissionlite {
namespace {}

double percentile(std::vector<double> values, double p) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const double rank = std::clamp(p, 0.0, 100.0) / 100.0 * static_cast<double>(values.size() - 1);
  const auto below = static_cast<size_t>(rank);
  const size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (rank - static_cast<double>(below)) * (values[above] - values[below]);
}

double mean(std::span<const double> values) {
  return values.empty() ? 0 : std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

Interval median_interval(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  const double half = kNormal95 * std::sqrt(n) / 2;
  const auto low = static_cast<size_t>(std::max(0.0, std::floor(n / 2 - half)));
  const auto high = static_cast<size_t>(std::min(n - 1, std::ceil(n / 2 + half)));
  return {values[low], values[high]};
}

Interval wilson_interval(int64_t successes, int64_t n) {
  if (n <= 0) return {0, 1};
  const double p = static_cast<double>(successes) / static_cast<double>(n), count = static_cast<double>(n);
  const double z2 = kNormal95 * kNormal95, denominator = 1 + z2 / count;
  const double centre = (p + z2 / (2 * count)) / denominator;
  const double half = kNormal95 * std::sqrt(p * (1 - p) / count + z2 / (4 * count * count)) / denominator;
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

double area_under_roc(std::span<const double> positives, std::span<const double> negatives) {
  if (positives.empty() || negatives.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> sorted(negatives.begin(), negatives.end());
  std::sort(sorted.begin(), sorted.end());
  double won = 0;
  for (const double score : positives) {
    const auto [below, above] = std::equal_range(sorted.begin(), sorted.end(), score);
    won += static_cast<double>(below - sorted.begin()) + static_cast<double>(above - below) / 2;
  }
  return won / static_cast<double>(positives.size()) / static_cast<double>(negatives.size());
}

}  // namespace scissionlite
