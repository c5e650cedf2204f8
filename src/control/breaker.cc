#include "control/breaker.h"

#include <algorithm>
#include <utility>

namespace scissionlite::control {

void Breaker::passed() { state_ = EdgeState::kReady, reason_.clear(); }

/// Repeated falls without an answered call between them keep the long wait.
bool Breaker::open(EdgeState state, std::string reason, double now_us) {
  const bool changes = state_ != state;
  state_ = state, reason_ = std::move(reason);
  if (state == EdgeState::kRefused) due_us_ = now_us + jittered(options_.refused_retry_us);
  else due_us_ = now_us + jittered(wait_us_), wait_us_ = std::min(wait_us_ * 2, options_.longest_retry_us);
  return changes;
}

void Breaker::refused(std::string reason, double now_us) { (void)open(EdgeState::kRefused, std::move(reason), now_us); }
void Breaker::unreachable(std::string reason, double now_us) { (void)open(EdgeState::kDown, std::move(reason), now_us); }

void Breaker::answered() { misses_in_a_row_ = 0, wait_us_ = options_.first_retry_us; }

bool Breaker::missed(std::string reason, double now_us) {
  ++misses_in_a_row_;
  return state_ == EdgeState::kReady && misses_in_a_row_ >= options_.misses_to_open && open(EdgeState::kDown, std::move(reason), now_us);
}

bool Breaker::failed(std::string reason, double now_us) { return state_ == EdgeState::kReady && open(EdgeState::kDown, std::move(reason), now_us); }

bool Breaker::told_to_wait(std::string reason, double pause_us, double now_us) {
  if (state_ != EdgeState::kReady) return false;
  state_ = EdgeState::kDown, reason_ = std::move(reason);
  due_us_ = now_us + pause_us * rng_.uniform(1, 1.5);  // never before
  return true;
}

}  // namespace scissionlite::control
