#include "device/edge_session.h"

#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

namespace scissionlite::device {

EdgeSession::EdgeSession(std::unique_ptr<Edge> edge, std::function<void(Edge&)> check, SessionOptions options)
    : edge_(std::move(edge)), check_(std::move(check)), options_(options), rng_(options.seed), limit_(options.log_interval_us) {}

EdgeSession::~EdgeSession() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    wake_.notify_all();
  }
  if (background_.joinable()) background_.join();
}

void EdgeSession::start() {
  check_now();
  background_ = std::thread([this] { check_in_background(); });
}

std::string EdgeSession::reason() const {
  const std::lock_guard lock(mutex_);
  return reason_;
}

SessionCounters EdgeSession::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

void EdgeSession::set_state(EdgeState state, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  const EdgeState before = state_.exchange(state);
  reason_ = reason;
  if (state == EdgeState::kRefused) ++counters_.refusals;
  std::string note;
  if (before == state && state == EdgeState::kDown && !reason.empty() && reason != logged_ && limit_.admits("down", note)) {
    logged_ = reason;
    log::warning("[offload] the edge is still not used: " + reason);
  }
  if (before == state) return;
  switch (state) {
    case EdgeState::kReady:
      if (before == EdgeState::kUnknown) log::info("[offload] the edge " + edge_->address() + " is ready and holds the right tail");
      else log::warning("[offload] the edge " + edge_->address() + " is back and holds the right tail");
      break;
    case EdgeState::kDown:
      logged_ = reason;
      (void)limit_.admits("down", note);
      log::warning("[offload] the edge is not used for now: " + reason);
      break;
    case EdgeState::kRefused: log::error("[offload] WRONG TAIL, the edge is not used: " + reason); break;
    case EdgeState::kUnknown: break;
  }
  wake_.notify_all();
}

void EdgeSession::check_now() {
  const std::lock_guard one(checking_);
  {
    const std::lock_guard lock(mutex_);
    ++counters_.checks;
  }
  try {
    // A connection made between these lines is newer than the number and is checked again; none is missed.
    edge_->connect();
    const uint64_t connection = edge_->connection_number();
    check_(*edge_);
    checked_connection_ = connection;
    set_state(EdgeState::kReady, "");
  } catch (const InvalidArgument& e) {
    set_state(EdgeState::kRefused, e.what());
  } catch (const protocol::Busy& e) {
    note_busy(e);
    set_state(EdgeState::kDown, e.what());
  } catch (const std::exception& e) {
    set_state(EdgeState::kDown, e.what());
  }
}

void EdgeSession::check_in_background() {
  double wait_us = options_.first_retry_us;
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    if (state_ == EdgeState::kReady) {
      wake_.wait(lock, [&] { return is_stopping_ || state_ != EdgeState::kReady; });
      // Repeated falls without a good call between them keep the long wait.
      if (misses_in_a_row_ == 0) wait_us = options_.first_retry_us;
      continue;
    }
    const double base_us = state_ == EdgeState::kRefused ? options_.refused_retry_us : wait_us;
    const double rest_us = std::max(0.0, rests_until_us_ - Clock::steady().now_us());
    const auto pause = std::chrono::microseconds(static_cast<int64_t>(rest_us + base_us * rng_.uniform(0.75, 1.25)));
    if (wake_.wait_for(lock, pause, [&] { return is_stopping_ || state_ == EdgeState::kReady; })) continue;
    lock.unlock();
    check_now();
    lock.lock();
    wait_us = std::min(wait_us * 2, options_.longest_retry_us);
  }
}

void EdgeSession::note_busy(const protocol::Busy& busy) {
  const std::lock_guard lock(mutex_);
  ++counters_.busy;
  rests_until_us_ = std::max(rests_until_us_, Clock::steady().now_us() + busy.retry_after_us());
  rest_reason_ = busy.what();
  std::string note;
  if (limit_.admits("busy", note)) log::warning("[offload] the edge has no room for this device: " + rest_reason_ + note);
}

/// @throws Busy before the time that the edge named.
void EdgeSession::require_rest() {
  const std::lock_guard lock(mutex_);
  const double rest_us = rests_until_us_ - Clock::steady().now_us();
  if (rest_us <= 0) return;
  ++counters_.busy;
  throw protocol::Busy("not asked for another " + format_us(rest_us) + ": " + rest_reason_, rest_us);
}

void EdgeSession::note_failure(const std::string& reason, bool missed_deadline) {
  bool opens = !missed_deadline;
  {
    const std::lock_guard lock(mutex_);
    ++(missed_deadline ? counters_.deadline_misses : counters_.failures);
    if (missed_deadline && ++misses_in_a_row_ >= options_.misses_to_open) opens = true;
  }
  if (opens && state_ == EdgeState::kReady) set_state(EdgeState::kDown, reason);
}

void EdgeSession::require_checked_connection() {
  if (edge_->connection_number() == checked_connection_) return;
  log::debug("[offload] the connection to " + edge_->address() + " is new; checking the tail again");
  check_now();
  if (state_ == EdgeState::kRefused) throw InvalidArgument(reason());
  if (state_ != EdgeState::kReady) throw TransportError(reason(), /*retryable=*/true);
}

protocol::InferResult EdgeSession::call(const protocol::InferRequest& request, double deadline_us) {
  if (state_ == EdgeState::kRefused) throw InvalidArgument(reason());
  if (state_ != EdgeState::kReady) throw TransportError(reason(), /*retryable=*/true);
  require_rest();
  const double start_us = Clock::steady().now_us();
  {
    const std::lock_guard lock(mutex_);
    ++counters_.calls;
  }
  protocol::InferResult result;
  try {
    result = edge_->infer(request, deadline_us);
  } catch (const protocol::Busy& e) {  // it lives, and says when to come back
    note_busy(e);
    throw;
  } catch (const TransportError& e) {
    const bool missed = deadline_us > 0 && Clock::steady().now_us() - start_us >= deadline_us * 0.98;
    note_failure(e.what(), missed);
    throw;
  } catch (const InvalidArgument&) {  // this image, or the tail was replaced: the probe tells them apart
    check_now();
    throw;
  }
  require_checked_connection();
  const std::lock_guard lock(mutex_);
  if (!result.id.empty() && result.id != request.id) {
    ++counters_.mismatched_ids;
    throw TransportError("[offload] " + edge_->address() + " answered request '" + result.id + "' to request '" + request.id +
                             "'; the answer is dropped",
                         /*retryable=*/true);
  }
  misses_in_a_row_ = 0;
  return result;
}

}  // namespace scissionlite::device
