// Addresses to listen on, for every front end.
#pragma once

#include <string>

#include "base/error.h"

namespace scissionlite::server {

/// "127.0.0.1:8001", "[::1]:8001".
[[nodiscard]] inline std::string join_address(const std::string& host, int port) {
  const bool needs_brackets = host.find(':') != std::string::npos && host[0] != '[';
  return (needs_brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

/// @param option  that chooses the port.
[[nodiscard]] inline ResourceError cannot_listen(const std::string& host, int port, const std::string& option) {
  return ResourceError("[server] cannot listen on " + join_address(host, port) + ": the port is taken or the address is not one of this machine; see who has it with `ss -ltnp 'sport = :" +
                       std::to_string(port) + "'`, or choose another " + option);
}

}  // namespace scissionlite::server
