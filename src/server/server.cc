#include "server/server.h"

#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/descriptor_limit.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "protocol/tls_internal.h"
#include "server/call/listening.h"
#include "server/grpc/acceptor.h"
#include "server/grpc/call_loops.h"
#include "server/grpc/delivery_service.h"
#include "server/grpc/grpc_message_internal.h"
#include "server/grpc/service_internal.h"
#include "server/http/http_server.h"
#include "server/http/live_data.h"
#include "server/http/metrics.h"
#include "server/http/routes.h"
#include "server/models/repository.h"
#include "server/queueing/work_pool.h"

namespace scissionlite::server {
namespace {

constexpr size_t kLoadQueue = 64;
constexpr auto kLookAtModels = std::chrono::milliseconds(250);
constexpr auto kLookAtFiles = std::chrono::seconds(2);  // a change counts when two looks see the same

size_t decode_threads(const ServerOptions& options) {
  return static_cast<size_t>(options.decode_threads > 0 ? options.decode_threads : this_machine().cores);
}

/// What fails ends neither its thread nor the server: the next time comes.
void attempt(const char* what, const std::function<void()>& work) {
  try {
    work();
  } catch (...) { log::error(std::string("[server] ") + what + " failed: " + current_refusal().what()); }
}

/// A thread that does it with such pauses between, until it is told to stop.
std::jthread every(std::chrono::milliseconds pause, const char* name, std::function<void()> what) {
  return std::jthread([pause, name, what = std::move(what)](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    while (!wake.wait_for(lock, stop, pause, [&] { return stop.stop_requested(); })) attempt(name, what);
  });
}

/// Of all requests in flight over one front end, as sent.
int64_t most_bytes(const ServerOptions& options) { return std::max(int64_t{1} << 30, 4 * options.max_message_bytes); }

/// What gRPC holds for callers before a handler sees it.
void limit_connections(grpc::ServerBuilder& builder, const ServerOptions& options) {
  constexpr int kStreams = 1024, kPingMs = 120'000,
                kPingTimeoutMs = 20'000;  // more calls of a connection wait at their caller; a peer that is gone lets go of what it was sending
  builder.AddChannelArgument(kInflatesByItself, 0);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);  // nobody can ask for it
  builder.SetResourceQuota(grpc::ResourceQuota("scissionlite").Resize(static_cast<size_t>(most_bytes(options))));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreams);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kPingMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, static_cast<int>(std::min(options.grpc_idle_timeout_us * 1e-3, 2e9)));
}

ForwardOptions forward_options(const ServerOptions& options) {
  constexpr size_t kThreads = 4, kQueue = 1 << 14;  // they read answers and hand them on; none waits for the cloud
  return {.address = options.forward_to,
          .security = options.forward_security,
          .timeout_us = options.forward_timeout_us,
          .pool = options.forward_to.empty() ? nullptr : std::make_shared<WorkPool>(kThreads, kQueue)};
}

}  // namespace

/// Plain text leaves this machine only where it is asked for.
void check_plain_port(const PortOptions& port, const ServerOptions& options, bool speaks_tls, const std::string& option, const std::string& what) {
  if (port.is_on() && !speaks_tls && !options.security.allows_plain_text && !protocol::is_loopback(port.host))
    throw InvalidArgument("[server] '" + port.host + "' of --" + option + "-address is an address that others reach, and " + what +
                          " plain text without certificates: give --tls-ca, --tls-cert and --tls-key, leave --" + option +
                          "-address out, or give --plain-text where the network is trusted");
}

/// Members are destroyed from the last to the first: the network ends before the pools, the pools before the models.
struct Server::Impl {
  explicit Impl(ServerOptions given)
      : options(std::move(given)),
        observer(std::make_shared<Observer>(options.tracer, options.logs_requests)),
        repository(options.model_repository,
                   {.engine = options.engine,
                    .threads = options.threads,
                    .queue_size = options.queue_size,
                    .queue_age_ns = static_cast<int64_t>(options.queue_age_us * 1e3),
                    .hang_ns = static_cast<int64_t>(options.hang_us * 1e3),
                    .forward = forward_options(options),
                    .joints = options.joins_cuts ? std::make_shared<Joints>() : nullptr},
                   {.versions = options.keep_versions, .unused_us = options.keep_unused_us}),
        bytes(std::make_shared<BytesInFlight>(most_bytes(options))),
        packages(options.packages, repository),
        access(options.access),
        tls(protocol::make_tls_end(options.security.tls, protocol::Side::kServer)),
        decoders(decode_threads(options), options.queue_size),
        loader(1, kLoadQueue),
        service(context()),
        health(context()),
        delivery(context(), packages) {
    protocol::check_plain_text(options.security.tls, options.security.allows_plain_text, join_address(options.host, options.grpc_port),
                               "[server] '" + options.host + "' is an address that others reach");
    check_plain_port(options.http, options, options.http_speaks_tls(), "http", "HTTP is");
    check_plain_port(options.metrics, options, options.metrics_speak_tls(), "metrics", "metrics are");
    if (!options.engine.empty()) (void)make_backend(options.engine);
  }

