// The few socket calls the emulator needs, as values that close themselves.
#pragma once

#include <string>
#include <utility>

namespace scissionlite::net {

/// Owns a file descriptor.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket();
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  /// Both directions end now; blocked calls on it return.
  void shut_down() const;

 private:
  int fd_ = -1;
};

/// Listens on 127.0.0.1; port 0 takes any free one. @throws ResourceError naming the port.
[[nodiscard]] Socket listen_loopback(int port);
[[nodiscard]] int local_port(const Socket& socket);
/// Not valid() when nobody listens; errno says why.
[[nodiscard]] Socket connect_to(const std::string& address);
/// Sends small writes at once and keeps little in the kernel, so that a slow receiver is felt by the sender.
void tune(const Socket& socket);
/// False when the peer is gone.
[[nodiscard]] bool send_all(const Socket& socket, const char* data, size_t size);

}  // namespace scissionlite::net
