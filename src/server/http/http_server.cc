#include "server/http/http_server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <chrono>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "server/call/listen_error.h"
#include "server/call/listening.h"
#include "server/http/session_internal.h"

namespace scissionlite::server::http {
namespace {

using boost::asio::ip::tcp;
using Error = boost::system::error_code;

/// How long to leave the port alone when no descriptor is left.
constexpr auto kBackoff = std::chrono::milliseconds(50);
constexpr double kBetweenWarningsUs = 10e6;

}  // namespace

const char* turned_name(Turned reason) {
  switch (reason) {
    case Turned::kMalformed: return "malformed";
    case Turned::kHeaderTooLarge: return "header_too_large";
    case Turned::kBodyTooLarge: return "body_too_large";
    case Turned::kTooSlow: return "too_slow";
    case Turned::kTooManyConnections: return "too_many_connections";
    case Turned::kTooMuchInFlight: return "too_much_in_flight";
    case Turned::kNoTls: return "no_tls";
    case Turned::kCount: break;
  }
  return "other";
}

/// The context is declared last: what is queued in it refers to the rest and goes first.
struct HttpServer::Impl {
  Impl(HttpOptions options, Handler handler) {
    shared.options = std::move(options);
    shared.handler = std::move(handler);
    listen();
    accept();
    for (int i = 0; i < shared.options.threads; ++i) threads.emplace_back([this] { run(); });
  }

  void listen() {
    const auto& options = shared.options;
    Error error;
    tcp::resolver resolver(context);
    const auto found = resolver.resolve(options.host, std::to_string(options.port), tcp::resolver::passive | tcp::resolver::numeric_service, error);
    if (error) throw cannot_listen(options.host, options.port, options.option);
    const tcp::endpoint endpoint = *found.begin();
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(boost::asio::socket_base::max_listen_connections, error);
    if (error) throw cannot_listen(options.host, options.port, options.option);
    port = acceptor.local_endpoint().port();
  }

  void run() {
    while (true) {
      try {
        context.run();
        return;
      } catch (const std::exception& e) {  // of one connection, which is gone with it
        log::error(std::string("[http] a connection failed: ") + e.what());
      }
    }
  }

  void accept() {
    acceptor.async_accept(boost::asio::make_strand(context), [this](Error error, tcp::socket socket) {
      if (shared.is_stopping) return;
      if (error) return back_off(error);
      try {
        welcome(std::move(socket));
      } catch (const std::exception& e) { log::error(std::string("[http] a connection could not be taken: ") + e.what()); }
      accept();
    });
  }

  void welcome(tcp::socket&& socket) {
    Error ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    const auto session = std::make_shared<Session>(std::move(socket), shared);
    if (shared.counts.open_connections > shared.options.connections) session->turn_away();
    else session->start();
  }

  /// Without descriptors the connection would be offered again at once, for ever.
  void back_off(Error error) {
    warn_cannot_accept(log_limit, "http", port, error.message());
    backoff.expires_after(kBackoff);
    backoff.async_wait([this](Error stopped) {
      if (!stopped && !shared.is_stopping) accept();
    });
  }

  void stop_accepting() {
    if (shared.is_stopping.exchange(true)) return;
    boost::asio::post(acceptor.get_executor(), [this] {
      Error ignored;
      acceptor.close(ignored);
      backoff.cancel();
    });
    for (const auto& session : shared.alive()) session->wind_down();
  }

  void shutdown(double drain_deadline_us) {
    stop_accepting();
    if (threads.empty()) return;
    const auto is_idle = [this] { return shared.in_flight == 0; };
    {
      std::unique_lock lock(shared.mutex);
      shared.changed.wait_for(lock, std::chrono::duration<double, std::micro>(std::min(drain_deadline_us, 1e12)), is_idle);
    }
    for (const auto& session : shared.alive()) session->give_up();
    {
      std::unique_lock lock(shared.mutex);
      shared.changed.wait(lock, is_idle);
    }
    context.stop();
    for (auto& thread : threads) thread.join();
    threads.clear();
  }

  Shared shared;
  int port = 0;
  LogLimit log_limit{kBetweenWarningsUs};
  std::vector<std::thread> threads;
  boost::asio::io_context context;
  tcp::acceptor acceptor{boost::asio::make_strand(context)};
  boost::asio::steady_timer backoff{acceptor.get_executor()};
};

HttpServer::HttpServer(HttpOptions options, Handler handler) : impl_(std::make_unique<Impl>(std::move(options), std::move(handler))) {}
HttpServer::~HttpServer() { impl_->shutdown(/*drain_deadline_us=*/0); }
int HttpServer::port() const { return impl_->port; }
const HttpCounts& HttpServer::counts() const { return impl_->shared.counts; }
void HttpServer::stop_accepting() { impl_->stop_accepting(); }
void HttpServer::shutdown(double drain_deadline_us) { impl_->shutdown(drain_deadline_us); }

}  // namespace scissionlite::server::http
