#include "server/http/session_internal.h"

#include <fmt/chrono.h>

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/detect_ssl.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <utility>

#include "protocol/tls_end_internal.h"
#include "server/http/framing.h"

namespace scissionlite::server::http {
namespace {

namespace beast_http = boost::beast::http;
using Steady = std::chrono::steady_clock;

constexpr double kLongestLingerUs = 10e6, kLingerIdleUs = 2e6;
constexpr size_t kReadBytes = 16 << 10;
constexpr auto kLookAgain = std::chrono::milliseconds(20);

Steady::duration us(double duration_us) {
  return std::chrono::duration_cast<Steady::duration>(std::chrono::duration<double, std::micro>(duration_us));
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

int64_t bytes_of(const Response& response) {
  auto bytes = static_cast<int64_t>(response.body.size());
  for (const auto& blob : response.blobs) bytes += static_cast<int64_t>(blob.size_bytes());
  return bytes;
}

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

/// As gRPC tells it, so that rules mean the same on both front ends: IPv4 within IPv6 is IPv4, and a scope is a number. "" when the caller has gone.
std::string address_of_peer(const boost::asio::ip::tcp::socket& socket) {
  boost::beast::error_code error;
  const auto address = socket.remote_endpoint(error).address();
  if (error) return "";
  if (!address.is_v6()) return address.to_string();
  auto v6 = address.to_v6();
  if (v6.is_v4_mapped()) return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, v6).to_string();
  const auto scope = v6.scope_id();
  v6.scope_id(0);
  return v6.to_string() + (scope == 0 ? "" : "%" + std::to_string(scope));
}

/// As the field Date has it (RFC 9110, 5.6.7); made anew each second.
const std::string& date_now() {
  thread_local std::time_t made_s = 0;
  thread_local std::string text;
  if (const auto now_s = std::time(nullptr); now_s != made_s) text = fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(made_s = now_s));
  return text;
}

}  // namespace

std::vector<std::shared_ptr<Session>> Shared::alive() {
  std::vector<std::shared_ptr<Session>> out;
  const std::lock_guard lock(mutex);
  for (const auto& [key, session] : sessions)
    if (auto one = session.lock()) out.push_back(std::move(one));
  return out;
}

/// Counts a request as in flight for as long as it exists.
struct Session::Ticket {
  explicit Ticket(Shared& given) : shared(given) {
    const std::lock_guard lock(shared.mutex);
    ++shared.in_flight;
  }
  ~Ticket() {
    const std::lock_guard lock(shared.mutex);
    --shared.in_flight;
    shared.changed.notify_all();
  }
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;
  Shared& shared;
};

template <typename Run>
void Session::on_strand(Run&& run) {
  boost::asio::post(stream_.get_executor(), [self = shared_from_this(), run = std::forward<Run>(run)] { run(*self); });
}

Session::Session(boost::asio::ip::tcp::socket&& socket, Shared& shared)
    : caller_{.address = address_of_peer(socket), .certificate = ""},
      stream_(std::move(socket)),
      look_again_(stream_.get_executor()),
      shared_(shared),
      buffer_(shared.options.header_bytes + kReadBytes + (64 << 10)) {
  ++shared_.counts.open_connections;
  ++shared_.counts.connections;
}

Session::~Session() {
  release_bytes();
  --shared_.counts.open_connections;
  const std::lock_guard lock(shared_.mutex);
  shared_.sessions.erase(this);
}

void Session::start() {
  {
    const std::lock_guard lock(shared_.mutex);
    shared_.sessions[this] = weak_from_this();
  }
  on_strand([](Session& self) {
    if (self.shared_.options.tls) self.wait_for_tls();
    else self.wait_for_request();
  });
}

void Session::turn_away() {
  on_strand([](Session& self) {
    if (self.shared_.options.tls) return self.shared_.count(Turned::kTooManyConnections), self.close();
    self.refuse(Turned::kTooManyConnections, 503,
                "the server has " + std::to_string(self.shared_.options.connections) + " connections and takes no more; retry later");
  });
}

