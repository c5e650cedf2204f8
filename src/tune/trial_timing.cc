#include "tune/trial_timing.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "base/clock.h"
#include "base/error.h"
#include "base/stats.h"

namespace scissionlite::tune {
namespace {

constexpr int64_t kOtherBytes = 4 << 20;

}  // namespace

OtherData::OtherData() : values_(kOtherBytes / static_cast<int64_t>(sizeof(float))) {}

void OtherData::touch() {
  for (int64_t i = 0; i < values_.size(); i += 16) values_.data()[i] += 1;  // a value in each cache line
}

double with_error_of(double error, double given, double expected) {
  return std::isnan(given) ? std::numeric_limits<double>::infinity() : std::max(error, std::abs(given - expected));
}

void check_error(double error, double largest, const TrialOptions& options) {
  if (error <= options.most_error * largest) return;
  char text[96];
  std::snprintf(text, sizeof text, "wrong by %.2g of the largest value, at most %.2g is allowed", error / largest, options.most_error);
  throw InvalidArgument(text);
}

double time_of(const std::function<void()>& run, const std::function<void()>& before, const TrialOptions& options) {
  std::vector<double> times;
  double sum = 0;
  while (static_cast<int>(times.size()) < options.least_runs || (static_cast<int>(times.size()) < options.most_runs && sum < options.enough_us)) {
    before();
    const double start = Clock::steady().now_us();
    run();
    times.push_back(Clock::steady().now_us() - start);
    sum += times.back();
  }
  return median(times);
}

}  // namespace scissionlite::tune
