// What runs on the device: the head, and the local tail (or the whole model) that answers when the edge does not.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "device/expected_time.h"
#include "engine/engine.h"
#include "prepare/package.h"

namespace scissionlite::device {

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

/// Runs `body`, then waits (factor - 1) times the CPU time it took on this thread. Returns its duration in microseconds.
template <typename Body>
double timed_us(Clock& clock, double factor, Body&& body) {
  const double start_us = clock.now_us(), cpu_us = factor > 1 ? thread_cpu_us() : 0;
  body();
  if (factor > 1) clock.sleep_us((factor - 1) * (thread_cpu_us() - cpu_us));
  return clock.now_us() - start_us;
}

/// One compiled slice, fed by name. Thread-safe: calls wait for each other.
class Half {
 public:
  /// Compiles and runs once on zeros, so that the first image is not slower than the rest.
  /// @param check  looks at the model before it is compiled, and throws when it is not the expected one.
  Half(const PackagedModel& model, const std::string& engine, int threads, const std::function<void(const Graph&)>& check = {});
  /// `given` may hold more than the slice needs.
  /// @param keep  copies the results; else they may be views, valid until the next run.
  /// @throws InvalidArgument when an input is missing.
  [[nodiscard]] NamedTensors run(const NamedTensors& given, bool keep);
  [[nodiscard]] bool needs(const std::string& input) const;
  [[nodiscard]] const EngineInfo& info() const { return executable_->info(); }
  [[nodiscard]] const std::vector<ValueInfo>& inputs() const { return executable_->inputs(); }
  /// Slow but not exceptional duration of a run so far, in microseconds.
  [[nodiscard]] double expected_us() const { return expected_.us(); }
  /// Of a run when it was loaded, in microseconds.
  [[nodiscard]] double own_us() const { return own_us_; }
  /// How many times longer it is expected to take than when it was loaded, as throttling makes it; at least 1, and 1 where a run is too short to
  /// tell.
  [[nodiscard]] double slowness() const;

 private:
  [[nodiscard]] std::vector<Tensor> run_timed(const std::vector<Tensor>& inputs);
  std::string where_;
  std::unique_ptr<Executable> executable_;
  std::mutex mutex_;
  ExpectedTime expected_;
  double own_us_ = 0;
};

}  // namespace scissionlite::device
