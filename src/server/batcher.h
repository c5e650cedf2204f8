// Dynamic batching: a bounded queue in front of the executables of one model.
//
// Requests that wait together and have the same shapes (apart from the batch) run together. A request whose deadline has
// passed or whose caller has gone is removed before it runs. When a batch fails, its requests run again one by one, so
// that only the one at fault fails.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "server/job.h"
#include "server/statistics.h"

namespace scissionlite::server {

struct BatchingOptions {
  bool combine = false;            // several requests in one run; inputs and outputs have a batch as first dimension
  int64_t max_batch = 1;           // items in one run
  std::vector<int64_t> preferred;  // run at once when one of these is reached; empty: max_batch
  int64_t max_delay_ns = 0;        // longest wait for a preferred size
  size_t queue_size = 256;         // requests that may wait
  int64_t hang_ns = 60'000'000'000;  // a run longer than this counts as hung
};

class Batcher {
 public:
  /// One thread for each executable. @param statistics  shared, because a thread may outlive the batcher for a moment.
  Batcher(const BatchingOptions& options, std::vector<std::unique_ptr<Executable>> executables, std::shared_ptr<Statistics> statistics);
  /// Runs what waits, then stops.
  ~Batcher();
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;

  /// Queues the job or finishes it at once: kUnavailable with a retry hint when the queue is full, kCancelled.
  void submit(std::shared_ptr<Job> job);
  /// Takes the job out if it still waits, and finishes it with kCancelled; a running one runs to its end.
  void cancel(const std::shared_ptr<Job>& job);
  [[nodiscard]] size_t waiting() const;
  /// How long the longest waiting request has waited; 0 when none waits.
  [[nodiscard]] int64_t oldest_wait_ns() const;
  /// Whether some run has lasted longer than BatchingOptions::hang_ns.
  [[nodiscard]] bool is_hung() const;

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
