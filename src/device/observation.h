// Who is told of images: counts, a trace, a line of the log, and the edge, which shows it.
#pragma once

#include <memory>
#include <string>

#include "device/counts.h"
#include "protocol/client.h"
#include "trace/recording.h"

namespace scissionlite::device {

struct Observation {
  std::string name;                       // of this device, as the edge shows it; printable ASCII, may be empty
  std::shared_ptr<trace::Tracer> tracer;  // nullptr: nothing is traced
  std::shared_ptr<DeviceCounts> counts;   // of all plans together; nullptr: the plan's own
  bool logs_requests = false;             // a line an image
};

/// An id that no other request of this process has, and hardly any of another: "5f3a9c01-17".
[[nodiscard]] std::string next_request_id();

/// @throws InvalidArgument: longer than 64 characters, or with others than printable ASCII.
void check_device_name(const std::string& name);

/// Who sends; empty without a name.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> name_metadata(const Observation& observation);

/// Adds to the call who sends, what the device has done when that is due, and the trace that the image is of.
/// @param context  of Tracer::begin; nothing where nothing is traced.
void add_metadata(const Observation& observation, const std::optional<trace::Context>& context, double now_us, protocol::InferRequest& request);

/// One line: who answered, how long it took, and why the edge did not. @param plan  "": none was asked.
void log_answer(const Answer& answer, const std::string& plan);
/// Of an image that could not be read, whose answer no plan has counted and logged.
void note_unread(const Observation& observation, const Answer& answer);

}  // namespace scissionlite::device
