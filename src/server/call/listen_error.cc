#include "server/call/listen_error.h"

#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/descriptor.h"
#include "server/call/listening.h"

namespace scissionlite::server {
namespace {

std::string port_option(const std::string& option) { return option.starts_with("--") ? option : "--" + option + "-port"; }
std::string address_option(const std::string& option) { return option.starts_with("--") ? option : "--" + option + "-address"; }

/// errno of listening there; 0: it works.
int try_to_listen(const addrinfo& address) {
  const Descriptor socket(::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return errno;
  const int on = 1;  // as a server does: connections that have ended do not hold the port
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  return bind(socket.get(), address.ai_addr, address.ai_addrlen) == 0 && listen(socket.get(), 1) == 0 ? 0 : errno;
}

std::string reason(int error, const addrinfo& address, const std::string& host, int port, const std::string& option) {
  const std::string number = std::to_string(port), choose_port = "choose another " + port_option(option);
  switch (error) {
    case 0: return "it was taken a moment ago and is free now; start again";
    case EADDRINUSE: return "the port is taken; see who has it with `ss -ltnp 'sport = :" + number + "'`, or " + choose_port;
    case EACCES: return "ports below 1024 are for root and for who has CAP_NET_BIND_SERVICE; " + choose_port;
    case EADDRNOTAVAIL:
      return host + " is no address of this machine; list those with `ip -brief address`, or give " + address_option(option) +
             " 0.0.0.0 (all of IPv4) or :: (all of them)";
    case EAFNOSUPPORT:
      return std::string("this machine has no ") +
             (address.ai_family == AF_INET6 ? "IPv6; give an address of IPv4" : "IPv4; give an address of IPv6, as ::1 or ::") + " to " +
             address_option(option);
    default: return std::strerror(error);
  }
}

std::string why_not_listening(const std::string& host, int port, const std::string& option) {
  const bool has_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  const std::string name = has_brackets ? host.substr(1, host.size() - 2) : host;
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  if (const int error = getaddrinfo(name.c_str(), std::to_string(port).c_str(), &hints, &found); error != 0)
    return "'" + name + "' is no address and no name that leads to one (" + gai_strerror(error) + "); give " + address_option(option) +
           " an address of this machine";
  std::string text;
  for (const addrinfo* address = found; address && text.empty(); address = address->ai_next)
    if (const int error = try_to_listen(*address); error != 0 || !address->ai_next) text = reason(error, *address, name, port, option);
  freeaddrinfo(found);
  return text;
}

}  // namespace

ResourceError cannot_listen(const std::string& host, int port, const std::string& option) {
  return ResourceError("[server] cannot listen on " + join_address(host, port) + ": " + why_not_listening(host, port, option));
}

}  // namespace scissionlite::server