  ServiceContext context() {
    return {.repository = repository,
            .decoders = decoders,
            .loader = loader,
            .access = access,
            .tls = tls.get(),
            .is_draining = is_draining,
            .max_pixels = options.max_pixels,
            .max_message_bytes = options.max_message_bytes,
            .allow_load = options.explicit_control,
            .strict_readiness = options.strict_readiness,
            .refusals = refusals,
            .observer = observer,
            .bytes = *bytes,
            .streams = streams};
  }

  void load_models() {
    std::map<std::string, std::string> failures;
    const auto& wanted = options.load_models;
    if (!options.explicit_control || std::find(wanted.begin(), wanted.end(), "*") != wanted.end()) failures = repository.load_all();
    else
      for (const auto& name : wanted) {
        try {
          repository.load(name);
        } catch (const std::exception& e) { failures[name] = e.what(); }
      }
    if (failures.empty() || !options.exit_on_error) return;
    const auto& [name, reason] = *failures.begin();
    throw ModelError("[server] model '" + name + "' cannot be served" +
                     (failures.size() > 1 ? " (nor " + std::to_string(failures.size() - 1) + " others)" : "") + ": " + reason);
  }

  void listen() {
    grpc::ServerBuilder builder;
    const auto limit = static_cast<int>(std::min<int64_t>(options.max_message_bytes, INT32_MAX));
    builder.SetMaxReceiveMessageSize(limit);
    builder.SetMaxSendMessageSize(INT32_MAX);
    limit_connections(builder, options);
    acceptor = std::make_unique<Acceptor>(options.host, options.grpc_port);
    auto welcome = builder.experimental().AddExternalConnectionAcceptor(grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
                                                                        protocol::server_credentials(tls));
    builder.RegisterService(&service);
    builder.RegisterService(&health);
    builder.RegisterService(&delivery);
    service.add_to(loops), health.add_to(loops), delivery.add_to(loops);
    loops.make_queues(builder, this_machine().cores);
    grpc = builder.BuildAndStart();
    if (!grpc) throw InternalError("[server] gRPC did not start");
    loops.start();
    acceptor->start(std::move(welcome));
    watch();
  }

  void watch() {
    watch_files();
    keeper = every(kLookAtModels, "a look at the models", [this] { look_at_models(); });
  }

  void look_at_models() {
    for (auto& model : repository.all()) {
      model->look_after();
      if (model.use_count() == 1)
        (void)loader.submit([ended = std::move(model)] {});  // it was unloaded meanwhile, and a run that hangs would hold up this thread
    }
  }

  void watch_files() {
    if (const auto own = tls ? tls->own_objection() : ""; !own.empty()) log::error("[tls] " + own + ": every device will refuse it");
    watcher = every(kLookAtFiles, "a look at the files", [this] {
      reload(/*is_asked_for=*/false);
      packages.refresh(/*is_asked_for=*/false);
      repository.end_unused();
      return_memory_at_rest();
    });
    if (options.poll_us <= 0) return;
    poller = every(std::chrono::milliseconds(static_cast<int64_t>(options.poll_us * 1e-3)), "a look for changed models",
                   [this] { load_changed(/*is_asked_for=*/false); });
  }
  /// What a burst has left free, once after it: between two looks nobody asked.
  void return_memory_at_rest() {
    const auto seen = observer->seen();
    if (seen == seen_before && seen != seen_at_return) {
      return_freed_memory();
      seen_at_return = seen;
    }
    seen_before = seen;
  }
  void load_changed(bool is_asked_for) {
    if (is_loading.exchange(true)) return;
    const bool queued = loader.submit([this, is_asked_for] {
      attempt("a look for changed models", [&] {
        repository.load_changed(is_asked_for);
        packages.refresh(is_asked_for);
      });
      is_loading = false;
    });
    if (!queued) is_loading = false;
  }
  bool reload(bool is_asked_for) {
    const bool took_certificates = tls && tls->reload(is_asked_for);
    return access.reload(is_asked_for) || took_certificates;
  }

  http::HttpOptions http_options(const PortOptions& port, bool speaks_tls, const std::string& option) const {
    http::HttpOptions out{.host = port.host, .port = port.port, .tls = speaks_tls ? tls : nullptr, .option = option};
    out.threads = options.http_limits.threads;
    out.body_bytes = options.max_message_bytes;
    out.bytes_in_flight = bytes;
    out.connections = std::min(options.http_limits.connections, descriptor_limit() / 2);  // gRPC needs some too
    out.idle_timeout_us = options.http_limits.idle_timeout_us;
    out.read_timeout_us = options.http_limits.read_timeout_us;
    return out;
  }

