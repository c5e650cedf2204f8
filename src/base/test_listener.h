// For tests: a port where connections are taken by the kernel and nobody ever reads or answers.
#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>

#include "base/descriptor.h"
#include "base/error.h"

namespace scissionlite::testing {

class SilentListener {
 public:
  /// On 127.0.0.1, at any free port. @throws ResourceError.
  SilentListener() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* where = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_.get(), where, size) != 0 || ::listen(socket_.get(), 8) != 0 || ::getsockname(socket_.get(), where, &size) != 0)
      throw ResourceError("[test] cannot listen on 127.0.0.1");
    port_ = ntohs(address.sin_port);
  }
  [[nodiscard]] int port() const { return port_; }

 private:
  Descriptor socket_;
  int port_ = 0;
};

}  // namespace scissionlite::testing
