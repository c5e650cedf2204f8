// How long something will take that deadlines leave time for, from how long it took lately.
#pragma once

#include <algorithm>
#include <atomic>

namespace scissionlite::device {

/// Slow but not exceptional: rises at once, though no more than twofold, and falls slowly. Thread-safe: of two notes at once one may be lost.
class ExpectedTime {
 public:
  /// 0: nothing was noted.
  [[nodiscard]] double us() const { return us_; }
  void note(double us) {
    const double before_us = us_;
    us_ = us > before_us ? std::min(us, before_us > 0 ? 2 * before_us : us) : 0.9 * before_us + 0.1 * us;
  }
  void set(double us) { us_ = us; }

 private:
  std::atomic<double> us_{0};
};

}  // namespace scissionlite::device