void Session::wind_down() {
  on_strand([](Session& self) {
    if (self.is_waiting_) self.close();
  });
}

void Session::give_up() {
  on_strand([](Session& self) {
    if (self.is_receiving_) self.close();
    else if (self.cancel_) self.cancel_();
  });
}

void Session::expire_after_us(double duration_us) { stream_.tcp().expires_after(us(duration_us)); }

void Session::wait_for_tls() {
  if (shared_.is_stopping) return close();
  is_waiting_ = true;
  expire_after_us(shared_.options.read_timeout_us);
  boost::beast::async_detect_ssl(stream_, buffer_, [self = shared_from_this()](Error error, bool is_tls) {
    self->is_waiting_ = false;
    if (error == boost::beast::error::timeout) return self->shared_.count(Turned::kTooSlow), self->close();
    if (error) return self->close();
    if (is_tls) return self->shake_hands();
    self->refuse(
        Turned::kNoTls, 400,
        "this port speaks HTTPS with clients that show a certificate, and this is no TLS; use https:// with a certificate and key of the server's authority");
  });
}

void Session::shake_hands() {
  stream_.secure(*shared_.options.tls->server_context());
  is_waiting_ = true;
  expire_after_us(shared_.options.read_timeout_us);
  stream_.async_handshake(buffer_.data(), [self = shared_from_this()](Error error, size_t bytes) {
    self->is_waiting_ = false;
    if (error) return self->shared_.count(error == boost::beast::error::timeout ? Turned::kTooSlow : Turned::kNoTls), self->close();
    self->buffer_.consume(bytes);
    self->caller_.certificate = self->stream_.certificate();
    if (self->caller_.certificate.empty()) return self->close();  // without it the caller would be its address
    self->wait_for_request();
  });
}

void Session::wait_for_request() {
  parser_.reset();
  header_only_.reset();
  response_.reset();
  is_head_ = false, version_ = 11;
  ++request_number_;
  if (shared_.is_stopping) return close();
  drop_empty_lines();
  if (buffer_.size() > 0) return read_header();
  is_waiting_ = true;
  expire_after_us(shared_.options.idle_timeout_us);
  stream_.async_read_some(buffer_.prepare(kReadBytes), [self = shared_from_this()](Error error, size_t bytes) {
    self->is_waiting_ = false;
    if (error) return self->close();  // the caller has gone, or was idle for too long
    self->buffer_.commit(bytes);
    self->drop_empty_lines();
    if (self->buffer_.size() == 0) return self->wait_for_request();
    self->read_header();
  });
}

/// Those before a request are no part of it (RFC 9112, 2.2).
void Session::drop_empty_lines() {
  static constexpr std::string_view kEmptyLine = "\r\n";
  const auto bytes = buffer_.data();
  std::string_view left(static_cast<const char*>(bytes.data()), bytes.size());
  while (left.starts_with(kEmptyLine)) left.remove_prefix(kEmptyLine.size());
  buffer_.consume(bytes.size() - left.size());
}

void Session::read_header() {
  parser_.emplace();
  parser_->header_limit(static_cast<uint32_t>(shared_.options.header_bytes));
  parser_->body_limit(static_cast<uint64_t>(shared_.options.body_bytes));
  expire_after_us(shared_.options.read_timeout_us);
  beast_http::async_read_header(stream_, buffer_, *parser_, [self = shared_from_this()](Error error, size_t) { self->on_header(error); });
}

