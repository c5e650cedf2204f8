// What follows a model's engine where its result is not the answer yet.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "server/queueing/job.h"

namespace scissionlite::server {

class NextStage {
 public:
  using Done = std::function<void(const Outcome&)>;
  virtual ~NextStage() = default;
  /// Finishes what `first` (an outcome that is kOk, of `job`) has begun. `done` is called exactly once, from any thread, with outputs in the model's
  /// order.
  virtual void finish(const std::shared_ptr<Job>& job, const Outcome& first, Done done) = 0;
  /// Ends what waits and cannot be answered any more.
  virtual void look_after() = 0;
  /// Whether a request could be finished now.
  [[nodiscard]] virtual bool is_ready() const = 0;
};

/// What a second engine is asked for a request that a first one has begun: same batch, deadline and caller.
inline std::shared_ptr<Job> second_job(const Job& first, std::vector<Tensor> inputs) {
  auto job = std::make_shared<Job>();
  job->inputs = std::move(inputs);
  job->batch = first.batch;
  job->arrived_ns = Clock::steady().now_ns();
  job->deadline_ns = first.deadline_ns;
  job->id = first.id;
  job->is_of_the_caller_of(first);
  job->is_probe = first.is_probe;
  job->keeps = first.keeps;
  return job;
}

/// Of two stages together: what the first took goes into `second`.
inline void add_first_stage(RequestTimes& second, const RequestTimes& first) {
  second.queue_ns += first.queue_ns;
  second.decode_ns = first.decode_ns;
  second.input_ns += first.input_ns;
  second.infer_ns += first.infer_ns;
  second.output_ns += first.output_ns;
}

}  // namespace scissionlite::server
