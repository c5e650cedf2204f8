#include "server/queueing/batcher.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "server/call/retry_hint.h"

namespace scissionlite::server {
namespace {

constexpr std::chrono::nanoseconds kFirstLook = std::chrono::seconds(2), kLongestLook = std::chrono::seconds(30);  // at an executable that failed

int64_t now_ns() { return Clock::steady().now_ns(); }

void fail(Job& job, Statistics& statistics, Outcome outcome) {
  if (!job.claim()) return;
  outcome.times.total_ns = now_ns() - job.arrived_ns;
  if (!job.is_probe) statistics.add_failure(outcome.times.total_ns, outcome.code);
  job.tell(outcome);
}

Outcome refused_as(const JobQueue::Refused& refused) {
  const std::string hint = refused.retry_after_us > 0 ? "; retry after " + format_us(refused.retry_after_us) : "";
  return {.code = refused.code, .message = refused.why + hint, .outputs = {}, .times = {}, .retry_after_us = refused.retry_after_us};
}

}  // namespace

Tensor concatenate(std::span<const Tensor> parts) {
  Shape shape = parts[0].shape();
  shape[0] = 0;
  for (const auto& part : parts) shape[0] += part.shape()[0];
  Tensor out(parts[0].dtype(), std::move(shape));
  auto* to = out.mutable_data();
  for (const auto& part : parts) {
    if (part.size_bytes() > 0) std::memcpy(to, part.data(), part.size_bytes());
    to += part.size_bytes();
  }
  return out;
}

Tensor slice_items(const Tensor& tensor, int64_t first, int64_t count) {
  Shape shape = tensor.shape();
  const size_t item_bytes = shape[0] > 0 ? tensor.size_bytes() / static_cast<size_t>(shape[0]) : 0;
  shape[0] = count;
  return {tensor.dtype(), std::move(shape), std::make_shared<Tensor>(tensor), tensor.data() + static_cast<size_t>(first) * item_bytes};
}

/// A model that was loaded and tried runs; what does not fit is of these inputs.
std::vector<Tensor> infer(Executable& executable, std::span<const Tensor> inputs) {
  try {
    return executable.run(inputs);
  } catch (const ModelError& error) { throw InvalidArgument(error.what()); }
}

/// Of the exception in flight: whether the engine is to blame, and not what it was given.
bool is_the_engines_fault(const Refusal& refusal) { return refusal.code() == Code::kInternal || refusal.code() == Code::kResourceExhausted; }

/// What the threads share. `queue` and `busy` are guarded by `mutex`.
struct Batcher::State {
  explicit State(const BatchingOptions& options) : options(options), queue(options) {}
  const BatchingOptions options;
  std::shared_ptr<Statistics> statistics;
  Check check;
  std::vector<std::unique_ptr<Executable>> executables;  // each used by its own thread
  mutable std::mutex mutex;
  std::condition_variable changed;
  JobQueue queue;
  std::vector<Busy> busy;          // one an executable
  std::vector<bool> is_suspect;    // the same; it failed, and nothing has shown yet that it can infer
  std::condition_variable judged;  // `busy[...].is_out` has changed
  bool is_stopping = false;

  /// Waits for work. Empty `jobs` and `dead` mean: stop. Others look at `jobs` until `rest`.
  void next(size_t worker, Jobs& jobs, std::vector<JobQueue::Dead>& dead) {
    std::unique_lock lock(mutex);
    auto look_again = kFirstLook;
    while (true) {
      if (is_suspect[worker]) {
        const bool was_out = busy[worker].is_out;
        const auto is_due = [&] { return is_stopping || busy[worker].is_out != was_out || (!was_out && !queue.empty()); };
        if (!(was_out ? judged : changed).wait_for(lock, look_again, is_due)) {
          look_again = std::min(2 * look_again, kLongestLook);
          recover(worker, lock);
          continue;
        }
        if (is_stopping && was_out) return;  // the others end what waits
        if (busy[worker].is_out != was_out) continue;
      }
      changed.wait(lock, [&] { return is_stopping || !queue.empty(); });
      dead = queue.take_dead(busy, now_ns());
      if (!dead.empty()) return;
      if (queue.empty()) {
        if (is_stopping) return;
        continue;
      }
      auto [found, again_ns] = queue.next(is_stopping, now_ns());
      if (found.empty()) {
        changed.wait_for(lock, std::chrono::nanoseconds(std::max<int64_t>(0, again_ns - now_ns())));
        continue;
      }
      jobs = std::move(found);
      busy[worker].since_ns = now_ns(), busy[worker].items = items_of(jobs), busy[worker].is_probe = jobs[0]->is_probe, busy[worker].jobs = &jobs;
      return;
    }
  }

