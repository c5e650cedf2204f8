// Takes traces away from whoever made them: a bounded queue and a thread that writes to one sink. Handing over never waits for the sink; what finds
// no room is dropped and counted. A sink that fails is told of once, and once more when it works again.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "trace/sink.h"
#include "trace/span.h"

namespace scissionlite::trace {

struct ExporterOptions {
  std::string service, instance;                       // resource attributes
  size_t queue_spans = 8192;                           // that may wait
  size_t batch_spans = 512;                            // in one message, about
  double every_us = 1e6;                               // between two messages, unless a batch is full
  double timeout_us = 5e6;                             // of one message
  double first_rest_us = 1e6, longest_rest_us = 30e6;  // before another try
  double last_us = 2e6;                                // what the end may take, with a message that is on its way
};

struct ExporterCounters {
  int64_t exported = 0, dropped = 0;  // spans
};

/// Safe to use from several threads.
class Exporter {
 public:
  Exporter(std::unique_ptr<Sink> sink, ExporterOptions options);
  /// Writes what waits, for `last_us` at most.
  ~Exporter();
  Exporter(const Exporter&) = delete;
  Exporter& operator=(const Exporter&) = delete;
  void submit(std::shared_ptr<const Trace> trace);
  [[nodiscard]] ExporterCounters counters() const;

 private:
  using Batch = std::deque<std::shared_ptr<const Trace>>;
  void work();
  [[nodiscard]] bool wait(double duration_us);
  [[nodiscard]] Batch take();
  [[nodiscard]] bool write(const Batch& batch);
  void tell_failure(const std::string& why, bool will_retry);

  std::unique_ptr<Sink> sink_;
  ExporterOptions options_;
  std::atomic<int64_t> exported_{0}, dropped_{0};
  std::atomic<double> end_us_;  // of the steady clock: nothing is written later
  mutable std::mutex mutex_;    // guards what follows
  std::condition_variable wake_;
  Batch queue_;
  size_t waiting_spans_ = 0;
  bool is_stopping_ = false, has_failed_ = false;  // has_failed_: of the thread alone
  std::thread thread_;
};

}  // namespace scissionlite::trace
