#include <array>

#include "base/text.h"
#include "protocol/client.h"
#include "protocol/declined.h"
#include "protocol/status_internal.h"

namespace scissionlite::protocol {
namespace {

constexpr std::string_view kOwnClock = "Deadline Exceeded";  // gRPC's words where this end gave up; a server's are others

}  // namespace

std::string code_name(grpc::StatusCode code) {
  static constexpr std::array kNames{"OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
                                     "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
                                     "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
                                     "DATA_LOSS", "UNAUTHENTICATED"};
  const auto index = static_cast<size_t>(code);
  return index < kNames.size() ? kNames[index] : "code " + std::to_string(index);
}

void throw_status(const grpc::Status& status, const std::string& doing, const std::string& address, double deadline_us) {
  const auto code = status.error_code();
  const std::string text = "[protocol] " + address + ", " + doing + ": ";
  switch (code) {
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::NOT_FOUND:
    case grpc::StatusCode::FAILED_PRECONDITION: throw InvalidArgument(text + status.error_message() + " (" + code_name(code) + ")");
    case grpc::StatusCode::RESOURCE_EXHAUSTED: throw Declined(text + status.error_message() + " (" + code_name(code) + ")");
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      if (status.error_message() != kOwnClock) throw Declined(text + status.error_message() + " (" + code_name(code) + ")");
      throw TransportError(text + "no reply within " + format_us(deadline_us) + " (" + code_name(code) + ")", /*retryable=*/true);
    default: throw TransportError(text + status.error_message() + " (" + code_name(code) + ")", /*retryable=*/code == grpc::StatusCode::UNAVAILABLE);
  }
}

void throw_busy(const grpc::Status& status, const std::string& doing, const std::string& address, double retry_after_us) {
  throw Busy("[protocol] " + address + ", " + doing + ": " + status.error_message() + " (" + code_name(status.error_code()) +
                 "); it asks to come back in " + format_us(retry_after_us),
             retry_after_us);
}

}  // namespace scissionlite::protocol
