// Why an address cannot be listened on: gRPC and sockets say only that it could not, or a word.
#pragma once

#include <string>

#include "base/error.h"

namespace scissionlite::server {

/// As "cannot listen on 127.0.0.1:8001: the port is taken; see who has it with `ss ...`, or choose another --grpc-port". The reason is found by
/// trying once more.
/// @param option  names the options of this address without their ends: "grpc" for --grpc-port and --grpc-address; or is the one that gives both,
/// "--metrics".
[[nodiscard]] ResourceError cannot_listen(const std::string& host, int port, const std::string& option);

}  // namespace scissionlite::server
