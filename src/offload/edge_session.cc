#include "offload/edge_session.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <variant>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "protocol/declined.h"

namespace scissionlite::offload {
namespace {

constexpr double kLongestWaitUs = 5e6;  // for a check, where an image has no deadline

}  // namespace

EdgeSession::EdgeSession(std::unique_ptr<Edge> edge, std::function<void(Edge&)> check, SessionOptions options)
    : edge_(std::move(edge)), check_(std::move(check)), options_(options), breaker_(options.breaker), limit_(options.log_interval_us) {}

EdgeSession::~EdgeSession() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    wake_.notify_all();
  }
  if (background_.joinable()) background_.join();
}

void EdgeSession::start() {
  if (options_.waits_for_first_check) check_now();
  background_ = std::thread([this] { check_in_background(); });
}

std::string EdgeSession::reason() const {
  const std::lock_guard lock(mutex_);
  return breaker_.reason();
}

bool EdgeSession::is_usable() const {
  const std::lock_guard lock(mutex_);
  return breaker_.is_usable(Clock::steady().now_us());
}

void EdgeSession::space_checks(std::optional<double> us) {
  const std::lock_guard lock(mutex_);
  if (us.value_or(0) < check_spacing_us_.value_or(0) && !breaker_.is_ready()) wake_.notify_all();
  check_spacing_us_ = us;
}

SessionCounters EdgeSession::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

void EdgeSession::change(const std::function<void(control::Breaker&, double now_us)>& by, bool is_own) {
  const std::lock_guard lock(mutex_);
  const EdgeState before = breaker_.state();
  by(breaker_, Clock::steady().now_us());
  state_ = breaker_.state();
  if (is_own && before == EdgeState::kReady && !breaker_.is_ready()) fell_us_ = Clock::steady().now_us();
  tell(before);
  wake_.notify_all();
}

/// Under the lock.
void EdgeSession::tell(EdgeState before) {
  const EdgeState state = breaker_.state();
  const std::string& reason = breaker_.reason();
  std::string note;
  if (before == state && state == EdgeState::kDown && !reason.empty() && reason != logged_ && limit_.admits("down", note)) {
    logged_ = reason;
    log::warning("[offload] the " + options_.who + " is still not used: " + reason);
  }
  if (before == state) return;
  switch (state) {
    case EdgeState::kReady:
      if (before == EdgeState::kUnknown) log::info("[offload] the " + options_.who + " " + edge_->address() + " is ready and holds the right tail");
      else log::warning("[offload] the " + options_.who + " " + edge_->address() + " is back and holds the right tail");
      break;
    case EdgeState::kDown:
      logged_ = reason;
      (void)limit_.admits("down", note);
      log::warning("[offload] the " + options_.who + " is not used for now: " + reason);
      break;
    case EdgeState::kRefused: log::error("[offload] the " + options_.who + " is NOT USED: " + reason); break;
    case EdgeState::kUnknown: break;
  }
}

void EdgeSession::check_now() {
  const std::lock_guard one(checking_);
  is_checking_ = true;
  make_check();
  is_checking_ = false;
}

void EdgeSession::make_check() {
  {
    const std::lock_guard lock(mutex_);
    ++counters_.checks;
    checked_us_ = Clock::steady().now_us(), is_on_trust_ = false, version_.reset();
  }
  try {
    // A connection made between these lines is newer than the number and is checked again; none is missed.
    edge_->connect();
    const uint64_t connection = edge_->connection_number();
    check_(*edge_);
    checked_connection_ = connection;
    change([](auto& breaker, double) { breaker.passed(); });
  } catch (const InvalidArgument& e) {
    holds_other_tail_ = dynamic_cast<const OtherTail*>(&e) != nullptr;
    refuse(e.what());
  } catch (const protocol::Busy& e) {
    note_busy(e);
    change([&](auto& breaker, double now_us) { breaker.unreachable(e.what(), now_us); });
  } catch (const TooSlow& e) {
    change([&](auto& breaker, double now_us) {
      if (check_spacing_us_) breaker.too_slow(e.what(), now_us);
      else breaker.unreachable(e.what(), now_us);
    });
  } catch (const std::exception& e) {
    change([&](auto& breaker, double now_us) { breaker.unreachable(e.what(), now_us); });
  }
}