void Session::on_header(Error error) {
  if (error == beast_http::error::end_of_stream) return close();
  if (error == boost::beast::error::timeout) return shared_.count(Turned::kTooSlow), close();
  const auto& options = shared_.options;
  if (error == beast_http::error::header_limit || error == beast_http::error::buffer_overflow)
    return refuse(Turned::kHeaderTooLarge, 431, "the header has more than " + std::to_string(options.header_bytes) + " bytes");
  if (error == beast_http::error::body_limit)
    return refuse(Turned::kBodyTooLarge, 413,
                  "the body has more than " + std::to_string(options.body_bytes) + " bytes; raise --max-message-mb or send less");
  if (error.category() == beast_http::make_error_code(beast_http::error::bad_method).category())
    return refuse(Turned::kMalformed, 400, "this is no HTTP/1.1 request: " + error.message());
  if (error) return close();
  const auto& fields = parser_->get().base();
  is_head_ = fields.method() == beast_http::verb::head;  // as GET, whose body is left out
  version_ = fields.version() == 10 ? 10 : 11;
  if (const auto objection = objection_to(fields)) return refuse(Turned::kMalformed, objection->status(), objection->what());
  if (static_cast<size_t>(std::distance(fields.begin(), fields.end())) > options.header_fields)
    return refuse(Turned::kHeaderTooLarge, 431, "the header has more than " + std::to_string(options.header_fields) + " fields");
  take_header();
  ticket_ = std::make_shared<Ticket>(shared_);  // from here on the caller is owed an answer, also by a server that stops
  is_receiving_ = true;
  body_started_ = Steady::now();
  parser_->eager(true);
  const auto expected = lower(view(fields[beast_http::field::expect]));
  if (expected != "100-continue" || parser_->is_done() || buffer_.size() > 0) return read_body();
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  boost::asio::async_write(stream_, boost::asio::buffer(kContinue), [self = shared_from_this()](Error failed, size_t) {
    if (failed) return self->close();
    self->read_body();
  });
}

void Session::read_body() {
  if (parser_->is_done()) return serve();
  const auto received = static_cast<double>(parser_->get().body().size());
  stream_.tcp().expires_at(body_started_ + us(shared_.options.read_timeout_us + received / kSlowestBytesPerS * 1e6));
  beast_http::async_read_some(stream_, buffer_, *parser_, [self = shared_from_this()](Error error, size_t) { self->on_body(error); });
}

void Session::on_body(Error error) {
  if (error == boost::beast::error::timeout) return shared_.count(Turned::kTooSlow), close();
  if (error == beast_http::error::body_limit)
    return refuse(Turned::kBodyTooLarge, 413,
                  "the body has more than " + std::to_string(shared_.options.body_bytes) + " bytes; raise --max-message-mb or send less");
  if (error.category() == beast_http::make_error_code(beast_http::error::bad_method).category())
    return refuse(Turned::kMalformed, 400, "the body is damaged: " + error.message());
  if (error) return close();
  if (!body_fits()) return refuse(Turned::kTooMuchInFlight, 503, shared_.options.bytes_in_flight->reason());
  read_body();
}

/// In place of what was counted before. Whether there is room for it; for less there always is.
bool Session::count_bytes(int64_t bytes) {
  const int64_t more = bytes - std::exchange(counted_bytes_, bytes);
  shared_.counts.body_bytes += more;
  return shared_.options.bytes_in_flight == nullptr || shared_.options.bytes_in_flight->add(more) || more <= 0;
}

/// Before the body, whose trailer says nothing of it (RFC 9110, 6.5.1), but is parsed into the same fields.
void Session::take_header() {
  const auto& message = parser_->get();
  keeps_alive_ = parser_->keep_alive();
  request_ = {.method = is_head_ ? "GET" : std::string(view(message.method_string())),
              .target = std::string(view(message.target())),
              .fields = {},
              .body = "",
              .caller = caller_};
  for (const auto& field : message) {
    const auto [at, is_new] = request_.fields.try_emplace(lower(view(field.name_string())), view(field.value()));
    if (!is_new) at->second.append(", ").append(view(field.value()));
  }
}

void Session::serve() {
  stream_.tcp().expires_never();
  is_receiving_ = false;
  ++shared_.counts.requests;
  // The connection goes before the ticket: once no ticket is left, nothing refers to the server.
  struct Pending {
    std::shared_ptr<Ticket> ticket;
    std::shared_ptr<Session> session;
  };
  const Respond respond = [pending = Pending{ticket_, shared_from_this()}](Make make) {
    pending.session->on_strand([make = std::move(make)](Session& self) { self.answer(make); });
  };
  try {
    request_.body = std::move(parser_->get().body());
    cancel_ = shared_.handler(std::move(request_), respond);
  } catch (...) { return send(error_in_flight(), keeps_alive_); }
  if (cancel_) watch_for_end();
}

