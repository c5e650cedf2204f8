#include "server/batcher.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

namespace scissionlite::server {
namespace {

using Jobs = std::vector<std::shared_ptr<Job>>;

int64_t now_ns() { return Clock::steady().now_ns(); }

bool fit_together(const Job& a, const Job& b) {
  if (a.is_probe || b.is_probe) return false;
  for (size_t i = 0; i < a.inputs.size(); ++i) {
    const auto &x = a.inputs[i].shape(), &y = b.inputs[i].shape();
    if (a.inputs[i].dtype() != b.inputs[i].dtype() || x.size() != y.size() || !std::equal(x.begin() + 1, x.end(), y.begin() + 1)) return false;
  }
  return true;
}

void fail(Job& job, Statistics& statistics, Outcome outcome) {
  outcome.times.total_ns = now_ns() - job.arrived_ns;
  if (!job.is_probe) statistics.add_failure(outcome.times.total_ns, outcome.code);
  job.finish(outcome);
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

/// What the threads share. `queue` and `busy_since_ns` are guarded by `mutex`.
struct Batcher::State {
  BatchingOptions options;
  std::shared_ptr<Statistics> statistics;
  std::vector<std::unique_ptr<Executable>> executables;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::shared_ptr<Job>> queue;
  std::vector<int64_t> busy_since_ns;  // one an executable; 0 = idle
  double mean_run_ns = 0;              // for the retry hint
  bool is_stopping = false;

  /// Indices of the queue that would run with its front now, and how many items they hold.
  std::pair<std::vector<size_t>, int64_t> group() const {
    std::vector<size_t> members{0};
    int64_t items = queue.front()->batch;
    for (size_t i = 1; options.combine && i < queue.size() && items < options.max_batch; ++i) {
      if (items + queue[i]->batch > options.max_batch || !fit_together(*queue.front(), *queue[i])) continue;
      members.push_back(i);
      items += queue[i]->batch;
    }
    return {members, items};
  }

  /// The largest preferred size within reach; 0 when there is none yet.
  int64_t preferred_size(int64_t items) const {
    if (options.preferred.empty()) return items >= options.max_batch ? items : 0;
    int64_t best = 0;
    for (const int64_t size : options.preferred)
      if (size <= items) best = std::max(best, size);
    return best;
  }

  /// Cuts a group down to at most `limit` items, keeping its order.
  void shorten(std::vector<size_t>& members, int64_t limit) const {
    int64_t items = 0;
    size_t kept = 0;
    while (kept < members.size() && items + queue[members[kept]]->batch <= limit) items += queue[members[kept++]]->batch;
    members.resize(std::max<size_t>(kept, 1));
  }

  Jobs take(const std::vector<size_t>& members) {
    Jobs jobs;
    for (const size_t i : members) jobs.push_back(queue[i]);
    for (auto i = members.rbegin(); i != members.rend(); ++i) queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(*i));
    return jobs;
  }

  /// Requests nobody waits for any more.
  Jobs take_dead() {
    const int64_t now = now_ns();
    Jobs dead;
    for (auto it = queue.begin(); it != queue.end();) {
      const bool is_dead = (*it)->is_cancelled || ((*it)->deadline_ns && *(*it)->deadline_ns <= now);
      if (is_dead) dead.push_back(std::move(*it));
      it = is_dead ? queue.erase(it) : it + 1;
    }
    return dead;
  }

  /// Waits for work. Empty `jobs` and `dead` mean: stop.
  void next(size_t worker, Jobs& jobs, Jobs& dead) {
    std::unique_lock lock(mutex);
    busy_since_ns[worker] = 0;
    while (true) {
      changed.wait(lock, [&] { return is_stopping || !queue.empty(); });
      dead = take_dead();
      if (!dead.empty()) return;
      if (queue.empty()) {
        if (is_stopping) return;
        continue;
      }
      auto [members, items] = group();
      if (options.combine && !is_stopping) {
        const int64_t run_at_ns = queue.front()->queued_ns + options.max_delay_ns;
        if (const int64_t size = preferred_size(items); size > 0) {
          shorten(members, size);
        } else if (const int64_t wait_ns = run_at_ns - now_ns(); wait_ns > 0) {
          changed.wait_for(lock, std::chrono::nanoseconds(wait_ns));
          continue;
        }
      }
      jobs = take(members);
      busy_since_ns[worker] = now_ns();
      return;
    }
  }

  void work(size_t worker) {
    while (true) {
      Jobs jobs, dead;
      next(worker, jobs, dead);
      for (auto& job : dead) {
        if (job->is_cancelled) fail(*job, *statistics, {.code = Code::kCancelled, .message = "the request was cancelled while it waited", .outputs = {}, .times = {}});
        else fail(*job, *statistics, {.code = Code::kDeadlineExceeded, .message = "the deadline passed while the request waited", .outputs = {}, .times = {}});
      }
      if (jobs.empty() && dead.empty()) return;
      if (!jobs.empty()) run(*executables[worker], jobs);
    }
  }

  void run(Executable& executable, const Jobs& jobs) {
    try {
      run_together(executable, jobs);
      return;
    } catch (...) {
      const auto refusal = current_refusal();
      if (jobs.size() == 1) {
        fail(*jobs[0], *statistics, {.code = refusal.code(), .message = refusal.what(), .outputs = {}, .times = {}});
        return;
      }
      log::debug("[server] a batch of " + std::to_string(jobs.size()) + " requests failed, running them one by one: " + refusal.what());
    }
    for (const auto& job : jobs) run(executable, {job});
  }

  void run_together(Executable& executable, const Jobs& jobs) {
    RequestTimes times;
    const int64_t start = now_ns();
    std::vector<Tensor> inputs = jobs[0]->inputs;
    int64_t items = 0;
    for (const auto& job : jobs) items += job->batch;
    if (jobs.size() > 1)
      for (size_t i = 0; i < inputs.size(); ++i) {
        std::vector<Tensor> parts;
        for (const auto& job : jobs) parts.push_back(job->inputs[i]);
        inputs[i] = concatenate(parts);
      }
    const int64_t gathered = now_ns();
    const auto outputs = executable.run(inputs);
    const int64_t ran = now_ns();
    times.input_ns = gathered - start;
    times.infer_ns = ran - gathered;
    auto parts = split(outputs, jobs, items);
    times.output_ns = now_ns() - ran;
    if (!jobs[0]->is_probe) statistics->add_execution(times, items);
    {
      const std::lock_guard lock(mutex);
      mean_run_ns += (static_cast<double>(ran - start) - mean_run_ns) * (mean_run_ns == 0 ? 1 : 0.1);
    }
    for (size_t j = 0; j < jobs.size(); ++j) answer(*jobs[j], std::move(parts[j]), times, start, items);
  }

  /// Outputs for each job. Checked before anyone is answered, so that a failing batch can still run one by one.
  static std::vector<std::vector<Tensor>> split(const std::vector<Tensor>& outputs, const Jobs& jobs, int64_t items) {
    if (jobs.size() == 1) return {outputs};
    std::vector<std::vector<Tensor>> parts(jobs.size());
    for (const auto& output : outputs) {
      if (output.shape().empty() || output.shape()[0] != items)
        throw ModelError("the model answers a batch of " + std::to_string(items) + " with shape " + to_string(output.shape()) + "; it cannot be batched");
      int64_t first = 0;
      for (size_t j = 0; j < jobs.size(); first += jobs[j++]->batch) parts[j].push_back(slice_items(output, first, jobs[j]->batch));
    }
    return parts;
  }

  void answer(Job& job, std::vector<Tensor> outputs, RequestTimes times, int64_t start_ns, int64_t run_items) {
    times.queue_ns = start_ns - job.queued_ns;
    times.decode_ns = job.decode_ns;
    times.total_ns = now_ns() - job.arrived_ns;
    if (!job.is_probe) statistics->add_success(times, job.batch);
    job.finish({.code = Code::kOk, .message = "", .outputs = std::move(outputs), .times = times, .run_items = run_items});
  }
};

Batcher::Batcher(const BatchingOptions& options, std::vector<std::unique_ptr<Executable>> executables, std::shared_ptr<Statistics> statistics)
    : state_(std::make_shared<State>()) {
  state_->options = options;
  state_->statistics = std::move(statistics);
  state_->executables = std::move(executables);
  state_->busy_since_ns.assign(state_->executables.size(), 0);
  for (size_t i = 0; i < state_->executables.size(); ++i) threads_.emplace_back([state = state_, i] { state->work(i); });
}

Batcher::~Batcher() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->is_stopping = true;
  }
  state_->changed.notify_all();
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
    if (!job->is_cancelled && !state_->is_stopping && state_->queue.size() < state_->options.queue_size) {
      job->queued_ns = now_ns();
      state_->queue.push_back(std::move(job));
    } else if (job->is_cancelled) {
      refused = {.code = Code::kCancelled, .message = "the request was cancelled", .outputs = {}, .times = {}};
    } else {
      const double runs = static_cast<double>(state_->queue.size() + 1) / static_cast<double>(state_->executables.size());
      refused.code = Code::kUnavailable;
      refused.retry_after_us = state_->mean_run_ns * 1e-3 * runs;
      refused.message = state_->is_stopping ? "the model is being unloaded" : "the queue is full with " + std::to_string(state_->queue.size()) +
                        " requests; retry after " + format_us(refused.retry_after_us);
    }
  }
  if (refused.code == Code::kOk) state_->changed.notify_all();
  else fail(*job, *state_->statistics, std::move(refused));
}

void Batcher::cancel(const std::shared_ptr<Job>& job) {
  job->is_cancelled = true;
  {
    const std::lock_guard lock(state_->mutex);
    const auto it = std::find(state_->queue.begin(), state_->queue.end(), job);
    if (it == state_->queue.end()) return;
    state_->queue.erase(it);
  }
  fail(*job, *state_->statistics, {.code = Code::kCancelled, .message = "the request was cancelled while it waited", .outputs = {}, .times = {}});
}

size_t Batcher::waiting() const {
  const std::lock_guard lock(state_->mutex);
  return state_->queue.size();
}

int64_t Batcher::oldest_wait_ns() const {
  const std::lock_guard lock(state_->mutex);
  int64_t oldest_ns = INT64_MAX;
  for (const auto& job : state_->queue) oldest_ns = std::min(oldest_ns, job->queued_ns);
  return state_->queue.empty() ? 0 : now_ns() - oldest_ns;
}

bool Batcher::is_hung() const {
  const std::lock_guard lock(state_->mutex);
  return std::any_of(state_->busy_since_ns.begin(), state_->busy_since_ns.end(),
                     [&](int64_t since) { return since > 0 && now_ns() - since > state_->options.hang_ns; });
}

}  // namespace scissionlite::server
