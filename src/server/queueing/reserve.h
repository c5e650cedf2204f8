// How much longer than expected an answer may take, learnt from those that waited: runs differ, other threads take their part of the
// cores, and without a reserve each run that is longer makes all that wait behind it late.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace scissionlite::server {

class Reserve {
 public:
  /// Of a request that was let in as one that takes `expected_ns`, and took `took_ns`.
  void add(int64_t expected_ns, int64_t took_ns) {
    if (expected_ns <= 0) return;
    const double error = static_cast<double>(took_ns) / static_cast<double>(expected_ns) - mean_;
    mean_ += kWeightOfMean * error;
    deviation_ += kWeightOfDeviation * (std::abs(error) - deviation_);
  }
  /// What to multiply an expected time with: the mean and some deviations, as TCP sets its timeout (RFC 6298).
  [[nodiscard]] double factor() const { return std::clamp(mean_ + kDeviations * deviation_, kLeast, kMost); }

 private:
  static constexpr double kWeightOfMean = 1.0 / 8, kWeightOfDeviation = 1.0 / 4, kDeviations = 3, kLeast = 1.2, kMost = 3;
  double mean_ = 1, deviation_ = 0.07;
};

}  // namespace scissionlite::server