  /// Under the lock.
  void rest(size_t worker) { busy[worker] = {.is_out = busy[worker].is_out}; }

  /// Under the lock, when a run has ended. Whether it had hung: then it says nothing of the next, and the engine is well again.
  bool had_hung(size_t worker, int64_t ended_ns) {
    const int64_t took_ns = ended_ns - busy[worker].since_ns;
    if (took_ns <= options.hang_ns) return false;
    busy[worker].since_ns = ended_ns;
    log::warning("[server] a run that hung has ended after " + format_us(static_cast<double>(took_ns) * 1e-3) +
                 "; results of requests that were told so are dropped");
    return true;
  }

  /// Under the lock. Where some have failed, the others take what comes; where all have, each goes on trying.
  void judge(size_t worker, bool suspect) {
    is_suspect[worker] = suspect;
    const bool has_sound = std::count(is_suspect.begin(), is_suspect.end(), false) > 0;
    for (size_t i = 0; i < busy.size(); ++i) busy[i].is_out = is_suspect[i] && has_sound;
    judged.notify_all();
    changed.notify_all();
  }

  /// A suspect executable's own probe, while nothing is asked of it: as it is, then one anew. Without the lock meanwhile.
  void recover(size_t worker, std::unique_lock<std::mutex>& lock) {
    busy[worker].since_ns = now_ns(), busy[worker].is_probe = true;
    lock.unlock();
    bool is_sound = true;
    try {
      try {
        check(*executables[worker]);
      } catch (...) {
        auto fresh = executables[worker]->clone();
        check(*fresh);
        executables[worker] = std::move(fresh);
      }
    } catch (...) {
      log::debug(std::string("[server] an engine that failed still cannot infer: ") + current_refusal().what());
      is_sound = false;
    }
    lock.lock();
    rest(worker);
    if (!is_sound) return;
    log::info("[server] an engine that failed can infer again");
    judge(worker, false);
  }

  void tell_dead(const std::vector<JobQueue::Dead>& dead, bool runs_on = false) {
    for (const auto& [job, why] : dead) {
      auto outcome = refused_as(why);
      outcome.runs_on = runs_on;
      fail(*job, *statistics, std::move(outcome));
    }
  }

  static int64_t items_of(const Jobs& jobs) {
    int64_t items = 0;
    for (const auto& job : jobs) items += job->batch;
    return items;
  }

  void work(size_t worker) {
    while (true) {
      Jobs jobs;
      std::vector<JobQueue::Dead> dead;
      next(worker, jobs, dead);
      tell_dead(dead);
      if (jobs.empty() && dead.empty()) return;
      if (jobs.empty()) continue;
      run(worker, jobs);
      const std::lock_guard lock(mutex);
      rest(worker);
    }
  }

  void run(size_t worker, const Jobs& jobs) {
    try {
      run_together(worker, jobs);
      return;
    } catch (...) {
      const auto refusal = current_refusal();
      {
        const std::lock_guard lock(mutex);
        (void)had_hung(worker, now_ns());
      }
      if (is_the_engines_fault(refusal)) replace(worker, refusal);
      if (jobs.size() == 1) {
        fail(*jobs[0], *statistics, {.code = refusal.code(), .message = refusal.what(), .outputs = {}, .times = {}});
        return;
      }
      log::debug("[server] a batch of " + std::to_string(jobs.size()) + " requests failed, running them one by one: " + refusal.what());
    }
    for (const auto& job : jobs) run_again(worker, job);
  }

