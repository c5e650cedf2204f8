#include "server/observe/observer.h"

#include "base/log.h"
#include "trace/recording.h"

namespace scissionlite::server {
namespace {

double us(int64_t ns) { return static_cast<double>(ns) * 1e-3; }

/// gRPC's and HTTP's strings as they may be logged: a stranger's id must not fill the disk.
std::string shortened(const std::string& text) {
  constexpr size_t kLongest = 128;
  return text.size() <= kLongest ? text : text.substr(0, kLongest) + "...";
}

Fields attributes_of(const CallNotes& notes, const RequestEnd& end) {
  Fields out{{"scissionlite.request_id", shortened(end.id)},
             {"scissionlite.model", shortened(end.model)},
             {"scissionlite.model_version", end.version},
             {"scissionlite.tail_sha256", end.sha256},
             {"scissionlite.plan", end.plan},
             {"client.address", end.identity},
             {"rpc.grpc.status_code", static_cast<int64_t>(end.code)},
             {"scissionlite.bytes_up", notes.bytes},
             {"scissionlite.bytes_down", end.response_bytes},
             {"scissionlite.items", end.items}};
  if (!notes.device.empty()) out.emplace_back("scissionlite.device", shortened(notes.device));
  if (end.deadline_ns) {
    out.emplace_back("scissionlite.deadline_left_us", us(*end.deadline_ns - end.arrived_ns));
    out.emplace_back("scissionlite.deadline_left_at_end_us", us(*end.deadline_ns - end.end_ns));
  }
  return out;
}

trace::Span& add(trace::Recording& recording, const char* name, int64_t start_ns, int64_t duration_ns) {
  return recording.add(name, trace::Kind::kInternal, us(start_ns), us(start_ns + duration_ns));
}

void add_run(trace::Recording& recording, const char* name, int64_t queued_ns, const RequestTimes& times, int64_t items) {
  add(recording, "queue", queued_ns, times.queue_ns);
  add(recording, name, queued_ns + times.queue_ns, times.input_ns + times.infer_ns + times.output_ns).attributes = {
      {"scissionlite.batch_items", items}, {"scissionlite.gather_us", us(times.input_ns)}, {"scissionlite.infer_us", us(times.infer_ns)}};
}

/// @param span  that the cloud was told, whose spans are its children.
void add_forward(trace::Recording& recording, const ForwardTimes& forward, uint64_t span) {
  if (forward.asked_ns > 0) {
    auto& call = recording.add("ModelInfer", trace::Kind::kClient, us(forward.asked_ns), us(forward.asked_ns + forward.forward_ns));
    call.id = span;
    call.attributes = {{"scissionlite.budget_us", forward.budget_us}};
    call.error = forward.why;
  }
  if (forward.copy_items > 0) add_run(recording, "copy", forward.copy_queued_ns, forward.copy, forward.copy_items);
}

}  // namespace

void Observer::ended(const CallNotes& notes, const RequestEnd& end) {
  ++seen_;
  table_.add(notes, end);
  const std::string trace_id = tracer_ ? trace(notes, end) : "";
  if (!logs_requests_) return;
  Fields fields{{"request_id", shortened(end.id)}};
  if (!trace_id.empty()) fields.emplace_back("trace_id", trace_id);
  fields.insert(fields.end(), {{"identity", end.identity},
                               {"model", shortened(end.model)},
                               {"code", code_name(end.code)},
                               {"total_us", us(end.end_ns - end.arrived_ns)},
                               {"queue_us", us(end.times.queue_ns)},
                               {"decode_us", us(end.times.decode_ns)},
                               {"tail_us", us(end.times.infer_ns)},
                               {"batch", end.run_items},
                               {"bytes_up", notes.bytes},
                               {"bytes_down", end.response_bytes}});
  if (!notes.device.empty()) fields.emplace_back("device", shortened(notes.device));
  if (end.code == Code::kOk) return log::info("[server] answered", fields);
  fields.emplace_back("reason", end.message);
  log::info("[server] refused", fields);
}

void Observer::turned_away(const TurnedAway& request) {
  ++seen_;
  table_.add_turned_away(request.identity);
  if (!logs_requests_) return;
  Fields fields{{"identity", request.identity}, {"code", std::string(code_name(request.code))}};
  if (!request.id.empty()) fields.emplace_back("request_id", shortened(request.id));
  if (const auto parent = trace::parse_traceparent(request.traceparent))
    fields.emplace_back("trace_id", trace::trace_id(parent->trace_high, parent->trace_low));
  if (!request.model.empty()) fields.emplace_back("model", shortened(request.model));
  fields.emplace_back("reason", shortened(request.reason));
  log::info("[server] turned away", fields);
}

std::optional<trace::Context> Observer::onward(CallNotes& notes) {
  const auto parent = trace::parse_traceparent(notes.traceparent);
  if (!tracer_) return parent;
  notes.context = tracer_->begin(parent);
  notes.onward_span = tracer_->next_span();
  return trace::Context{notes.context->trace_high, notes.context->trace_low, notes.onward_span, notes.context->is_sampled};
}

/// Its stages are known by how long they took, so that nothing is measured for requests that are not traced.
std::string Observer::trace(const CallNotes& notes, const RequestEnd& end) {
  const auto context = notes.context ? *notes.context : tracer_->begin(trace::parse_traceparent(notes.traceparent));
  if (!context.is_sampled) return "";
  const auto& clock = Clock::steady();
  trace::Recording recording(*tracer_, context, "ModelInfer", trace::Kind::kServer, clock);
  recording.begin_at(us(end.arrived_ns));
  recording.root().attributes = attributes_of(notes, end);
  if (end.code != Code::kOk) recording.root().error = end.message.empty() ? code_name(end.code) : end.message;
  const auto& times = end.forward ? end.forward->middle : end.times;
  if (times.decode_ns > 0) add(recording, "decode", end.queued_ns - times.decode_ns, times.decode_ns);
  if (end.run_items > 0) add_run(recording, end.forward ? "middle" : "tail", end.queued_ns, times, end.run_items);
  if (end.forward) add_forward(recording, *end.forward, notes.onward_span);
  if (end.encode_ns > 0) add(recording, "encode answer", end.encode_ns, end.end_ns - end.encode_ns);
  const auto id = recording.id();
  recording.submit(us(end.end_ns));
  return id;
}

}  // namespace scissionlite::server
