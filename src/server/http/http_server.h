// HttpServer: HTTP/1.1 on one port, in plain text or by TLS, with limits on all that a caller can make it hold. Boost.Beast reads and writes; this
// header is free of it. Start with Session in http_server.cc.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "server/access/bytes_in_flight.h"
#include "server/http/exchange.h"

namespace scissionlite::server::http {

/// Why a connection or a request was not served; the names are in metrics.
enum class Turned { kMalformed, kHeaderTooLarge, kBodyTooLarge, kTooSlow, kTooManyConnections, kTooMuchInFlight, kNoTls, kCount };
[[nodiscard]] const char* turned_name(Turned reason);

/// What metrics show of a server; safe to read at any time.
struct HttpCounts {
  std::atomic<int64_t> open_connections{0}, body_bytes{0};  // now
  std::atomic<uint64_t> connections{0}, requests{0};        // since the start
  std::array<std::atomic<uint64_t>, static_cast<size_t>(Turned::kCount)> turned{};
};

struct HttpOptions {
  std::string host = "127.0.0.1";
  int port = 0;                                     // 0 = any free
  std::shared_ptr<protocol::TlsEnd> tls = nullptr;  // HTTPS, to clients that it accepts; nullptr: plain text
  std::string option = "http";                      // names the options of this address, --http-port and --http-address, for messages
  int threads = 1;
  size_t header_bytes = 16 << 10, header_fields = 100;
  int64_t body_bytes = int64_t{256} << 20;                   // of one request
  std::shared_ptr<BytesInFlight> bytes_in_flight = nullptr;  // where those of all requests and answers are counted and bounded; nullptr: they are not
  int64_t connections = 1024;                                // more get 503 and are closed
  double idle_timeout_us = 60e6;                             // between requests
  double read_timeout_us =
      10e6;  // for a header; a body gets this and a second for each kSlowestBytesPerS more, so does an answer up to kLongestSendUs
};
inline constexpr double kSlowestBytesPerS = 4096;
inline constexpr double kLongestSendUs = 300e6;  // of an answer that is read so slowly, and so long holds memory

class HttpServer {
 public:
  /// Listens at once. @throws ResourceError when the port cannot be taken (names it).
  HttpServer(HttpOptions options, Handler handler);
  /// Shuts down without waiting for requests.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] int port() const;
  [[nodiscard]] const HttpCounts& counts() const;
  /// Takes no more connections and requests; those in flight go on.
  void stop_accepting();
  /// The same, then waits for requests in flight and cancels what is left after the deadline.
  void shutdown(double drain_deadline_us);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace scissionlite::server::http
