// Who is told when an inference request has ended: the live page's table, a trace, a line of the log. Front ends say what they saw of the call;
// Inference says what became of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "server/call/refusal.h"
#include "server/observe/forward_times.h"
#include "server/observe/live_table.h"
#include "server/observe/statistics.h"
#include "trace/tracer.h"

namespace scissionlite::server {

/// gRPC metadata or HTTP fields of a request, as they came; strangers fill them.
struct CallNotes {
  std::string traceparent, device, report;
  int64_t bytes = 0;                        // of the request
  std::optional<trace::Context> context{};  // its trace, where a further machine was told of it
  uint64_t onward_span = 0;                 // of asking that
};

/// Times are of the steady clock, in nanoseconds; what did not happen is 0.
struct RequestEnd {
  std::string identity, id, model, version, sha256, plan;
  Code code = Code::kOk;
  std::string message;  // why it failed
  RequestTimes times;
  int64_t items = 0, run_items = 0;                                  // its own, and of the batch that it ran in
  int64_t arrived_ns = 0, queued_ns = 0, encode_ns = 0, end_ns = 0;  // encode_ns: when its answer was begun to be written
  std::optional<int64_t> deadline_ns;
  int64_t response_bytes = 0;
  std::optional<ForwardTimes> forward{};
};

/// A request that was refused before it was one: what is known of it.
struct TurnedAway {
  std::string identity;
  std::string id = {}, model = {}, traceparent = {};
  Code code = Code::kInvalidArgument;
  std::string reason = {};
};

/// Safe to use from several threads. Shared, because a request may end after its server.
class Observer {
 public:
  /// @param tracer  may be nullptr. @param logs_requests  a line a request.
  Observer(std::shared_ptr<trace::Tracer> tracer, bool logs_requests) : tracer_(std::move(tracer)), logs_requests_(logs_requests) {}
  void ended(const CallNotes& notes, const RequestEnd& end);
  void turned_away(const TurnedAway& request);
  /// What a further machine is told of the request's trace, which is settled by that; nothing where there is none.
  [[nodiscard]] std::optional<trace::Context> onward(CallNotes& notes);
  [[nodiscard]] const LiveTable& table() const { return table_; }
  [[nodiscard]] const trace::Tracer* tracer() const { return tracer_.get(); }
  /// Requests that have ended or were turned away.
  [[nodiscard]] uint64_t seen() const { return seen_; }
  [[nodiscard]] double started_us() const { return started_us_; }

 private:
  /// The trace's id, or "" when this request is not traced.
  std::string trace(const CallNotes& notes, const RequestEnd& end);
  std::shared_ptr<trace::Tracer> tracer_;
  bool logs_requests_;
  std::atomic<uint64_t> seen_{0};
  double started_us_ = Clock::steady().now_us();
  LiveTable table_;
};

}  // namespace scissionlite::server
