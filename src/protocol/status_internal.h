// What gRPC statuses become: errors of the library. The other way round is the server's (server/call/refusal.h). For .cc files only.
#pragma once

#include <grpcpp/support/status.h>

#include <string>

#include "base/error.h"

namespace scissionlite::protocol {

/// "INVALID_ARGUMENT", as gRPC's documentation writes it.
[[nodiscard]] std::string code_name(grpc::StatusCode code);

/// A status that is not OK as an exception of the library; see Client for which.
/// @param doing  "inferring with 'net_tail' (25.1 kB sent)".
[[noreturn]] void throw_status(const grpc::Status& status, const std::string& doing, const std::string& address, double deadline_us);

/// The same as Busy, whatever the code.
[[noreturn]] void throw_busy(const grpc::Status& status, const std::string& doing, const std::string& address, double retry_after_us);

/// Trailing metadata of a refusal: when to come back, in milliseconds. The first is ours; the second is gRPC's own, which clients with a retry policy
/// heed.
inline constexpr const char *kRetryAfterKey = "retry-after-ms", *kPushbackKey = "grpc-retry-pushback-ms";

}  // namespace scissionlite::protocol
