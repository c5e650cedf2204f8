#include "server/call/listening.h"

#include <sys/socket.h>

#include <cerrno>

#include "base/log.h"

namespace scissionlite::server {

ListenAddresses::ListenAddresses(const std::string& host, int port) {
  const bool has_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  name_ = has_brackets ? host.substr(1, host.size() - 2) : host;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  error_ = getaddrinfo(name_.c_str(), std::to_string(port).c_str(), &hints, &first_);
  if (error_ != 0) first_ = nullptr;
}

ListenAddresses::~ListenAddresses() {
  if (first_) freeaddrinfo(first_);
}

int listen_at(int socket, const addrinfo& address, int backlog) {
  const int on = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  return bind(socket, address.ai_addr, address.ai_addrlen) == 0 && listen(socket, backlog) == 0 ? 0 : errno;
}

void warn_cannot_accept(LogLimit& limit, const std::string& who, int port, const std::string& reason) {
  if (std::string note; limit.admits("accept", note))
    log::warning("[" + who + "] cannot take a connection on port " + std::to_string(port) + ": " + reason +
                 "; trying again (raise `ulimit -n` when files run out)" + note);
}

}  // namespace scissionlite::server
