#include "server/observe/statistics.h"

#include <chrono>

namespace scissionlite::server {

void Statistics::add_success(const RequestTimes& times, int64_t batch) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::lock_guard lock(mutex_);
  counts_.last_inference_ms = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  counts_.inference_count += static_cast<uint64_t>(batch);
  counts_.success.add(times.total_ns);
  counts_.queue.add(times.queue_ns);
  counts_.input.add(times.decode_ns + times.input_ns);
  counts_.infer.add(times.infer_ns);
  counts_.output.add(times.output_ns);
}

void Statistics::add_failure(int64_t total_ns, Code code) {
  const std::lock_guard lock(mutex_);
  counts_.fail.add(total_ns);
  ++counts_.failures[code];
}

void Statistics::add_execution(const RequestTimes& times, int64_t batch) {
  const std::lock_guard lock(mutex_);
  ++counts_.execution_count;
  auto& counts = counts_.batches[batch];
  counts.input.add(times.input_ns);
  counts.infer.add(times.infer_ns);
  counts.output.add(times.output_ns);
}

StatisticsSnapshot Statistics::snapshot() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace scissionlite::server
