#include "device/observation.h"

#include <algorithm>
#include <random>

#include "base/log.h"
#include "protocol/device_keys.h"

namespace scissionlite::device {

std::string next_request_id() {
  static const std::string prefix = trace::span_id(std::random_device()()).substr(8) + "-";
  static std::atomic<uint64_t> next{1};
  return prefix + std::to_string(next++);
}

void check_device_name(const std::string& name) {
  constexpr size_t kLongest = 64;
  if (name.size() > kLongest || protocol::printable_ascii(name) != name)
    throw InvalidArgument("[run] --name '" + protocol::printable_ascii(name) + "'; expected at most " + std::to_string(kLongest) +
                          " characters of printable ASCII");
}

std::vector<std::pair<std::string, std::string>> name_metadata(const Observation& observation) {
  if (observation.name.empty()) return {};
  return {{protocol::kDeviceKey, observation.name}};
}

void add_metadata(const Observation& observation, const std::optional<trace::Context>& context, double now_us, protocol::InferRequest& request) {
  request.metadata = name_metadata(observation);
  if (auto report = observation.counts->report(now_us)) request.metadata.emplace_back(protocol::kReportKey, std::move(*report));
  if (context) request.metadata.emplace_back(trace::kTraceparentKey, trace::traceparent(*context));
}

void log_answer(const Answer& answer, const std::string& plan) {
  Fields fields{{"request_id", answer.id}};
  if (!answer.trace_id.empty()) fields.emplace_back("trace_id", answer.trace_id);
  fields.emplace_back("image", answer.name);
  if (!plan.empty()) fields.emplace_back("plan", plan);
  if (!answer.error.empty()) {
    fields.emplace_back("error", answer.error);
    return log::error("[offload] an image has no answer", fields);
  }
  fields.emplace_back("origin", name_of(answer.origin));
  fields.emplace_back("latency_us", answer.latency_us);
  fields.emplace_back("bytes_up", answer.message_bytes);
  fields.emplace_back("bytes_down", answer.response_bytes);
  if (answer.is_late) fields.emplace_back("late", true);
  if (!answer.note.empty()) fields.emplace_back("note", answer.note);
  log::info("[offload] answered", fields);
}

void note_unread(const Observation& observation, const Answer& answer) {
  observation.counts->add_unread();
  if (observation.logs_requests) log_answer(answer, "");
}

}  // namespace scissionlite::device
