// Whether the edge is asked at all: what became of calls and checks, as a state.
//
//   kUnknown --check--> kReady | kDown | kRefused
//   kReady --call fails--> kDown;  --`misses_to_open` deadlines missed in a row--> kDown
//   kDown --check passes--> kReady;      --finds another tail--> kRefused
//   kRefused --check passes--> kReady    (the edge was given the right tail, or was updated)
// Not thread-safe, has no thread and no clock: its owner says what happened and when, and makes a check when one is due. That is half-open: a check
// is a probe with a known answer, so no image is risked on an edge that was down.
#pragma once

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
  int misses_to_open = 3;
  uint64_t seed = 1;  // of the jitter
};

class Breaker {
 public:
  explicit Breaker(BreakerOptions options = {}) : options_(options), rng_(options.seed), wait_us_(options.first_retry_us) {}

  [[nodiscard]] EdgeState state() const { return state_; }
  [[nodiscard]] bool is_ready() const { return state_ == EdgeState::kReady; }
  /// Why it is down or refused; "" when ready.
  [[nodiscard]] const std::string& reason() const { return reason_; }
  /// When the next check is due; never while ready.
  [[nodiscard]] double check_due_us() const { return state_ == EdgeState::kReady ? std::numeric_limits<double>::infinity() : due_us_; }

  /// A check passed, found another tail, or could not be made.
  void passed();
  void refused(std::string reason, double now_us);
  void unreachable(std::string reason, double now_us);

  /// A call was answered, missed its deadline, or failed at once. @return whether the state changed.
  void answered();
  bool missed(std::string reason, double now_us);
  bool failed(std::string reason, double now_us);
  /// The edge asks for a pause: it is not used before, and then checked first.
  bool told_to_wait(std::string reason, double pause_us, double now_us);

 private:
  bool open(EdgeState state, std::string reason, double now_us);
  [[nodiscard]] double jittered(double us) { return us * rng_.uniform(0.75, 1.25); }

  BreakerOptions options_;
  Rng rng_;
  EdgeState state_ = EdgeState::kUnknown;
  std::string reason_;
  double wait_us_, due_us_ = 0;
  int misses_in_a_row_ = 0;
};

}  // namespace scissionlite::control
