// Acceptor: takes connections on the gRPC port and hands them to the server. gRPC 1.51 ends its own listener for good at the first connection that
// finds no descriptor.
#pragma once

#include <grpcpp/server_builder.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/descriptor.h"
#include "base/log_limit.h"

namespace scissionlite::server {

class Acceptor {
 public:
  /// Listens at once, on each address that `host` names. @param port  0: any free, the same on each address.
  /// @throws ResourceError when one cannot be listened on (names it).
  Acceptor(const std::string& host, int port);
  /// Stops.
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  [[nodiscard]] int port() const { return port_; }
  /// What comes is welcomed by `server` from now on, which has been started.
  void start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> server);
  /// Closes the port; connections that were taken go on.
  void stop();

 private:
  void run();
  [[nodiscard]] bool take(int listener);
  [[nodiscard]] bool back_off(int error);

  int port_ = 0;
  std::vector<std::unique_ptr<Descriptor>> listeners_;
  Descriptor stop_;  // an eventfd
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> server_;
  LogLimit log_limit_{10e6};
  std::thread thread_;
};

}  // namespace scissionlite::server
