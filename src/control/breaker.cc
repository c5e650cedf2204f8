#include "control/breaker.h"

#include <cmath>
#include <utility>

namespace scissionlite::control {
namespace {

constexpr double kLongestPauseUs = 60e6;  // that our own server asks for
constexpr int kMostDoublings = 20;
constexpr double kPauseJitter = 1.1;  // never before, and not all devices at once

}  // namespace

void Breaker::passed() { state_ = EdgeState::kReady, reason_.clear(), slow_wait_us_ = options_.slow_retry_us; }

void Breaker::wait_longer(double& wait_us, double longest_us, double now_us) {
  due_us_ = now_us + jittered(wait_us), wait_us = std::min(wait_us * 2, longest_us);
}

/// Repeated falls without an answered call between them keep the long wait.
bool Breaker::open(EdgeState state, std::string reason, double now_us) {
  const bool changes = state_ != state;
  state_ = state, reason_ = std::move(reason);
  if (state == EdgeState::kRefused) due_us_ = now_us + jittered(options_.refused_retry_us);
  else wait_longer(wait_us_, options_.longest_retry_us, now_us);
  return changes;
}

void Breaker::refused(std::string reason, double now_us) { (void)open(EdgeState::kRefused, std::move(reason), now_us); }
void Breaker::unreachable(std::string reason, double now_us) { (void)open(EdgeState::kDown, std::move(reason), now_us); }

void Breaker::too_slow(std::string reason, double now_us) {
  state_ = EdgeState::kDown, reason_ = std::move(reason);
  wait_longer(slow_wait_us_, options_.longest_slow_retry_us, now_us);
}

void Breaker::answered() { misses_in_a_row_ = pauses_in_a_row_ = 0, wait_us_ = options_.first_retry_us; }

bool Breaker::missed(std::string reason, double now_us) {
  ++misses_in_a_row_;
  return state_ == EdgeState::kReady && misses_in_a_row_ >= options_.misses_to_open && open(EdgeState::kDown, std::move(reason), now_us);
}

bool Breaker::failed(std::string reason, double now_us) { return state_ == EdgeState::kReady && open(EdgeState::kDown, std::move(reason), now_us); }

void Breaker::told_to_wait(std::string reason, double pause_us, double now_us) {
  if (!(pause_us > 0)) return;
  rest_reason_ = std::move(reason);
  const double asked_us = std::min(pause_us, kLongestPauseUs);
  const double rest_us = std::max(asked_us, std::min(std::ldexp(asked_us, pauses_in_a_row_), options_.longest_retry_us));
  pauses_in_a_row_ = std::min(pauses_in_a_row_ + 1, kMostDoublings);
  rests_until_us_ = std::max(rests_until_us_, now_us + rest_us * rng_.uniform(1, kPauseJitter));
}

}  // namespace scissionlite::control
