// Dynamic batching: threads that run what a queue (job_queue.h) gives them, one an executable of a model.
//
// Requests that wait together and have the same shapes (apart from the batch) run together. A request that cannot be answered before
// its deadline or whose caller has gone never runs. When a batch fails, its requests run again one by one, so that only the one at
// fault fails. An executable that failed for another reason than its input is replaced by a new one over the same weights. One that hangs is not: a
// new one would wait for the same engine's turn (OpenVINO's one stream). Whoever waits for it is told, and it is taken back when its run ends.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "server/observe/statistics.h"
#include "server/queueing/job_queue.h"

namespace scissionlite::server {

class Batcher {
 public:
  /// Throws where an executable cannot infer.
  using Check = std::function<void(Executable&)>;

  /// One thread for each executable. @param statistics  shared, because a thread may outlive the batcher for a moment. @param check  of one that
  /// replaces another.
  Batcher(const BatchingOptions& options, std::vector<std::unique_ptr<Executable>> executables, std::shared_ptr<Statistics> statistics,
          Check check = {});
  /// Runs what waits, then stops.
  ~Batcher();
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  /// Queues the job or finishes it at once: kUnavailable with a retry hint when the queue is full, its deadline too near, or every
  /// executable hangs; kCancelled.
  void submit(std::shared_ptr<Job> job);
  /// Takes the job out if it still waits, and finishes it with kCancelled; a running one runs to its end (Job::give_up: `tell_dead` finishes it).
  void cancel(const std::shared_ptr<Job>& job);
  /// Finishes what waits and cannot be answered any more. A thread that is free does so by itself; call it now and then for what waits while all of
  /// them run. What runs is finished too at its deadline or when its run hangs; what the run has to say later is dropped.
  void tell_dead();
  [[nodiscard]] size_t waiting() const;
  /// How long the longest waiting request has waited; 0 when none waits.
  [[nodiscard]] int64_t oldest_wait_ns() const;
  /// Whether some run has lasted longer than BatchingOptions::hang_ns.
  [[nodiscard]] bool is_hung() const;
  /// Whether nothing waits and nothing runs.
  [[nodiscard]] bool is_idle() const;
  /// Whether an executable has failed, and it or what replaced it has not shown yet that it can infer. It takes no requests meanwhile unless all
  /// have, and is asked by itself again and again.
  [[nodiscard]] bool is_suspect() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::vector<std::thread> threads_;
};

/// Joins along the first dimension; all have the same dtype and sizes otherwise. Copies each once.
[[nodiscard]] Tensor concatenate(std::span<const Tensor> parts);
/// Items first .. first + count of the first dimension, as a view.
[[nodiscard]] Tensor slice_items(const Tensor& tensor, int64_t first, int64_t count);

}  // namespace scissionlite::server
