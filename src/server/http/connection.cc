#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <boost/asio/ssl/context.hpp>

#include <cerrno>

#include "protocol/server_context_internal.h"
#include "server/http/connection_internal.h"

namespace scissionlite::server::http {

void Connection::secure(SSL_CTX& context) {
  SSL_CTX_up_ref(&context);
  boost::asio::ssl::context owner(&context);  // the stream takes its own hold of what this one releases
  Tcp plain = std::move(std::get<Tcp>(stream_));
  stream_.emplace<Tls>(std::move(plain), owner);
}

std::string Connection::certificate() const {
  return is_secure() ? protocol::chain_of_peer(*const_cast<Tls&>(std::get<Tls>(stream_)).native_handle()) : "";  // which only lends it
}

bool Connection::has_ended() {
  const int socket = tcp().socket().native_handle();
  if (is_secure()) {  // its last bytes are a goodbye that only TLS can read: the end lies behind them
    tcp_info info{};
    socklen_t size = sizeof info;
    return ::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || info.tcpi_state != TCP_ESTABLISHED;
  }
  char next = 0;
  const auto got = ::recv(socket, &next, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

}  // namespace scissionlite::server::http
