// The edge with a memory: whether it can be used now, checked once a connection, tried again in the background.
//
// States and when to check again are control::Breaker's; here are the thread that checks, the connection, and what is logged.
// An edge that is busy (protocol::Busy: a quota, a full queue) stays kReady and is not asked before the time that it names, a minute at most.
// Each change of state is logged once, and a new reason to stay down once a minute; the waits of the background check double up to a limit, with
// jitter, so that many devices do not return at the same moment.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/log_limit.h"
#include "control/breaker.h"
#include "offload/edge.h"

namespace scissionlite::offload {

using control::EdgeState;

struct SessionOptions {
  control::BreakerOptions breaker{};
  double log_interval_us = 60e6;      // between two reasons to stay down
  double recheck_us = 30e6;           // of an edge that does not say with each answer whose it is, the tail is checked as often, where it is asked
  bool waits_for_first_check = true;  // `start` does; else it is made in the background
  std::string who = "edge";           // what the log calls it
};

struct SessionCounters {
  int64_t calls = 0, deadline_misses = 0, failures = 0;  // failures: calls only
  int64_t checks = 0, refusals = 0, mismatched_ids = 0;  // refusals: how often another tail was found
  int64_t busy = 0;                                      // calls that the edge refused with a time to come back, and those held back until then
};

/// An answer that nobody vouches for: its tail was not checked in time, or its connection has changed. It says nothing of the link.
class NotChecked : public TransportError {
 public:
  explicit NotChecked(const std::string& m) : TransportError(m, /*retryable=*/true) {}
};

/// Thread-safe.
class EdgeSession {
 public:
  /// @param check  throws OtherTail or another InvalidArgument when the edge does not hold the tail, TransportError when it cannot be asked.
  EdgeSession(std::unique_ptr<Edge> edge, std::function<void(Edge&)> check, SessionOptions options = {});
  ~EdgeSession();
  EdgeSession(const EdgeSession&) = delete;
  EdgeSession& operator=(const EdgeSession&) = delete;

  /// Checks now and starts the background check. Never throws for the edge's sake; see `state` and `reason`.
  void start();
  [[nodiscard]] EdgeState state() const { return state_; }
  /// Ready, and has not asked for a pause that is not over.
  [[nodiscard]] bool is_usable() const;
  /// From now on others on the same link come first: no check of an edge that is not ready begins sooner than so long after the last one began, and
  /// what the link was too slow for is tried seldom. Nothing: this one comes first, as at the beginning.
  void space_checks(std::optional<double> us);
  /// A check is under way, which takes the link from whatever else is sent.
  [[nodiscard]] bool is_checking() const { return is_checking_; }
  /// When it last stopped being ready by what it found out itself, of the steady clock; 0: never.
  [[nodiscard]] double fell_us() const { return fell_us_; }
  /// Of the last check: it was refused for OtherTail.
  [[nodiscard]] bool holds_other_tail() const { return holds_other_tail_; }
  /// Why it is down or refused; "" when ready.
  [[nodiscard]] std::string reason() const;
  /// Sends one request. An answer that came over a connection not checked yet is held back until the check passes, which the background thread makes,
  /// or `deadline_us` is over.
  /// @param held_us  gets how long that was. @throws TransportError when the edge cannot be used, failed or missed `deadline_us`; NotChecked;
  /// InvalidArgument when it refused.
  [[nodiscard]] protocol::InferResult call(const protocol::InferRequest& request, double deadline_us, double* held_us = nullptr);
  /// The same without a thread that waits. `done` is told on a thread of the edge's, which it must not hold up; `take` gives the answer or throws as
  /// `call` does, and may wait for a check of the tail until `deadline_us` is over: call it on another thread. The session must outlive both.
  /// @throws what `call` throws where nothing is sent; then `done` is not called.
  void call_async(const protocol::InferRequest& request, double deadline_us, protocol::Answered done);
  /// The link is said to be lost: the edge is checked before it is asked again. That says nothing of `fell_us`.
  void doubt(const std::string& reason);
  /// See Edge::ping. One without padding that fails opens the breaker: so little always arrives where anything does. @throws TransportError.
  void ping(size_t padding_bytes, double deadline_us);
  [[nodiscard]] SessionCounters counters() const;
  [[nodiscard]] const Edge& edge() const { return *edge_; }

 private:
  void check_now();
  void make_check();
  void check_in_background();
  void change(const std::function<void(control::Breaker&, double now_us)>& by, bool is_own = true);
  void tell(EdgeState before);
  void note_busy(const protocol::Busy& busy);
  void require_rest();
  void begin_call();
  /// What an answer must be of.
  struct Asked {
    std::string id, model_sha256;
    double start_us = 0, deadline_us = 0;
  };
  [[nodiscard]] static Asked asked(const protocol::InferRequest& request, double deadline_us);
  [[nodiscard]] protocol::InferResult end_call(const Asked& asked, const std::function<protocol::InferResult()>& take, double* held_us);
  void require_same_model(const Asked& asked, const protocol::InferResult& result);
  void note_failure(const std::string& reason, bool missed_deadline);
  void refuse(const std::string& reason);
  void want_check();
  [[nodiscard]] bool is_check_due() const {
    return is_check_wanted_ || wanted_on_ > checked_connection_ || recheck_in_us() <= 0;
  }  // of a session that is ready
  [[nodiscard]] double recheck_in_us() const;
  void require_checked_connection(uint64_t asked_on, double until_us);

  std::unique_ptr<Edge> edge_;
  std::function<void(Edge&)> check_;
  SessionOptions options_;
  std::atomic<EdgeState> state_{EdgeState::kUnknown};
  std::atomic<uint64_t> checked_connection_{0};
  std::atomic<double> fell_us_{0};
  std::atomic<bool> holds_other_tail_{false};
  std::mutex checking_;  // one check at a time
  std::atomic<bool> is_checking_{false};
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  control::Breaker breaker_;
  SessionCounters counters_;
  std::string logged_;  // why it is down, as last written
  bool is_stopping_ = false;
  bool is_check_wanted_ = false;            // though it is ready; the background thread makes it
  uint64_t wanted_on_ = 0;                  // connection whose tail images wait for
  double checked_us_ = 0;                   // when the last check began, of the steady clock
  std::optional<double> check_spacing_us_;  // nothing: it comes first
  bool is_on_trust_ = false;                // it has answered since, without a hash of the model
  std::optional<std::string> version_;      // of the model in the first such answer since
  LogLimit limit_;
  std::thread background_;
};

}  // namespace scissionlite::offload