void Session::watch_for_end() {
  if (buffer_.size() > 0) return;  // the next request is here already
  stream_.tcp().socket().async_wait(boost::asio::socket_base::wait_read, [self = shared_from_this(), number = request_number_](Error error) {
    if (!error) self->look_for_end(number);
  });
}

void Session::look_for_end(uint64_t request_number) {
  if (request_number != request_number_ || !cancel_) return;
  if (stream_.has_ended()) return cancel_();
  if (!stream_.is_secure()) return;  // the next request
  look_again_.expires_after(kLookAgain);
  look_again_.async_wait([self = shared_from_this(), request_number](Error error) {
    if (!error) self->look_for_end(request_number);
  });
}

void Session::answer(const Make& make) {
  Response response;
  try {
    response = make();
  } catch (...) { response = error_in_flight(); }
  send(std::move(response), keeps_alive_);
}

void Session::refuse(Turned reason, int status, const std::string& message) {
  shared_.count(reason);
  auto response = error_response(status, message);
  if (status == 503) response.fields.emplace_back("Retry-After", "1");
  send(std::move(response), /*keep_alive=*/false);
}

void Session::send(Response&& response, bool keep_alive) {
  cancel_ = nullptr;
  look_again_.cancel();
  is_receiving_ = false;
  if (!count_bytes(bytes_of(response))) {
    shared_.count(Turned::kTooMuchInFlight);
    response = error_response(503, shared_.options.bytes_in_flight->reason());
    response.fields.emplace_back("Retry-After", "1");
    (void)count_bytes(bytes_of(response));
  }
  response_.emplace();
  auto& message = *response_;
  message.version(version_);
  message.result(static_cast<unsigned>(response.status));
  message.set(beast_http::field::date, date_now());
  message.set(beast_http::field::content_type, response.content_type);
  for (const auto& [name, value] : response.fields) message.set(name, value);
  message.body() = {std::move(response.body), std::move(response.blobs)};
  keep_alive = keep_alive && !shared_.is_stopping;
  message.keep_alive(keep_alive);
  message.prepare_payload();
  expire_after_us(shared_.options.read_timeout_us + std::min(static_cast<double>(counted_bytes_) / kSlowestBytesPerS * 1e6, kLongestSendUs));
  const auto sent = [self = shared_from_this(), keep_alive](Error error, size_t) { self->on_sent(error, keep_alive); };
  if (is_head_) beast_http::async_write_header(stream_, header_only_.emplace(message), sent);
  else beast_http::async_write(stream_, message, sent);
}

void Session::on_sent(Error error, bool keep_alive) {
  ticket_.reset();
  release_bytes();
  if (error) return close();
  if (keep_alive) return wait_for_request();
  header_only_.reset();
  response_.reset();
  if (!stream_.is_secure() || shared_.is_stopping) return hang_up();
  is_waiting_ = true;
  expire_after_us(kLingerIdleUs);
  stream_.async_say_goodbye([self = shared_from_this()](Error) {
    self->is_waiting_ = false;
    self->hang_up();
  });
}

void Session::hang_up() {
  Error ignored;
  stream_.tcp().socket().shutdown(boost::asio::socket_base::shutdown_send, ignored);
  linger_until_ = Steady::now() + us(kLongestLingerUs);
  linger();
}

/// Closing with unread bytes would reset the connection, and the caller might lose the answer.
void Session::linger() {
  if (shared_.is_stopping) return close();
  is_waiting_ = true;
  stream_.tcp().expires_at(std::min(Steady::now() + us(kLingerIdleUs), linger_until_));
  buffer_.clear();
  stream_.tcp().async_read_some(buffer_.prepare(kReadBytes), [self = shared_from_this()](Error error, size_t) {
    if (error || Steady::now() > self->linger_until_) return self->close();
    self->linger();
  });
}

void Session::close() {
  Error ignored;
  stream_.tcp().socket().close(ignored);
}

}  // namespace scissionlite::server::http
