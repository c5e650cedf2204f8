// Counters of one model version, with Triton's meaning: a request of batch n is one request and n inferences, and counts
// one execution together with all requests that ran in the same batch.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>

#include "server/call/refusal.h"

namespace scissionlite::server {

/// Where the time of one request went, in nanoseconds.
struct RequestTimes {
  int64_t total_ns = 0;  // from arrival to the answer
  int64_t queue_ns = 0;
  int64_t decode_ns = 0;  // image codec
  int64_t input_ns = 0;   // gathering a batch; decode_ns is counted into compute_input as well
  int64_t infer_ns = 0;
  int64_t output_ns = 0;  // splitting a batch
};

/// A number of events and their time in all.
struct Duration {
  uint64_t count = 0, ns = 0;
  void add(int64_t duration_ns) {
    ++count;
    ns += static_cast<uint64_t>(duration_ns);
  }
};

struct BatchCounts {
  Duration input, infer, output;
};

struct StatisticsSnapshot {
  uint64_t last_inference_ms = 0;  // since 1970
  uint64_t inference_count = 0, execution_count = 0;
  Duration success, fail, queue, input, infer, output;
  std::map<int64_t, BatchCounts> batches;  // by batch size
  std::map<Code, uint64_t> failures;       // of `fail`
};

/// Safe to use from several threads.
class Statistics {
 public:
  void add_success(const RequestTimes& times, int64_t batch);
  void add_failure(int64_t total_ns, Code code = Code::kInternal);
  /// One run of the engine over `batch` items.
  void add_execution(const RequestTimes& times, int64_t batch);
  [[nodiscard]] StatisticsSnapshot snapshot() const;

 private:
  mutable std::mutex mutex_;
  StatisticsSnapshot counts_;
};

}  // namespace scissionlite::server
