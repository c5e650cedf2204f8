#include "report/scale.h"

#include <algorithm>
#include <cmath>

namespace scissionlite::report {
namespace {

constexpr double kTiny = 1e-9;

std::vector<double> linear_ticks(double low, double high, int wanted) {
  const double step = round_up((high - low) / std::max(1, wanted));
  std::vector<double> out;
  for (double k = std::ceil(low / step - kTiny); k * step <= high + step * kTiny; ++k) out.push_back(k * step);
  return out;
}

std::vector<double> log_ticks(double low, double high, int wanted) {
  const std::vector<std::vector<double>> choices{{1, 2, 3, 4, 5, 6, 8}, {1, 2, 5}, {1, 3}, {1}};
  std::vector<double> out;
  for (const auto& steps : choices) {
    out.clear();
    for (double decade = std::pow(10, std::floor(std::log10(low))); decade <= high * (1 + kTiny); decade *= 10)
      for (const double step : steps)
        if (const double tick = decade * step; tick >= low * (1 - kTiny) && tick <= high * (1 + kTiny)) out.push_back(tick);
    if (static_cast<int>(out.size()) <= wanted + wanted / 2) break;
  }
  return out;
}

}  // namespace

Scale::Scale(double low, double high, double from, double to, bool is_log) : low_(low), high_(high), from_(from), to_(to), is_log_(is_log) {
  if (!(high_ > low_)) high_ = is_log_ ? low_ * 10 : low_ + 1;
}

double Scale::operator()(double value) const {
  const double share = is_log_ ? std::log(value / low_) / std::log(high_ / low_) : (value - low_) / (high_ - low_);
  return from_ + share * (to_ - from_);
}

std::vector<double> Scale::ticks(int wanted) const { return is_log_ ? log_ticks(low_, high_, wanted) : linear_ticks(low_, high_, wanted); }

double round_up(double value) {
  const double decade = std::pow(10, std::floor(std::log10(value)));
  for (const double step : {1.0, 2.0, 2.5, 5.0})
    if (value <= step * decade * (1 + kTiny)) return step * decade;
  return 10 * decade;
}

}  // namespace scissionlite::report
