// Axes: from values to pixels, with ticks at round numbers.
#pragma once

#include <vector>

namespace scissionlite::report {

/// Maps [low, high] to [from, to] pixels, linearly or by logarithm. Outside the domain it extrapolates.
class Scale {
 public:
  static Scale linear(double low, double high, double from, double to) { return {low, high, from, to, false}; }
  /// low and high are positive.
  static Scale logarithmic(double low, double high, double from, double to) { return {low, high, from, to, true}; }
  [[nodiscard]] double operator()(double value) const;
  /// Round values inside the domain, about `wanted` of them: 1, 2, 5 times powers of ten.
  [[nodiscard]] std::vector<double> ticks(int wanted) const;
  [[nodiscard]] double low() const { return low_; }
  [[nodiscard]] double high() const { return high_; }

 private:
  Scale(double low, double high, double from, double to, bool is_log);
  double low_, high_, from_, to_;
  bool is_log_;
};

/// The smallest of 1, 2, 2.5, 5, 10 times a power of ten that is at least `value` (which is positive).
[[nodiscard]] double round_up(double value);

}  // namespace scissionlite::report