void EdgeSession::check_in_background() {
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    if (breaker_.is_ready() && !is_check_due()) {
      const auto is_due = [&] { return is_stopping_ || !breaker_.is_ready() || is_check_due(); };
      if (is_on_trust_) wake_.wait_for(lock, std::chrono::duration<double, std::micro>(recheck_in_us()), is_due);
      else wake_.wait(lock, [&] { return is_due() || is_on_trust_; });
      continue;
    }
    const double now_us = Clock::steady().now_us(), due_us = breaker_.is_ready()
                                                                 ? breaker_.rests_until_us()
                                                                 : std::max(breaker_.check_due_us(), checked_us_ + check_spacing_us_.value_or(0));
    if (due_us > now_us) {
      wake_.wait_for(lock, std::chrono::duration<double, std::micro>(due_us - now_us));
      continue;  // a change may have moved it
    }
    is_check_wanted_ = false;  // those who want one from now on doubt what comes after its beginning
    lock.unlock();
    check_now();
    lock.lock();
  }
}

void EdgeSession::note_busy(const protocol::Busy& busy) {
  const std::lock_guard lock(mutex_);
  ++counters_.busy;
  breaker_.told_to_wait(busy.what(), busy.retry_after_us(), Clock::steady().now_us());
  std::string note;
  if (limit_.admits("busy", note)) log::warning("[offload] the " + options_.who + " has no room for this machine: " + busy.what() + note);
}

/// @throws Busy before the time that the edge named.
void EdgeSession::require_rest() {
  const std::lock_guard lock(mutex_);
  const double rest_us = breaker_.rests_until_us() - Clock::steady().now_us();
  if (rest_us <= 0) return;
  ++counters_.busy;
  throw protocol::Busy("not asked for another " + format_us(rest_us) + ": " + breaker_.rest_reason(), rest_us);
}

void EdgeSession::note_failure(const std::string& reason, bool missed_deadline) {
  change([&](auto& breaker, double now_us) {
    ++(missed_deadline ? counters_.deadline_misses : counters_.failures);
    (void)(missed_deadline ? breaker.missed(reason, now_us) : breaker.failed(reason, now_us));
  });
}

/// It holds another tail, as a check or an answer shows.
void EdgeSession::refuse(const std::string& reason) {
  change([&](auto& breaker, double now_us) { ++counters_.refusals, breaker.refused(reason, now_us); });
}

void EdgeSession::doubt(const std::string& reason) {
  change([&](auto& breaker, double now_us) { (void)breaker.failed(reason, now_us); }, /*is_own=*/false);
}

void EdgeSession::ping(size_t padding_bytes, double deadline_us) {
  try {
    edge_->ping(padding_bytes, deadline_us);
  } catch (const TransportError& e) {
    const std::string reason = e.what();
    if (padding_bytes == 0)  // even so little was not answered: so it is the connection
      change([&](auto& breaker, double now_us) { (void)breaker.failed(reason, now_us); });
    throw;
  }
}

double EdgeSession::recheck_in_us() const {
  return is_on_trust_ ? checked_us_ + options_.recheck_us - Clock::steady().now_us() : std::numeric_limits<double>::infinity();
}

/// Soon, on the background thread.
void EdgeSession::want_check() {
  const std::lock_guard lock(mutex_);
  is_check_wanted_ = true;
  wake_.notify_all();
}

/// Waits for the check that makes an answer good, but no longer than its image can. @param asked_on  the connection when the call was made: an answer
/// is only as good as the tail behind its own.
void EdgeSession::require_checked_connection(uint64_t asked_on, double until_us) {
  const uint64_t now_on = edge_->connection_number();
  if (now_on == checked_connection_ && asked_on == checked_connection_) return;
  log::debug("[offload] the connection to " + edge_->address() + " is new; checking the tail again");
  {
    std::unique_lock lock(mutex_);
    const auto is_settled = [&] { return is_stopping_ || !breaker_.is_ready() || checked_connection_ >= now_on; };  // numbers only grow
    if (!is_settled()) wanted_on_ = std::max(wanted_on_, now_on), wake_.notify_all();
    if (asked_on == now_on)
      while (!is_settled() && Clock::steady().now_us() < until_us)
        wake_.wait_for(lock, std::chrono::duration<double, std::micro>(std::min(until_us - Clock::steady().now_us(), kLongestWaitUs)));
  }
  if (state_ == EdgeState::kRefused) throw InvalidArgument(reason());
  if (state_ != EdgeState::kReady) throw NotChecked(reason());
  if (asked_on == now_on && asked_on == checked_connection_) return;
  if (asked_on == now_on && checked_connection_ < asked_on)
    throw NotChecked("[offload] the connection to " + edge_->address() +
                     " is new, and its tail could not be checked in the time of this image; the answer is dropped");
  throw NotChecked("[offload] the connection to " + edge_->address() +
                   " changed while an image was on its way; the answer is dropped, as nobody knows whose it is");
}

