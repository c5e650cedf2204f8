// Refusals as gRPC statuses. For .cc files only.
#pragma once

#include <grpcpp/support/status.h>

#include "server/call/refusal.h"

namespace scissionlite::server {

[[nodiscard]] inline grpc::Status to_status(const Refusal& refusal) { return {static_cast<grpc::StatusCode>(refusal.code()), refusal.what()}; }
/// Of the exception in flight; call it in a catch block.
[[nodiscard]] inline grpc::Status status_in_flight() { return to_status(current_refusal()); }

}  // namespace scissionlite::server
