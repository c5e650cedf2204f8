// The bytes of one connection, in plain text or by TLS; a stream as Asio and Beast want one. Boost types: for .cc files of this
// folder only.
#pragma once

#include <openssl/ssl.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include <string>
#include <utility>
#include <variant>

namespace scissionlite::server::http {

/// Plain until `secure`. Operations are started and finished on its strand.
class Connection {
 public:
  using Tcp = boost::beast::tcp_stream;
  using Tls = boost::beast::ssl_stream<Tcp>;
  using executor_type = Tcp::executor_type;
  using Error = boost::beast::error_code;

  explicit Connection(boost::asio::ip::tcp::socket&& socket) : stream_(std::in_place_type<Tcp>, std::move(socket)) {}

  /// From here on TLS; no operation is under way.
  void secure(SSL_CTX& context);
  [[nodiscard]] bool is_secure() const { return std::holds_alternative<Tls>(stream_); }
  /// The server's part of a handshake, whose first bytes have come. @param then  (Error, how many of `received` it took).
  template <typename Then>
  void async_handshake(const boost::asio::const_buffer& received, Then&& then) {
    std::get<Tls>(stream_).async_handshake(boost::asio::ssl::stream_base::server, received, std::forward<Then>(then));
  }
  /// Says that nothing follows, and waits for the other end to say so. @param then  (Error).
  template <typename Then>
  void async_say_goodbye(Then&& then) {
    std::get<Tls>(stream_).async_shutdown(std::forward<Then>(then));
  }
  /// The client's certificate in PEM; "" in plain text.
  [[nodiscard]] std::string certificate() const;

  /// Below TLS: for timeouts and the socket.
  [[nodiscard]] Tcp& tcp() { return is_secure() ? std::get<Tls>(stream_).next_layer() : std::get<Tcp>(stream_); }
  /// The other end will send nothing more, as far as the socket tells without being read.
  [[nodiscard]] bool has_ended();

  [[nodiscard]] executor_type get_executor() { return tcp().get_executor(); }
  template <typename Buffers, typename Then>
  void async_read_some(const Buffers& buffers, Then&& then) {
    if (is_secure()) std::get<Tls>(stream_).async_read_some(buffers, std::forward<Then>(then));
    else std::get<Tcp>(stream_).async_read_some(buffers, std::forward<Then>(then));
  }
  template <typename Buffers, typename Then>
  void async_write_some(const Buffers& buffers, Then&& then) {
    if (is_secure()) std::get<Tls>(stream_).async_write_some(buffers, std::forward<Then>(then));
    else std::get<Tcp>(stream_).async_write_some(buffers, std::forward<Then>(then));
  }

 private:
  std::variant<Tcp, Tls> stream_;
};

}  // namespace scissionlite::server::http
