#include "server/grpc/acceptor.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "base/descriptor_limit.h"
#include "server/call/listen_error.h"
#include "server/call/listening.h"

namespace scissionlite::server {
namespace {

/// How long to leave the port alone when no descriptor is left.
constexpr int kBackoffMs = 50;

void set_port(sockaddr& address, int port) {
  const auto number = htons(static_cast<uint16_t>(port));
  if (address.sa_family == AF_INET6) reinterpret_cast<sockaddr_in6&>(address).sin6_port = number;
  else reinterpret_cast<sockaddr_in&>(address).sin_port = number;
}

int port_of(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

}  // namespace

Acceptor::Acceptor(const std::string& host, int port) : port_(port), stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  const ListenAddresses addresses(host, port);
  const int on = 1;

  for (auto* address = addresses.first(); address; address = address->ai_next) {
    set_port(*address->ai_addr, port_);
    auto socket = std::make_unique<Descriptor>(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    int error = errno;
    if (socket->get() >= 0) {
      setsockopt(socket->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));  // connections inherit it
      error = listen_at(socket->get(), *address, SOMAXCONN);
    }
    if (error == 0) {
      port_ = port_of(socket->get());
      listeners_.push_back(std::move(socket));
    } else if (error != EAFNOSUPPORT && error != EADDRNOTAVAIL) throw cannot_listen(host, port, "grpc");  // else a name has others too
  }
  if (listeners_.empty() || stop_.get() < 0) throw cannot_listen(host, port, "grpc");
}

Acceptor::~Acceptor() { stop(); }

void Acceptor::start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> server) {
  server_ = std::move(server);
  thread_ = std::thread([this] { run(); });
}

void Acceptor::stop() {
  if (thread_.joinable()) {
    (void)eventfd_write(stop_.get(), 1);
    thread_.join();
  }
  listeners_.clear();
}

void Acceptor::run() {
  std::vector<pollfd> ready{{.fd = stop_.get(), .events = POLLIN, .revents = 0}};
  for (const auto& listener : listeners_) ready.push_back({.fd = listener->get(), .events = POLLIN, .revents = 0});
  while (poll(ready.data(), ready.size(), -1) >= 0 || errno == EINTR) {
    if (ready.front().revents != 0) return;
    for (size_t i = 1; i < ready.size(); ++i)
      if (ready[i].revents != 0 && !take(ready[i].fd)) return;
  }
}

/// False: it has to stop.
bool Acceptor::take(int listener) {
  while (true) {
    if (few_descriptors_are_left()) return back_off(EMFILE);  // they are for files, and for answering those who are there
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      return errno == EAGAIN || errno == EWOULDBLOCK || back_off(errno);
    }
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters taken;
    taken.listener_fd = listener;
    taken.fd = fd;
    server_->HandleNewConnection(&taken);
  }
}

/// Without descriptors the connection would be offered again at once, for ever. False: it has to stop.
bool Acceptor::back_off(int error) {
  warn_cannot_accept(log_limit_, "grpc", port_, std::strerror(error));
  pollfd stopping{.fd = stop_.get(), .events = POLLIN, .revents = 0};
  return poll(&stopping, 1, kBackoffMs) <= 0;
}

}  // namespace scissionlite::server
