// One inference request on its way through a model: its inputs, how long it may take, and who is told the outcome.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "server/call/refusal.h"
#include "server/observe/forward_times.h"
#include "server/observe/statistics.h"
#include "trace/context.h"

namespace scissionlite::server {

/// For whom the next machine works, as it is told.
struct Onward {
  std::optional<trace::Context> trace{};
  std::string device{};
};

struct Outcome {
  Code code = Code::kOk;
  std::string message;          // why it failed
  std::vector<Tensor> outputs;  // in the model's order; views of the engine's buffer, valid only inside `done`
  RequestTimes times;
  double retry_after_us = 0;              // hint with kUnavailable
  int64_t run_items = 0;                  // of all requests that ran together
  std::optional<ForwardTimes> forward{};  // where the model is the middle of three
  bool runs_on = false;                   // the engine is still at the request: its inputs stay
};

/// Times are of the steady clock, in nanoseconds.
struct Job {
  std::vector<Tensor> inputs;  // in the model's order
  int64_t batch = 1;           // items along the first dimension; 1 where the model does not batch
  int64_t arrived_ns = 0, queued_ns = 0, decode_ns = 0;
  int64_t expected_ns = 0;  // from queued to answered, as the queue expected it when it let the job in
  std::optional<int64_t> deadline_ns;
  std::string id;  // as the request has it, for the next machine's log
  Onward onward;
  bool is_probe = false;                     // the server's own question: runs alone and counts in no statistics
  std::shared_ptr<const void> keeps;         // what its run uses, also once it is answered
  std::function<void(const Outcome&)> done;  // called once, from any thread; again with the error where it throws

  /// From any thread.
  void cancel() { caller_->is_gone = true; }
  /// The same; a run under way is not waited for either.
  void give_up() { caller_->gives_up = caller_->is_gone = true; }
  [[nodiscard]] bool is_cancelled() const { return caller_->is_gone; }
  [[nodiscard]] bool is_given_up() const { return caller_->gives_up; }
  /// From now on it is cancelled when `other` is.
  void is_of_the_caller_of(const Job& other) { caller_ = other.caller_; }

  /// Whoever gets true, the first, has to tell the outcome: a run may end when its caller has just been told something else.
  [[nodiscard]] bool claim() { return !is_finished_.exchange(true); }
  [[nodiscard]] bool is_finished() const { return is_finished_; }
  /// What `done` holds is freed afterwards. What it throws (there is no memory for what follows, say) is told in place of the outcome: it is no fault
  /// of the engine whose thread this is, and its caller waits.
  void tell(const Outcome& outcome) noexcept;
  /// Both.
  void finish(const Outcome& outcome) noexcept {
    if (claim()) tell(outcome);
  }

 private:
  struct Caller {
    std::atomic<bool> is_gone{false}, gives_up{false};
  };
  std::shared_ptr<Caller> caller_ = std::make_shared<Caller>();
  std::atomic<bool> is_finished_{false};
};

}  // namespace scissionlite::server