  void listen_http() {
    MetricsSource source{repository, refusals, {}, &delivery.sent_bytes(), observer->tracer()};
    if ((options.http.is_on() && options.http_speaks_tls()) || (options.metrics.is_on() && options.metrics_speak_tls()))
      (void)tls->server_context();  // what OpenSSL does not take ends the start, not each connection
    if (options.http.is_on()) {
      http = std::make_unique<http::HttpServer>(http_options(options.http, options.http_speaks_tls(), "http"),
                                                http::api_handler(context(), static_cast<size_t>(options.max_message_bytes)));
      source.http.emplace_back("http", &http->counts());
    }
    if (!options.metrics.is_on()) return;
    auto limits = http_options(options.metrics, options.metrics_speak_tls(), "metrics");
    limits.threads = 1;
    limits.body_bytes = 0;
    metrics = std::make_unique<http::HttpServer>(limits, http::metrics_handler([source] { return metrics_text(source); },
                                                                               [shared = context()](const http::Caller& caller) {
                                                                                 return live_json(shared, http::identity_of(caller, shared.tls));
                                                                               }));
  }

  ServerOptions options;
  std::shared_ptr<Observer> observer;
  Repository repository;
  std::shared_ptr<BytesInFlight> bytes;
  OpenStreams streams;
  Packages packages;
  Access access;
  std::shared_ptr<protocol::TlsEnd> tls;  // nullptr: plain text
  WorkPool decoders, loader;
  std::atomic<bool> is_draining{false}, is_loading{false};
  RefusalCounts refusals;
  Service service;
  HealthService health;
  DeliveryService delivery;
  CallLoops loops;
  std::unique_ptr<grpc::Server> grpc;
  std::unique_ptr<Acceptor> acceptor;
  std::unique_ptr<http::HttpServer> http, metrics;
  uint64_t seen_before = 0, seen_at_return = 0;  // of the watcher
  std::jthread watcher, poller;                  // of files, which may be slow
  std::jthread keeper;                           // of models
};

Server::Server(ServerOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Server::~Server() { shutdown(/*drain_deadline_us=*/0); }

void Server::start() {
  impl_->load_models();
  impl_->packages.refresh(/*is_asked_for=*/true);
  impl_->listen();
  impl_->listen_http();
}

int Server::port() const { return impl_->acceptor ? impl_->acceptor->port() : 0; }

int Server::http_port() const { return impl_->http ? impl_->http->port() : -1; }

int Server::metrics_port() const { return impl_->metrics ? impl_->metrics->port() : -1; }

std::string Server::address() const { return join_address(impl_->options.host, port()); }

std::vector<std::string> Server::models() const {
  std::vector<std::string> names;
  for (const auto& model : impl_->repository.loaded())
    if (names.empty() || names.back() != model->interface().name) names.push_back(model->interface().name);
  return names;
}

void Server::probe() {
  for (const auto& model : impl_->repository.all()) model->probe();
}

bool Server::can_infer() const {
  const auto models = impl_->repository.all();
  return std::all_of(models.begin(), models.end(), [](const auto& model) { return model->can_infer(); });
}

/// Who may ask first: packages of gigabytes take their time.
void Server::reload() {
  if (!impl_->reload(/*is_asked_for=*/true)) log::warning("[server] nothing new was taken from the files of certificates and access");
  if (!impl_->options.explicit_control) impl_->load_changed(/*is_asked_for=*/true);
  attempt("a look for packages", [&] { impl_->packages.refresh(/*is_asked_for=*/true); });
}

std::map<std::string, Usage> Server::usage() const { return impl_->access.usage(); }

void Server::shutdown(double drain_deadline_us) {
  if (!impl_->grpc) return;
  impl_->is_draining = true;
  const double start_us = Clock::steady().now_us();
  if (impl_->http) impl_->http->stop_accepting();
  impl_->acceptor->stop();
  impl_->streams.wind_down();
  impl_->grpc->Shutdown(std::chrono::system_clock::now() + std::chrono::microseconds(static_cast<int64_t>(std::min(drain_deadline_us, 1e12))));
  impl_->grpc->Wait();
  impl_->loops.stop();
  impl_->grpc.reset();
  if (impl_->http) impl_->http->shutdown(std::max(0.0, drain_deadline_us - (Clock::steady().now_us() - start_us)));
  impl_->metrics.reset();
  impl_->http.reset();
}

}  // namespace scissionlite::server
