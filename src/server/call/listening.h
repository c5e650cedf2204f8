// Addresses to listen on, for every front end.
#pragma once

#include <string>

namespace scissionlite::server {

/// "127.0.0.1:8001", "[::1]:8001".
[[nodiscard]] inline std::string join_address(const std::string& host, int port) {
  const bool needs_brackets = host.find(':') != std::string::npos && host[0] != '[';
  return (needs_brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace scissionlite::server
