// Why an address cannot be listened on: gRPC says only that it could not.
#pragma once

#include <string>

namespace scissionlite::server {

/// A clause for a message, as "the port is taken; see who has it with `ss ...`, or choose another --grpc-port", found by trying once more.
/// @param option  names the options of this address without their ends: "grpc" for --grpc-port and --grpc-address.
[[nodiscard]] std::string why_not_listening(const std::string& host, int port, const std::string& option);

}  // namespace scissionlite::server
