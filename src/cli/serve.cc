#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <future>
#include <iostream>
#include <memory>
#include <optional>

#include <unistd.h>

#include "base/address.h"
#include "base/descriptor_limit.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/service_notify.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/trace_options.h"
#include "prepare/names.h"
#include "program/tls_options.h"
#include "server/call/listening.h"
#include "server/models/model_folder.h"
#include "server/models/repository.h"
#include "server/server.h"

namespace scissionlite::cli {
namespace {

constexpr int kHttpPort = 8000, kMetricsPort = 8002;

struct Options {
  server::ServerOptions server;
  trace::TracerOptions tracing;
  std::string control_mode = "none", ready_file;
  double forward_timeout_ms = 5000, exit_timeout_s = 30, hang_s = 60, queue_age_s = 300, keep_s = 600, poll_s = 15;
  int64_t max_message_mb = 256;
  double grpc_idle_timeout_s = 1800, http_idle_timeout_s = 60, http_read_timeout_s = 10;
  bool no_http = false, no_metrics = false, http_port_is_given = false, metrics_port_is_given = false;
};

/// Signals that end the server or make it read its files again, blocked in every thread so that only sigwait sees them. Call it before threads start.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

/// While models load nothing is in flight: SIGTERM and SIGINT end the process at once. SIGHUP has nothing to read again yet.
std::jthread end_while_loading(const sigset_t& signals) {
  return std::jthread([signals](const std::stop_token& stop) {
    constexpr timespec kPause{.tv_sec = 0, .tv_nsec = 50'000'000};
    while (!stop.stop_requested()) {
      const int signal = sigtimedwait(&signals, nullptr, &kPause);
      if (signal != SIGTERM && signal != SIGINT) continue;
      log::info(std::string("[serve] ") + strsignal(signal) + " while models are loaded: ends without having served");
      std::_Exit(0);
    }
  });
}

/// Of an earlier run, or of one that ends: whoever waits for it would take this server for ready.
void remove_ready_file(const Options& options) {
  std::error_code ignored;
  if (!options.ready_file.empty()) fs::remove(options.ready_file, ignored);
}

std::string url(const server::PortOptions& options, bool speaks_tls, int port) {
  return (speaks_tls ? "https://" : "http://") + server::join_address(options.host, port);
}

void announce(const server::Server& server, const Options& options, const Common& common) {
  const auto models = server.models();
  Json event{{"event", "ready"}, {"address", server.address()}, {"port", server.port()}, {"pid", getpid()}, {"models", models}};
  std::string others;
  const auto add = [&](const char* name, const server::PortOptions& port_options, bool speaks_tls, int port, const char* path) {
    if (port <= 0) return;
    const auto address = url(port_options, speaks_tls, port) + path;
    event[std::string(name) + "_port"] = port, event[std::string(name) + "_url"] = address, others += " " + address;
  };
  add("http", options.server.http, options.server.http_speaks_tls(), server.http_port(), "");
  add("metrics", options.server.metrics, options.server.metrics_speak_tls(), server.metrics_port(), "/metrics");
  if (common.json) std::cout << event.dump() << std::endl;
  else std::cout << "ready grpc://" << server.address() << others << " models=" << join(models, ",") << std::endl;
  if (!options.ready_file.empty()) write_file(options.ready_file, event.dump() + "\n");
}

/// Drains and ends it; a call that will not end (an engine that hangs, with a request or with the server's own probe) must not keep the process
/// alive.
void stop(std::unique_ptr<server::Server> server, double exit_timeout_s) {
  auto done = std::async(std::launch::async, [&] {
    server->shutdown(exit_timeout_s * 1e6);
    server.reset();
  });
  if (done.wait_for(std::chrono::duration<double>(exit_timeout_s + 2)) == std::future_status::ready) return;
  log::error("[serve] a request did not end within " + format_fixed(exit_timeout_s, 1) + " s (--exit-timeout-secs); leaving without it");
  std::cout.flush();
  std::_Exit(0);
}

/// Triton's default ports, unless the caller asks for any free one: then servers are to run beside each other. HTTP in plain text is no way around
/// the certificates of gRPC unless it is asked for by its port.
void choose_ports(Options& options) {
  auto& server = options.server;
  const bool any_free = server.grpc_port == 0;
  if (!options.http_port_is_given) server.http.port = any_free ? 0 : kHttpPort;
  if (!options.metrics_port_is_given) server.metrics.port = any_free ? 0 : kMetricsPort;
  if (!options.http_port_is_given && server.security.tls.are_given() && !server.http_speaks_tls()) {
    server.http.port = -1;
    if (!options.no_http)
      log::warning("[serve] HTTP is off: --plain-text leaves it without the certificates that gRPC asks for; --http-port " +
                   std::to_string(kHttpPort) + " serves it all the same, --no-http ends this line");
  }
  if (options.no_http) server.http.port = -1;
  if (options.no_metrics) server.metrics.port = -1;
}

/// What lies one folder too deep, or is a device's: nothing below it would be taken for a model. @throws InvalidArgument saying what to give instead.
void check_is_repository(const fs::path& given) {
  auto path = fs::absolute(given).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  const std::string said = "[serve] --model-repository '" + given.string() + "' is ";
  std::error_code unknown;
  const auto has = [&](const std::string& name) { return fs::exists(path / name, unknown); };
  for (const auto& folder : list_folder(path, unknown))
    if (!server::versions_in(folder).empty()) return;
  if (has("manifest.json") && has("local.onnx"))
    throw InvalidArgument(said + "a device package, which `run` takes; give the folder that prepare --repository wrote");
  const auto versions = server::versions_in(path);
  const bool has_version =
      std::any_of(versions.begin(), versions.end(), [&](int64_t version) { return has(std::to_string(version) + "/model.onnx"); });
  if (has("config.pbtxt") || has("manifest.json") || has_version)
    throw InvalidArgument(said + "the folder of one model; give the folder above, '" + path.parent_path().string() + "'");
  if (has("model.onnx"))
    throw InvalidArgument(said + "the folder of one version of a model; expected <repository>/<model>/1/model.onnx: give the <repository>");
}

/// An empty repository may be filled later; one that is meant to be full is another than was thought.
void tell_empty(const Options& options) {
  if (options.server.explicit_control) return;
  std::error_code unlisted;
  std::vector<std::string> paths;
  for (const auto& path : options.server.model_repository) {
    paths.push_back("'" + path.string() + "'");
    for (const auto& folder : list_folder(path, unlisted))
      if (const auto name = folder.filename().string(); is_folder(folder) && is_model_name(name) && !server::is_unfinished(name)) return;
  }
  log::warning("[serve] there is no model in --model-repository " + join(paths) +
               "; expected <model>/1/model.onnx in it, as prepare --repository writes it. Models that are put there are served " +
               (options.server.poll_us > 0 ? "when they are found" : "after SIGHUP, or by themselves with --model-control-mode poll"));
}

int serve(const Options& given, const Common& common) {
  Options options = given;
  if (options.server.model_repository.empty()) throw InvalidArgument("[serve] no --model-repository; give the folder that prepare wrote");
  for (const auto& folder : options.server.model_repository) check_is_repository(folder);
  if (options.control_mode != "explicit" && !options.server.load_models.empty())
    throw InvalidArgument("[serve] --load-model needs --model-control-mode explicit");
  options.server.explicit_control = options.control_mode == "explicit";
  options.server.max_message_bytes = options.max_message_mb << 20;
  options.server.hang_us = options.hang_s * 1e6;
  options.server.queue_age_us = options.queue_age_s * 1e6;
  options.server.forward_timeout_us = options.forward_timeout_ms * 1e3;
  if (!options.server.forward_security.tls.are_given())
    options.server.forward_security.tls = options.server.security.tls;  // one machine, one certificate
  options.server.keep_unused_us = options.keep_s * 1e6;
  options.server.poll_us = options.control_mode == "poll" ? options.poll_s * 1e6 : 0;
  options.server.grpc_idle_timeout_us = options.grpc_idle_timeout_s * 1e6;
  options.server.http_limits.idle_timeout_us = options.http_idle_timeout_s * 1e6;
  options.server.http_limits.read_timeout_us = options.http_read_timeout_s * 1e6;
  if (!options.server.forward_to.empty()) (void)parse_address(options.server.forward_to, "--forward-to");
  choose_ports(options);
  if (!options.ready_file.empty()) check_writable(options.ready_file);
  remove_ready_file(options);
  raise_descriptor_limit();
  setenv("GRPC_VERBOSITY", common.verbose ? "ERROR" : "NONE", /*overwrite=*/0);
  const sigset_t signals = block_signals();
  options.server.tracer = make_tracer(options.tracing, "scissionlite-edge", "", options.server.security.allows_plain_text);
  auto server = std::make_unique<server::Server>(options.server);
  {
    const auto until_loaded = end_while_loading(signals);
    server->start();
  }
  tell_empty(options);
  announce(*server, options, common);
  notify_service("READY=1\nSTATUS=serving");
  std::optional<ServiceWatchdog> watchdog([&asked = *server] {
    asked.probe();
    return asked.can_infer();
  });
  int signal = 0;
  while (sigwait(&signals, &signal) == 0 && signal == SIGHUP) server->reload();
  notify_service("STOPPING=1\nSTATUS=draining");
  log::info(std::string("[serve] ") + strsignal(signal) + ": draining for up to " + format_fixed(options.exit_timeout_s, 1) + " s");
  watchdog.reset();
  remove_ready_file(options);
  stop(std::move(server), options.exit_timeout_s);
  return 0;
}

}  // namespace

Run declare_serve(CLI::App& app, Common& common) {
  auto options = std::make_shared<Options>();
  auto& server = options->server;
  app.add_option("--model-repository", server.model_repository, "folder of models: <model>/1/model.onnx with config.pbtxt (repeatable)")
      ->type_name("DIR");
  app.add_option("--grpc-port", server.grpc_port, "port; 0 = any free")->check(CLI::Range(0, 65535))->capture_default_str();
  app.add_option("--grpc-address", server.host, "address to listen on; 0.0.0.0 = every interface, with --tls-ca, --tls-cert and --tls-key")
      ->capture_default_str();
  auto* http_port =
      app.add_option("--http-port", server.http.port,
                     "port of the protocol over HTTP, with --tls-ca over HTTPS; 0 = any free, -1 = off; 8000, but any free one with --grpc-port 0")
          ->check(CLI::Range(-1, 65535));
  app.add_option("--http-address", server.http.host,
                 "address for HTTP; one that others reach takes --tls-ca, --tls-cert and --tls-key, or --plain-text")
      ->capture_default_str();
  app.add_flag("--no-http", options->no_http, "the same as --http-port -1");
  auto* metrics_port = app.add_option("--metrics-port", server.metrics.port,
                                      "port of Prometheus metrics at /metrics; 0 = any free, -1 = off; 8002, but any free one with --grpc-port 0")
                           ->check(CLI::Range(-1, 65535));
  app.add_option("--metrics-address", server.metrics.host,
                 "address for metrics; one that others reach is HTTPS with --tls-ca, and takes --plain-text without")
      ->capture_default_str();
  app.add_flag("--no-metrics", options->no_metrics, "the same as --metrics-port -1");
  app.add_option("--http-thread-count", server.http_limits.threads, "threads that read and write HTTP")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  app.add_option("--http-max-connections", server.http_limits.connections, "open HTTP connections; more get 503")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--grpc-idle-timeout-secs", options->grpc_idle_timeout_s,
                 "longest time without a call until a gRPC connection is closed; the caller's next call opens another")
      ->check(CLI::Range(0.1, 1e6))
      ->capture_default_str();
  app.add_option("--http-idle-timeout-secs", options->http_idle_timeout_s, "longest wait for the next HTTP request of a connection")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  app.add_option("--http-read-timeout-secs", options->http_read_timeout_s,
                 "longest time for an HTTP header; a body gets a second more for each 4096 bytes")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  app.add_option("--engine", server.engine, "backend: openvino, native, onnxruntime, reference, slow:4:openvino, ...")->type_name("SPEC");
  app.add_option("--threads", server.threads, "threads of the engine for one request; 0 = every core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--model-control-mode", options->control_mode,
                 "none: serve every model; poll: and load again those that change; explicit: load and unload on request")
      ->check(CLI::IsMember({"none", "poll", "explicit"}))
      ->capture_default_str();
  app.add_option("--repository-poll-secs", options->poll_s, "with poll: how often to look for changed models")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  app.add_option("--packages", server.packages,
                 "folder with device packages, as prepare --package DIR/NAME writes them, which devices fetch with run --from")
      ->type_name("DIR");
  app.add_option("--keep-versions", server.keep_versions,
                 "versions of a model that stay loaded after they were replaced, for devices that still use them")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  app.add_option("--keep-secs", options->keep_s, "until no device has asked for them so long")->check(CLI::Range(0.0, 1e7))->capture_default_str();
  app.add_option("--load-model", server.load_models, "with explicit: models to load at start, * = all (repeatable)")->type_name("NAME");
  app.add_option("--strict-readiness", server.strict_readiness, "ready only when every model is")->capture_default_str();
  app.add_option("--exit-on-error", server.exit_on_error, "do not start when a model cannot be loaded")->capture_default_str();
  app.add_option("--exit-timeout-secs", options->exit_timeout_s, "longest wait for requests in flight after SIGTERM")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
  app.add_option("--max-queue-age-secs", options->queue_age_s, "longest that a request waits for its model, then UNAVAILABLE; 0: no limit")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  app.add_option("--hang-secs", options->hang_s, "a run of the engine longer than this hangs: not ready, and systemd's watchdog is not fed")
      ->check(CLI::Range(0.01, 86400.0))
      ->capture_default_str();
  app.add_option("--max-message-mb", options->max_message_mb, "largest request, in MiB")->check(CLI::Range(1, 2047))->capture_default_str();
  app.add_option("--queue-size", server.queue_size, "requests that may wait, a model")->check(CLI::Range(1, 1 << 20))->capture_default_str();
  app.add_flag("--join-cuts", server.joins_cuts,
               "tails of one model that begin at different cuts run together from where they join, in one batch and with one copy of its weights");
  app.add_option("--decode-threads", server.decode_threads, "threads that decode images; 0 = one a core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--max-pixels", server.max_pixels, "largest decoded image, in pixels")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 31))
      ->capture_default_str();
  app.add_option("--ready-file", options->ready_file, "file to write once serving: one line of JSON with address and port")->type_name("FILE");
  declare_tracing(app, options->tracing, server.logs_requests);
  declare_tls_with_list(app, server.security.tls);
  app.add_flag("--plain-text", server.security.allows_plain_text,
               "without TLS on an address that others reach, where the network is trusted; beside --tls-ca: HTTP and metrics without it");
  app.add_option(
         "--forward-to", server.forward_to,
         "the cloud of models that `prepare --cloud-repository` wrote for an edge: its address; without it this machine answers from its copy of the cloud's tail")
      ->type_name("HOST:PORT");
  app.add_option("--forward-timeout-ms", options->forward_timeout_ms, "how long a silent cloud is waited for where a request has no deadline")
      ->check(CLI::Range(1.0, 1e6))
      ->capture_default_str();
  auto& forward = server.forward_security;
  app.add_option("--forward-tls-ca", forward.tls.authority,
                 "certificate (PEM) that signed the cloud's; these three are --tls-ca, --tls-cert and --tls-key unless given")
      ->check(CLI::ExistingFile);
  app.add_option("--forward-tls-cert", forward.tls.certificate, "certificate that is shown to the cloud")->check(CLI::ExistingFile);
  app.add_option("--forward-tls-key", forward.tls.key, "its private key")->check(CLI::ExistingFile);
  app.add_option("--forward-tls-crl", forward.tls.revoked, "list of revoked certificates (PEM) of the authority in --forward-tls-ca")
      ->check(CLI::ExistingFile);
  app.add_flag("--forward-plain-text", forward.allows_plain_text, "without TLS to a cloud on another machine, where the network is trusted");
  app.add_option("--access", server.access,
                 "access.json: which callers may use which models, and how much; read again when it changes, and on SIGHUP")
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  return [options, &common, http_port, metrics_port] {
    options->http_port_is_given = http_port->count() > 0;
    options->metrics_port_is_given = metrics_port->count() > 0;
    return serve(*options, common);
  };
}

}  // namespace scissionlite::cli