/// @throws where nothing may be sent.
void EdgeSession::begin_call() {
  if (state_ == EdgeState::kRefused) throw InvalidArgument(reason());
  if (state_ != EdgeState::kReady) throw TransportError(reason(), /*retryable=*/true);
  require_rest();
  const std::lock_guard lock(mutex_);
  ++counters_.calls;
}

EdgeSession::Asked EdgeSession::asked(const protocol::InferRequest& request, double deadline_us) {
  Asked out{.id = request.id, .model_sha256 = {}, .start_us = Clock::steady().now_us(), .deadline_us = deadline_us};
  if (const auto it = request.parameters.find(kModelHashKey); it != request.parameters.end())
    if (const auto* hash = std::get_if<std::string>(&it->second)) out.model_sha256 = *hash;
  return out;
}

/// An edge may put another model in the tail's place while the connection stays: ours says with each answer whose it is, others change the version
/// that they answer, or nothing.
/// @throws InvalidArgument: it is another's; NotChecked: it may be.
void EdgeSession::require_same_model(const Asked& asked, const protocol::InferResult& result) {
  const auto it = result.parameters.find(kModelHashKey);
  const auto* hash = it == result.parameters.end() ? nullptr : std::get_if<std::string>(&it->second);
  if (hash != nullptr && !asked.model_sha256.empty()) {
    if (*hash == asked.model_sha256) return;
    const std::string reason = "[offload] " + edge_->address() + " answered with the model of sha256 " + *hash + ", asked for " + asked.model_sha256 +
                               "; the answer is dropped";
    refuse(reason);
    throw InvalidArgument(reason);
  }
  const std::lock_guard lock(mutex_);
  if (!is_on_trust_) is_on_trust_ = true, wake_.notify_all();
  if (!version_) version_ = result.version;
  if (*version_ == result.version) return;
  is_check_wanted_ = true;
  wake_.notify_all();
  throw NotChecked("[offload] " + edge_->address() + " answers version '" + result.version + "' of the model now, and answered '" + *version_ +
                   "' before; its tail is checked again, the answer is dropped");
}

/// @param take  waits for the answer, or reads one that has come. @param held_us  may be nullptr.
protocol::InferResult EdgeSession::end_call(const Asked& asked, const std::function<protocol::InferResult()>& take, double* held_us) {
  const double start_us = asked.start_us, deadline_us = asked.deadline_us;
  protocol::InferResult result;
  try {
    result = take();
  } catch (const protocol::Busy& e) {  // it lives, and says when to come back
    note_busy(e);
    throw;
  } catch (const protocol::Declined&) {  // it lives, and the next request may be another matter
    throw;
  } catch (const TransportError& e) {
    const bool missed = deadline_us > 0 && Clock::steady().now_us() - start_us >= deadline_us * 0.98;
    note_failure(e.what(), missed);
    throw;
  } catch (const InvalidArgument&) {  // this image, or the tail was replaced: the probe tells them apart
    want_check();
    throw;
  }
  const double answered_us = Clock::steady().now_us();
  require_checked_connection(result.connection, deadline_us > 0 ? start_us + deadline_us : answered_us + kLongestWaitUs);
  if (held_us) *held_us = Clock::steady().now_us() - answered_us;
  require_same_model(asked, result);
  const std::lock_guard lock(mutex_);
  if (!result.id.empty() && result.id != asked.id) {
    ++counters_.mismatched_ids;
    throw TransportError(
        "[offload] " + edge_->address() + " answered request '" + result.id + "' to request '" + asked.id + "'; the answer is dropped",
        /*retryable=*/true);
  }
  breaker_.answered();
  return result;
}

protocol::InferResult EdgeSession::call(const protocol::InferRequest& request, double deadline_us, double* held_us) {
  begin_call();
  return end_call(
      asked(request, deadline_us), [&] { return edge_->infer(request, deadline_us); }, held_us);
}

void EdgeSession::call_async(const protocol::InferRequest& request, double deadline_us, protocol::Answered done) {
  begin_call();
  edge_->infer_async(request, deadline_us,
                     [this, asked = asked(request, deadline_us), done = std::move(done)](std::function<protocol::InferResult()> take) {
                       done([this, asked, take = std::move(take)] { return end_call(asked, take, /*held_us=*/nullptr); });
                     });
}

}  // namespace scissionlite::offload
