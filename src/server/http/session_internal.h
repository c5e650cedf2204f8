// One connection: takes its certificate where it is TLS, reads a request, hands it to the handler, writes the answer, reads the next. Boost types:
// for .cc files of this folder only.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/serializer.hpp>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "server/http/bodies_internal.h"
#include "server/http/connection_internal.h"
#include "server/http/http_server.h"

namespace scissionlite::server::http {

class Session;

/// What the connections of one server share. Outlives them.
struct Shared {
  HttpOptions options;
  Handler handler;
  HttpCounts counts;
  std::atomic<bool> is_stopping{false};
  std::mutex mutex;  // guards what follows
  std::condition_variable changed;
  std::unordered_map<Session*, std::weak_ptr<Session>> sessions;
  int64_t in_flight = 0;  // requests whose answer is not written, or whose Respond still exists

  void count(Turned reason) { ++counts.turned[static_cast<size_t>(reason)]; }
  [[nodiscard]] std::vector<std::shared_ptr<Session>> alive();
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(boost::asio::ip::tcp::socket&& socket, Shared& shared);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  /// The following run on the connection's strand, whoever calls them.
  void start();
  /// 503 and the end; over TLS the end alone, since a handshake is the dearest part of a connection.
  void turn_away();
  /// Closes when no request is in flight or being received, else after its answer.
  void wind_down();
  /// Tells the handler that nobody waits any more; closes where a request is still being received.
  void give_up();

 private:
  using Error = boost::beast::error_code;
  struct Ticket;
  void wait_for_tls();
  void shake_hands();
  void wait_for_request();
  void drop_empty_lines();
  void read_header();
  void on_header(Error error);
  void take_header();
  void read_body();
  void on_body(Error error);
  void serve();
  void watch_for_end();
  void look_for_end(uint64_t request_number);
  void answer(const Make& make);
  void refuse(Turned reason, int status, const std::string& message);
  void send(Response&& response, bool keep_alive);
  void on_sent(Error error, bool keep_alive);
  void hang_up();
  void linger();
  void close();
  [[nodiscard]] bool count_bytes(int64_t bytes);
  void release_bytes() { (void)count_bytes(0); }
  [[nodiscard]] bool body_fits() { return count_bytes(static_cast<int64_t>(parser_->get().body().size())); }
  void expire_after_us(double duration_us);
  /// `run` on the strand.
  template <typename Run>
  void on_strand(Run&& run);

  Caller caller_;
  Connection stream_;
  boost::asio::steady_timer look_again_;
  Shared& shared_;
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::request_parser<GrowingBody>> parser_;
  std::optional<boost::beast::http::response<PartsBody>> response_;
  std::optional<boost::beast::http::response_serializer<PartsBody>> header_only_;
  Request request_;                 // its header, from when that is complete
  std::shared_ptr<Ticket> ticket_;  // from a request's header to its answer
  Cancel cancel_;
  std::chrono::steady_clock::time_point body_started_, linger_until_;
  int64_t counted_bytes_ = 0;  // of a request until its answer is written, then of that until it is sent
  unsigned version_ = 11;      // of the request
  uint64_t request_number_ = 0;
  bool keeps_alive_ = true, is_head_ = false, is_waiting_ = false,
       is_receiving_ = false;  // waiting for the first byte of a connection or request; receiving what follows its header
};

}  // namespace scissionlite::server::http