  /// One of a batch that failed: its caller may have gone meanwhile, and its time may be over.
  void run_again(size_t worker, const std::shared_ptr<Job>& job) {
    if (job->is_finished()) return;
    const int64_t now = now_ns();
    {
      const std::lock_guard lock(mutex);
      busy[worker].since_ns = now, busy[worker].items = job->batch;
    }
    if (job->is_cancelled()) {
      fail(*job, *statistics, {.code = Code::kCancelled, .message = "the request was cancelled", .outputs = {}, .times = {}});
    } else if (job->deadline_ns && now >= *job->deadline_ns) {
      fail(*job, *statistics,
           {.code = Code::kDeadlineExceeded,
            .message = "the deadline passed while a batch that the request was in failed and ran again one by one",
            .outputs = {},
            .times = {}});
    } else {
      run(worker, {job});
    }
  }

  /// What has thrown from its midst may be in any state, so another takes its place. It is suspect meanwhile only where it fails its own probe too:
  /// else the request was to blame. Where no new one can be made or it fails its check, the old one stays so until it has answered something, a
  /// request or its own probe.
  void replace(size_t worker, const Refusal& why) {
    if (!check) return;
    const auto is_sound = passes(*executables[worker]);
    bool was_suspect = false;
    {
      const std::lock_guard lock(mutex);
      was_suspect = is_suspect[worker];
      if (!is_sound) judge(worker, true);
    }
    log::error(std::string("[server] the engine failed and is replaced: ") + why.what());
    try {
      auto fresh = executables[worker]->clone();
      check(*fresh);
      executables[worker] = std::move(fresh);
      if (was_suspect || is_sound) return;
      const std::lock_guard lock(mutex);
      judge(worker, false);
    } catch (...) { log::error(std::string("[server] the new one cannot infer: ") + current_refusal().what()); }
  }

  [[nodiscard]] bool passes(Executable& executable) const {
    try {
      check(executable);
      return true;
    } catch (...) { return false; }
  }

  void run_together(size_t worker, const Jobs& jobs) {
    auto& executable = *executables[worker];
    RequestTimes times;
    const int64_t start = now_ns();
    std::vector<Tensor> inputs = jobs[0]->inputs;
    const int64_t items = items_of(jobs);
    if (jobs.size() > 1)
      for (size_t i = 0; i < inputs.size(); ++i) {
        std::vector<Tensor> parts;
        for (const auto& job : jobs) parts.push_back(job->inputs[i]);
        inputs[i] = concatenate(parts);
      }
    const int64_t gathered = now_ns();
    const auto outputs = infer(executable, inputs);
    const int64_t ran = now_ns();
    times.input_ns = gathered - start;
    times.infer_ns = ran - gathered;
    auto parts = split(outputs, jobs, items);
    times.output_ns = now_ns() - ran;
    if (!jobs[0]->is_probe) statistics->add_execution(times, items);
    {
      const std::lock_guard lock(mutex);
      if (!had_hung(worker, ran) && !jobs[0]->is_probe) queue.ran(jobs, items, ran - start, ran);
      if (is_suspect[worker]) judge(worker, false);
    }
    for (size_t j = 0; j < jobs.size(); ++j) answer(*jobs[j], std::move(parts[j]), times, start, items);
  }

  /// Outputs for each job. Checked before anyone is answered, so that a failing batch can still run one by one.
  static std::vector<std::vector<Tensor>> split(const std::vector<Tensor>& outputs, const Jobs& jobs, int64_t items) {
    if (jobs.size() == 1) return {outputs};
    std::vector<std::vector<Tensor>> parts(jobs.size());
    for (const auto& output : outputs) {
      if (output.shape().empty() || output.shape()[0] != items)
        throw InvalidArgument("the model answers a batch of " + std::to_string(items) + " with shape " + to_string(output.shape()) +
                              "; it cannot be batched");
      int64_t first = 0;
      for (size_t j = 0; j < jobs.size(); first += jobs[j++]->batch) parts[j].push_back(slice_items(output, first, jobs[j]->batch));
    }
    return parts;
  }

