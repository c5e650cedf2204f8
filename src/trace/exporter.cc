#include "trace/exporter.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "trace/otlp.h"

namespace scissionlite::trace {
namespace {

template <typename Traces>
int64_t spans_of(const Traces& traces) {
  int64_t count = 0;
  for (const auto& trace : traces) count += static_cast<int64_t>(trace->spans.size());
  return count;
}

}  // namespace

Exporter::Exporter(std::unique_ptr<Sink> sink, ExporterOptions options)
    : sink_(std::move(sink)), options_(std::move(options)), end_us_(std::numeric_limits<double>::infinity()), thread_([this] { work(); }) {}

Exporter::~Exporter() {
  end_us_ = Clock::steady().now_us() + options_.last_us;
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
  if (dropped_ > 0)
    log::warning("[trace] " + std::to_string(dropped_) + " of " + std::to_string(dropped_ + exported_) + " spans were dropped on their way to " +
                 sink_->name());
}

void Exporter::submit(std::shared_ptr<const Trace> trace) {
  const size_t spans = trace->spans.size();
  bool is_full = false;
  {
    const std::lock_guard lock(mutex_);
    if (waiting_spans_ + spans > options_.queue_spans) {
      dropped_ += static_cast<int64_t>(spans);
      return;
    }
    queue_.push_back(std::move(trace));
    const bool was_full = waiting_spans_ >= options_.batch_spans;
    waiting_spans_ += spans;
    is_full = !was_full && waiting_spans_ >= options_.batch_spans;
  }
  if (is_full) wake_.notify_all();  // else the thread looks by itself
}

ExporterCounters Exporter::counters() const { return {exported_, dropped_}; }

/// @return whether it is to go on.
bool Exporter::wait(double duration_us) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, std::chrono::duration<double, std::micro>(duration_us),
                 [&] { return is_stopping_ || (!has_failed_ && waiting_spans_ >= options_.batch_spans); });
  return !is_stopping_;
}

Exporter::Batch Exporter::take() {
  const std::lock_guard lock(mutex_);
  Batch batch;
  size_t spans = 0;
  while (!queue_.empty() && spans < options_.batch_spans) {
    spans += queue_.front()->spans.size();
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  waiting_spans_ -= spans;
  return batch;
}

void Exporter::work() {
  double rest_us = options_.first_rest_us;
  Batch batch;
  while (wait(has_failed_ ? rest_us : options_.every_us)) {
    do {
      if (batch.empty()) batch = take();
      if (batch.empty()) break;
      if (!write(batch)) break;
      batch.clear();
      rest_us = options_.first_rest_us;
    } while (true);
    if (has_failed_) rest_us = std::min(options_.longest_rest_us, rest_us * 2);
  }
  if (batch.empty()) batch = take();
  for (; !batch.empty(); batch = take())
    if (Clock::steady().now_us() >= end_us_ || !write(batch)) dropped_ += spans_of(batch);
}

/// @return whether the batch is done with.
bool Exporter::write(const Batch& batch) {
  const double write_end_us = Clock::steady().now_us() + options_.timeout_us;
  const auto left_us = [&] { return std::min(write_end_us, end_us_.load()) - Clock::steady().now_us(); };
  std::vector<Trace> traces;
  for (const auto& trace : batch) traces.push_back(*trace);
  try {
    sink_->write(otlp_json(traces, options_.service, options_.instance), left_us);
    if (std::exchange(has_failed_, false)) log::info("[trace] " + sink_->name() + " takes traces again");
    exported_ += spans_of(batch);
    return true;
  } catch (const TransportError& e) {
    tell_failure(e.what(), e.retryable());
    if (e.retryable()) return false;
  } catch (const std::exception& e) { tell_failure(e.what(), /*will_retry=*/false); }
  dropped_ += spans_of(batch);
  return true;
}

void Exporter::tell_failure(const std::string& why, bool will_retry) {
  if (std::exchange(has_failed_, true)) return;
  log::warning(
      "[trace] " + sink_->name() + " does not take traces: " + why +
      (will_retry ? "; trying again, images go on, spans beyond " + std::to_string(options_.queue_spans) + " are dropped" : "; they are dropped"));
}

}  // namespace scissionlite::trace
