// Whether the edge is asked at all: what became of calls and checks, as a state.
//
//   kUnknown --check--> kReady | kDown | kRefused
//   kReady --call fails--> kDown;  --`misses_to_open` deadlines missed in a row--> kDown
//   kDown --check passes--> kReady;      --finds another tail--> kRefused
//   kRefused --check passes--> kReady    (the edge was given the right tail, or was updated)
// An edge that asks for a pause stays what it is; until that is over it is neither asked nor checked.
// Not thread-safe, has no thread and no clock: its owner says what happened and when, and makes a check when one is due. That is half-open: a check
// is a probe with a known answer, so no image is risked on an edge that was down.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include "base/rng.h"

namespace scissionlite::control {

enum class EdgeState { kUnknown, kReady, kDown, kRefused };

struct BreakerOptions {
  double first_retry_us = 100e3,
         longest_retry_us = 5e6;   // waits for the next check; they double, with a quarter of jitter, so that many devices do not return at once
  double refused_retry_us = 10e6;  // a wrong tail is seldom replaced at once
  double slow_retry_us = 5e6,
         longest_slow_retry_us = 30e6;  // behind a check that the link was too slow for, as each one takes the link from all others; they double too
  int misses_to_open = 3;
  uint64_t seed = 1;  // of the jitter
};

class Breaker {
 public:
  explicit Breaker(BreakerOptions options = {})
      : options_(options), rng_(options.seed), wait_us_(options.first_retry_us), slow_wait_us_(options.slow_retry_us) {}

  [[nodiscard]] EdgeState state() const { return state_; }
  [[nodiscard]] bool is_ready() const { return state_ == EdgeState::kReady; }
  /// Ready, and no pause was asked for that is not over.
  [[nodiscard]] bool is_usable(double now_us) const { return is_ready() && now_us >= rests_until_us_; }
  /// The end of the last pause that was asked for, and what was said with it.
  [[nodiscard]] double rests_until_us() const { return rests_until_us_; }
  [[nodiscard]] const std::string& rest_reason() const { return rest_reason_; }
  /// Why it is down or refused; "" when ready.
  [[nodiscard]] const std::string& reason() const { return reason_; }
  /// When the next check is due; never while ready.
  [[nodiscard]] double check_due_us() const { return is_ready() ? std::numeric_limits<double>::infinity() : std::max(due_us_, rests_until_us_); }

  /// A check passed, found another tail, could not be made, or began well and was not answered in its time.
  void passed();
  void refused(std::string reason, double now_us);
  void unreachable(std::string reason, double now_us);
  void too_slow(std::string reason, double now_us);

  /// A call was answered, missed its deadline, or failed at once. @return whether the state changed.
  void answered();
  bool missed(std::string reason, double now_us);
  bool failed(std::string reason, double now_us);
  /// The edge asks for a pause. Where it asks again and again, with no answer between, each one is twice as long, up to the longest wait for a check.
  /// Who asks for more than a minute is asked again after that; what is no time is none.
  void told_to_wait(std::string reason, double pause_us, double now_us);

 private:
  bool open(EdgeState state, std::string reason, double now_us);
  void wait_longer(double& wait_us, double longest_us, double now_us);
  [[nodiscard]] double jittered(double us) { return us * rng_.uniform(0.75, 1.25); }

  BreakerOptions options_;
  Rng rng_;
  EdgeState state_ = EdgeState::kUnknown;
  std::string reason_, rest_reason_;
  double wait_us_, slow_wait_us_, due_us_ = 0, rests_until_us_ = 0;
  int misses_in_a_row_ = 0, pauses_in_a_row_ = 0;
};

}  // namespace scissionlite::control
