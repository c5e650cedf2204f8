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
  return listen_at(socket.get(), address, /*backlog=*/1);
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
  const ListenAddresses addresses(host, port);
  if (addresses.error() != 0)
    return "'" + addresses.name() + "' is no address and no name that leads to one (" + gai_strerror(addresses.error()) + "); give " +
           address_option(option) + " an address of this machine";
  std::string text;
  for (const auto* address = addresses.first(); address && text.empty(); address = address->ai_next)
    if (const int error = try_to_listen(*address); error != 0 || !address->ai_next) text = reason(error, *address, addresses.name(), port, option);
  return text;
}

}  // namespace

ResourceError cannot_listen(const std::string& host, int port, const std::string& option) {
  return ResourceError("[server] cannot listen on " + join_address(host, port) + ": " + why_not_listening(host, port, option));
}

}  // namespace scissionlite::server
