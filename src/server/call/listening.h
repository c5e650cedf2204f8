// Addresses to listen on, for every front end.
#pragma once

#include <netdb.h>

#include <string>

#include "base/log_limit.h"

namespace scissionlite::server {

/// "127.0.0.1:8001", "[::1]:8001".
[[nodiscard]] inline std::string join_address(const std::string& host, int port) {
  const bool needs_brackets = host.find(':') != std::string::npos && host[0] != '[';
  return (needs_brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

/// What an address or a name leads to.
class ListenAddresses {
 public:
  /// @param host  with or without the brackets of IPv6.
  ListenAddresses(const std::string& host, int port);
  ~ListenAddresses();
  ListenAddresses(const ListenAddresses&) = delete;
  ListenAddresses& operator=(const ListenAddresses&) = delete;
  [[nodiscard]] const std::string& name() const { return name_; }  // without brackets
  [[nodiscard]] addrinfo* first() const { return first_; }
  [[nodiscard]] int error() const { return error_; }  // getaddrinfo's; then there is none

 private:
  std::string name_;
  addrinfo* first_ = nullptr;
  int error_ = 0;
};

/// Connections that have ended do not hold the port. @param backlog  how many may wait to be accepted. @return errno; 0: it listens.
[[nodiscard]] int listen_at(int socket, const addrinfo& address, int backlog);

/// Said now and then: trying goes on. @param who  "grpc".
void warn_cannot_accept(LogLimit& limit, const std::string& who, int port, const std::string& reason);

}  // namespace scissionlite::server
