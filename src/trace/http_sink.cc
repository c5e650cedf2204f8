#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/version.h"
#include "protocol/tls.h"
#include "trace/sink.h"

namespace scissionlite::trace {
namespace {

namespace beast_http = boost::beast::http;
using boost::asio::ip::tcp;
using Error = boost::beast::error_code;

struct Endpoint {
  std::string host, port, path;
};

[[noreturn]] void refuse(const std::string& text, const std::string& why) {
  throw InvalidArgument("[trace] --trace-endpoint '" + text + "' " + why + "; expected http://host:port, as http://127.0.0.1:4318");
}

Endpoint parse(const std::string& text) {
  const std::string scheme = "http://";
  if (text.starts_with("https://")) refuse(text, "asks for TLS, which is not built in: send to a collector on this machine, which passes traces on");
  if (!text.starts_with(scheme)) refuse(text, "is no address of HTTP");
  const auto slash = text.find('/', scheme.size());
  const std::string address = text.substr(scheme.size(), slash == std::string::npos ? std::string::npos : slash - scheme.size());
  Endpoint out{.host = protocol::host_of(address), .port = "4318", .path = slash == std::string::npos ? "/" : text.substr(slash)};
  const auto colon = address.rfind(':');
  if (colon != std::string::npos && address.find(']', colon) == std::string::npos) out.port = address.substr(colon + 1);
  if (out.host.empty() || out.port.empty() || out.port.size() > 5 || out.port.find_first_not_of("0123456789") != std::string::npos ||
      std::stoi(out.port) > 65535)
    refuse(text, "has no host and port");
  if (text.find_first_of(" \t\r\n#?@", scheme.size()) != std::string::npos) refuse(text, "has a character that does not belong there");
  if (out.path == "/") out.path = "/v1/traces";
  return out;
}

/// 408, 429 and 5xx come of load or of a restart; others say that the collector will never take this.
bool may_succeed_later(unsigned status) { return status == 408 || status == 429 || status >= 500; }

/// One request on a connection of its own: there is one a second at most.
class Post {
 public:
  Post(const Endpoint& endpoint, const std::string& body) : endpoint_(endpoint) {
    request_.method(beast_http::verb::post);
    request_.target(endpoint.path);
    request_.version(11);
    const bool is_v6 = endpoint.host.find(':') != std::string::npos;
    request_.set(beast_http::field::host, (is_v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + endpoint.port);
    request_.set(beast_http::field::content_type, "application/json");
    request_.set(beast_http::field::user_agent, std::string("scissionlite/") + kVersion);
    request_.set(beast_http::field::connection, "close");
    request_.body() = body;
    request_.prepare_payload();
    constexpr uint64_t kLongestAnswer = 1 << 20;
    parser_.body_limit(kLongestAnswer);
  }
  /// The status. @throws TransportError.
  unsigned run(const LeftUs& left_us) {
    tcp::resolver resolver(context_);
    const auto found = resolver.resolve(endpoint_.host, endpoint_.port, tcp::resolver::numeric_service, error_);
    if (!error_) stream_.async_connect(found, [this](Error error, const tcp::endpoint&) { error ? fail(error) : send(); });
    wait(left_us);
    if (error_) throw TransportError("cannot be reached: " + error_.message(), /*retryable=*/true);
    return parser_.get().result_int();
  }

 private:
  void wait(const LeftUs& left_us) {
    constexpr double kLookUs = 20e3;
    for (double us = left_us(); !context_.stopped(); us = left_us()) {
      if (us <= 0) return give_up();
      context_.run_for(std::chrono::microseconds(static_cast<int64_t>(std::min(us, kLookUs))));
    }
  }
  void give_up() {
    stream_.close();
    context_.run();  // what is under way ends with an error
    fail(boost::beast::error::timeout);
  }
  void fail(Error error) { error_ = error; }
  void send() {
    beast_http::async_write(stream_, request_, [this](Error error, size_t) { error ? fail(error) : receive(); });
  }
  void receive() {
    beast_http::async_read(stream_, buffer_, parser_, [this](Error error, size_t) { fail(error); });
  }

  const Endpoint& endpoint_;
  boost::asio::io_context context_{1};
  boost::beast::tcp_stream stream_{context_};
  beast_http::request<beast_http::string_body> request_;
  boost::beast::flat_buffer buffer_;
  beast_http::response_parser<beast_http::string_body> parser_;
  Error error_;
};

class HttpSink final : public Sink {
 public:
  explicit HttpSink(const std::string& endpoint, Endpoint parsed) : endpoint_(endpoint), parsed_(std::move(parsed)) {}
  [[nodiscard]] std::string name() const override { return "collector " + endpoint_; }
  void write(const std::string& otlp_json, const LeftUs& left_us) override {
    const unsigned status = Post(parsed_, otlp_json).run(left_us);
    if (status / 100 != 2) throw TransportError("answers HTTP " + std::to_string(status) + " to POST " + parsed_.path, may_succeed_later(status));
  }

 private:
  std::string endpoint_;
  Endpoint parsed_;
};

}  // namespace

std::unique_ptr<Sink> make_http_sink(const std::string& endpoint, bool allows_plain_text) {
  auto parsed = parse(endpoint);
  if (!allows_plain_text && !protocol::is_loopback(parsed.host))
    throw InvalidArgument(
        "[trace] '" + parsed.host +
        "' of --trace-endpoint is another machine, and OTLP is plain text here: send to a collector on this machine, or give --plain-text where the network is trusted");
  return std::make_unique<HttpSink>(endpoint, std::move(parsed));
}

}  // namespace scissionlite::trace
