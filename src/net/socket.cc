#include "net/socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/address.h"
#include "base/error.h"

namespace scissionlite::net {

Socket::~Socket() {
  if (fd_ >= 0) close(fd_);
}

void Socket::shut_down() const {
  if (fd_ >= 0) shutdown(fd_, SHUT_RDWR);
}

void tune(const Socket& socket) {
  constexpr int kOn = 1, kBufferBytes = 256 * 1024;
  setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &kOn, sizeof kOn);
  setsockopt(socket.fd(), SOL_SOCKET, SO_RCVBUF, &kBufferBytes, sizeof kBufferBytes);
  setsockopt(socket.fd(), SOL_SOCKET, SO_SNDBUF, &kBufferBytes, sizeof kBufferBytes);
}

Socket listen_loopback(int port) {
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  constexpr int kOn = 1;
  setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &kOn, sizeof kOn);
  tune(socket);  // accepted sockets inherit it
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (!socket.valid() || bind(socket.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(socket.fd(), 64) != 0)
    throw ResourceError("[net] cannot listen on 127.0.0.1:" + std::to_string(port) + ": " + std::strerror(errno) +
                        "; choose another port, or 0 for any free one");
  return socket;
}

int local_port(const Socket& socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

Socket connect_to(const std::string& address) {
  const auto [host, port] = split_address(address);
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) {
    errno = EHOSTUNREACH;
    return {};
  }
  Socket connected;
  for (const addrinfo* a = found; a != nullptr && !connected.valid(); a = a->ai_next) {
    Socket socket(::socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol));
    if (!socket.valid()) continue;
    tune(socket);
    if (connect(socket.fd(), a->ai_addr, a->ai_addrlen) == 0) connected = std::move(socket);
  }
  freeaddrinfo(found);
  return connected;
}

bool send_all(const Socket& socket, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t n = send(socket.fd(), data, size, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    data += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

}  // namespace scissionlite::net