  /// Unless it was told before its run had ended.
  void answer(Job& job, std::vector<Tensor> outputs, RequestTimes times, int64_t start_ns, int64_t run_items) {
    if (!job.claim()) return;
    times.queue_ns = start_ns - job.queued_ns;
    times.decode_ns = job.decode_ns;
    times.total_ns = now_ns() - job.arrived_ns;
    if (!job.is_probe) statistics->add_success(times, job.batch);
    job.tell({.code = Code::kOk, .message = "", .outputs = std::move(outputs), .times = times, .run_items = run_items});
  }
};

Batcher::Batcher(const BatchingOptions& options, std::vector<std::unique_ptr<Executable>> executables, std::shared_ptr<Statistics> statistics,
                 Check check)
    : state_(std::make_shared<State>(options)) {
  state_->statistics = std::move(statistics);
  state_->check = std::move(check);
  state_->executables = std::move(executables);
  state_->busy.resize(state_->executables.size());
  state_->is_suspect.resize(state_->executables.size());
  for (size_t i = 0; i < state_->executables.size(); ++i) threads_.emplace_back([state = state_, i] { state->work(i); });
}

Batcher::~Batcher() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->is_stopping = true;
  }
  state_->changed.notify_all();
  state_->judged.notify_all();
  for (auto& thread : threads_) {
    // The last reference to a model may be dropped by an answer that its own thread gives.
    if (thread.get_id() == std::this_thread::get_id()) thread.detach();
    else thread.join();
  }
}

void Batcher::submit(std::shared_ptr<Job> job) {
  Outcome refused;
  {
    const std::lock_guard lock(state_->mutex);
    if (job->is_cancelled()) {
      refused = {.code = Code::kCancelled, .message = "the request was cancelled", .outputs = {}, .times = {}};
    } else if (state_->is_stopping) {
      refused = {.code = Code::kUnavailable, .message = "the model is being unloaded", .outputs = {}, .times = {}, .retry_after_us = kFirstGuessUs};
    } else if (const auto why = state_->queue.push(job, state_->busy, now_ns()); why.code != Code::kOk) {
      refused = refused_as(why);
    }
  }
  if (refused.code == Code::kOk) state_->changed.notify_one();
  else fail(*job, *state_->statistics, std::move(refused));
}

void Batcher::cancel(const std::shared_ptr<Job>& job) {
  job->cancel();
  {
    const std::lock_guard lock(state_->mutex);
    if (!state_->queue.remove(job)) return;
  }
  fail(*job, *state_->statistics, {.code = Code::kCancelled, .message = "the request was cancelled while it waited", .outputs = {}, .times = {}});
}

void Batcher::tell_dead() {
  std::vector<JobQueue::Dead> waited, ran;
  {
    const std::lock_guard lock(state_->mutex);
    waited = state_->queue.take_dead(state_->busy, now_ns());
    ran = state_->queue.dead_at_run(state_->busy, now_ns());
  }
  const auto hung = std::find_if(ran.begin(), ran.end(), [](const auto& dead) { return dead.why.code == Code::kUnavailable; });
  if (hung != ran.end()) log::error("[server] " + hung->why.why + "; its requests are told so");
  state_->tell_dead(waited);
  state_->tell_dead(ran, /*runs_on=*/true);
}

size_t Batcher::waiting() const {
  const std::lock_guard lock(state_->mutex);
  return state_->queue.size();
}

int64_t Batcher::oldest_wait_ns() const {
  const std::lock_guard lock(state_->mutex);
  return state_->queue.oldest_wait_ns(now_ns());
}

bool Batcher::is_idle() const {
  const std::lock_guard lock(state_->mutex);
  return state_->queue.empty() && std::all_of(state_->busy.begin(), state_->busy.end(), [](const Busy& busy) { return busy.since_ns == 0; });
}

bool Batcher::is_hung() const {
  const std::lock_guard lock(state_->mutex);
  return std::any_of(state_->busy.begin(), state_->busy.end(),
                     [&](const Busy& busy) { return busy.since_ns > 0 && now_ns() - busy.since_ns > state_->options.hang_ns; });
}

bool Batcher::is_suspect() const {
  const std::lock_guard lock(state_->mutex);
  return std::count(state_->is_suspect.begin(), state_->is_suspect.end(), true) > 0;
}

}  // namespace scissionlite::server
