#include "server/server.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <atomic>
#include <chrono>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/text.h"
#include "server/http/http_server.h"
#include "server/http/routes.h"
#include "server/listening.h"
#include "server/metrics.h"
#include "server/repository.h"
#include "server/service_internal.h"
#include "server/work_pool.h"

namespace scissionlite::server {
namespace {

constexpr size_t kLoadQueue = 64;

size_t decode_threads(const ServerOptions& options) {
  return static_cast<size_t>(options.decode_threads > 0 ? options.decode_threads : this_machine().cores);
}

}  // namespace

/// Members are destroyed from the last to the first: the network ends before the pools, the pools before the models.
struct Server::Impl {
  explicit Impl(ServerOptions given)
      : options(std::move(given)), repository(options.model_repository, {.engine = options.engine, .threads = options.threads, .queue_size = options.queue_size}),
        decoders(decode_threads(options), options.queue_size), loader(1, kLoadQueue), service(context()), health(context()) {
    if (!options.engine.empty()) (void)make_backend(options.engine);
  }

  ServiceContext context() {
    return {.repository = repository, .decoders = decoders, .loader = loader, .is_draining = is_draining, .max_pixels = options.max_pixels,
            .allow_load = options.explicit_control, .strict_readiness = options.strict_readiness, .refusals = refusals};
  }

  void load_models() {
    std::map<std::string, std::string> failures;
    const auto& wanted = options.load_models;
    if (!options.explicit_control || std::find(wanted.begin(), wanted.end(), "*") != wanted.end()) failures = repository.load_all();
    else
      for (const auto& name : wanted) {
        try {
          repository.load(name);
        } catch (const std::exception& e) {
          failures[name] = e.what();
        }
      }
    if (failures.empty() || !options.exit_on_error) return;
    const auto& [name, reason] = *failures.begin();
    throw ModelError("[server] model '" + name + "' cannot be served" + (failures.size() > 1 ? " (nor " + std::to_string(failures.size() - 1) + " others)" : "") + ": " + reason);
  }

  void listen() {
    grpc::ServerBuilder builder;
    const auto limit = static_cast<int>(std::min<int64_t>(options.max_message_bytes, INT32_MAX));
    builder.SetMaxReceiveMessageSize(limit);
    builder.SetMaxSendMessageSize(INT32_MAX);
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // else a second server would silently share the port
    builder.AddListeningPort(join_address(options.host, options.grpc_port), grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service);
    builder.RegisterService(&health);
    grpc = builder.BuildAndStart();
    if (grpc && port > 0) return;
    grpc.reset();
    throw cannot_listen(options.host, options.grpc_port, "--grpc-port");
  }

  http::HttpOptions http_options(const PortOptions& port, const std::string& option) const {
    http::HttpOptions out{.host = port.host, .port = port.port, .option = option};
    out.threads = options.http_limits.threads;
    out.body_bytes = options.max_message_bytes;
    out.bodies_bytes = std::max(out.bodies_bytes, 4 * options.max_message_bytes);
    out.connections = options.http_limits.connections;
    out.idle_timeout_us = options.http_limits.idle_timeout_us;
    out.read_timeout_us = options.http_limits.read_timeout_us;
    return out;
  }

  void listen_http() {
    MetricsSource source{repository, refusals, {}};
    if (options.http.is_on()) {
      http = std::make_unique<http::HttpServer>(http_options(options.http, "--http-port"), http::api_handler(context(), static_cast<size_t>(options.max_message_bytes)));
      source.http.emplace_back("http", &http->counts());
    }
    if (!options.metrics.is_on()) return;
    auto limits = http_options(options.metrics, "--metrics-port");
    limits.threads = 1;
    limits.body_bytes = 0;
    metrics = std::make_unique<http::HttpServer>(limits, http::metrics_handler([source] { return metrics_text(source); }));
  }

  ServerOptions options;
  Repository repository;
  WorkPool decoders, loader;
  std::atomic<bool> is_draining{false};
  RefusalCounts refusals;
  Service service;
  HealthService health;
  int port = 0;
  std::unique_ptr<grpc::Server> grpc;
  std::unique_ptr<http::HttpServer> http, metrics;
};

Server::Server(ServerOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Server::~Server() { shutdown(/*drain_deadline_us=*/0); }

void Server::start() {
  impl_->load_models();
  impl_->listen();
  impl_->listen_http();
}

int Server::port() const { return impl_->port; }

int Server::http_port() const { return impl_->http ? impl_->http->port() : -1; }

int Server::metrics_port() const { return impl_->metrics ? impl_->metrics->port() : -1; }

std::string Server::address() const { return join_address(impl_->options.host, impl_->port); }

std::vector<std::string> Server::models() const {
  std::vector<std::string> names;
  for (const auto& model : impl_->repository.loaded())
    if (names.empty() || names.back() != model->interface().name) names.push_back(model->interface().name);
  return names;
}

void Server::shutdown(double drain_deadline_us) {
  if (!impl_->grpc) return;
  impl_->is_draining = true;
  const double start_us = Clock::steady().now_us();
  if (impl_->http) impl_->http->stop_accepting();
  impl_->grpc->Shutdown(std::chrono::system_clock::now() + std::chrono::microseconds(static_cast<int64_t>(std::min(drain_deadline_us, 1e12))));
  impl_->grpc->Wait();
  impl_->grpc.reset();
  if (impl_->http) impl_->http->shutdown(std::max(0.0, drain_deadline_us - (Clock::steady().now_us() - start_us)));
  impl_->metrics.reset();
  impl_->http.reset();
}

}  // namespace scissionlite::server
