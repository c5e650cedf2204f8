// What waits for the executables of one model, and what runs next: decided from given times, without a clock or a thread.
//
// The request whose deadline comes first is first; one without a deadline counts as if it had kPatienceNs, so that it is not passed by for
// ever. A request comes in only when it can probably be answered in time behind what is ahead of it: under overload the queue stays
// as short as its deadlines, what is refused is refused at once, when its sender can still do something else, and the engine runs
// what will be of use. A batch grows only as long as its first request is still answered in time. Both with a reserve (reserve.h).
// While every executable hangs, nobody is let in nor waits; what runs is told so too, and at its deadline.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "server/queueing/job.h"
#include "server/queueing/reserve.h"
#include "server/queueing/run_times.h"

namespace scissionlite::server {

struct BatchingOptions {
  bool combine = false;              // several requests in one run; inputs and outputs have a batch as first dimension
  int64_t max_batch = 1;             // items in one run
  std::vector<int64_t> preferred{};  // run at once when one of these is reached; empty: max_batch
  int64_t max_delay_ns = 0;          // longest wait for a preferred size
  size_t queue_size = 256;           // requests that may wait
  int64_t queue_timeout_ns = 0;      // longest wait of a request; 0: no limit
  int64_t hang_ns = 60'000'000'000;  // a run longer than this counts as hung
};

using Jobs = std::vector<std::shared_ptr<Job>>;

/// What one executable is at; `since_ns` 0: idle.
struct Busy {
  int64_t since_ns = 0, items = 0;
  bool is_out = false;         // takes no requests: it has failed, and another has not
  bool is_probe = false;       // what it is at is the server's own question
  const Jobs* jobs = nullptr;  // that it runs
};

class JobQueue {
 public:
  explicit JobQueue(BatchingOptions options) : options_(std::move(options)) {}

  /// Takes the job in: kOk. Else why not: kUnavailable, and after how long it may be worth asking again; kDeadlineExceeded where a run alone takes
  /// longer than there is.
  struct Refused {
    Code code = Code::kOk;
    std::string why{};
    double retry_after_us = 0;
  };
  [[nodiscard]] Refused push(const std::shared_ptr<Job>& job, const std::vector<Busy>& executables, int64_t now_ns);
  /// False where it does not wait here.
  bool remove(const std::shared_ptr<Job>& job);
  /// Takes out what was cancelled, cannot be answered in time any more or has waited too long.
  struct Dead {
    std::shared_ptr<Job> job;
    Refused why;
  };
  [[nodiscard]] std::vector<Dead> take_dead(const std::vector<Busy>& executables, int64_t now_ns);
  /// Of what runs and was not told: what is past its deadline, given up, or in a run that hangs. Probes wait on: their answer tells that it is well.
  [[nodiscard]] std::vector<Dead> dead_at_run(const std::vector<Busy>& executables, int64_t now_ns) const;

  /// What to run now, taken out; or nothing, and when to ask again (0: when something comes).
  struct Next {
    Jobs jobs;
    int64_t again_ns = 0;
  };
  [[nodiscard]] Next next(bool is_stopping, int64_t now_ns);

  /// `jobs` have run together.
  void ran(const Jobs& jobs, int64_t items, int64_t run_ns, int64_t now_ns);
  [[nodiscard]] size_t size() const { return waiting_.size(); }
  [[nodiscard]] bool empty() const { return waiting_.empty(); }
  [[nodiscard]] int64_t oldest_wait_ns(int64_t now_ns) const;

  static constexpr int64_t kPatienceNs = 1'000'000'000;

 private:
  struct Group {
    std::vector<size_t> members;           // places in waiting_
    int64_t items = 0, items_at_hand = 0;  // in it; and without deadlines
  };
  void learn_reserve(const Job& job, int64_t answered_ns);
  void learn_stretch(const Group& run, int64_t now_ns);
  [[nodiscard]] Group group(int64_t now_ns) const;
  [[nodiscard]] int64_t longest_delay_ns(const Job& job, int64_t items, int64_t now_ns) const;
  [[nodiscard]] int64_t size_to_run(int64_t items) const;
  void shorten(Group& group, int64_t limit) const;
  [[nodiscard]] Jobs take(const Group& group);
  [[nodiscard]] int64_t runs_ns(size_t jobs, int64_t items, int64_t now_ns) const;
  [[nodiscard]] int64_t wait_ns(size_t ahead, const std::vector<Busy>& executables, int64_t now_ns) const;
  [[nodiscard]] double hint_us(const std::vector<Busy>& executables, int64_t now_ns) const;
  [[nodiscard]] bool hangs(const Busy& busy, int64_t now_ns) const;
  [[nodiscard]] bool all_hang(const std::vector<Busy>& executables, int64_t now_ns) const;
  [[nodiscard]] Refused why_hung(const std::vector<Busy>& executables, int64_t now_ns) const;
  [[nodiscard]] Refused why_dead(const Job& job, const std::vector<Busy>& executables, int64_t now_ns) const;
  [[nodiscard]] Refused why_dead_at_run(const Job& job, const Busy& busy, const std::vector<Busy>& executables, int64_t now_ns) const;
  [[nodiscard]] bool is_late(const Job& job, int64_t answered_ns) const;

  const BatchingOptions options_;
  std::deque<std::shared_ptr<Job>> waiting_;  // the most urgent first
  RunTimes times_;
  Reserve reserve_, run_reserve_;  // of waiting and running; of running
  double stretch_ = 1;             // of what waits, over batches that no deadline cuts short
};

}  // namespace scissionlite::server
