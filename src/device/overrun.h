// By how much calls that are given up end after their time.
#pragma once

#include <algorithm>
#include <atomic>

namespace scissionlite::device {

/// As seen lately, and forgotten with each image: a machine that stood still for a second says nothing of the next call, and where it were believed
/// no call would be made any more that could show so. Thread-safe: of two notes at once one may be lost.
class Overrun {
 public:
  /// @param deadline_us  of an image; 0: none.
  explicit Overrun(double deadline_us)
      : most_us_(deadline_us > 0 ? kMostShare * deadline_us : kUsualUs), least_us_(std::min(kUsualUs, most_us_)), us_(least_us_) {}
  [[nodiscard]] double us() const { return us_; }
  void note(double us) { us_ = std::clamp(us, us_.load(), most_us_); }
  /// An image was taken.
  void fade() { us_ = std::max(least_us_, us_ * kLeft); }

 private:
  static constexpr double kUsualUs = 2e3;    // a thread that is woken
  static constexpr double kMostShare = 0.2;  // of the deadline
  static constexpr double kLeft = 0.95;      // behind an image
  double most_us_, least_us_;
  std::atomic<double> us_;
};

}  // namespace scissionlite::device
