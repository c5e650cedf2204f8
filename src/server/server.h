// Server: the edge half of the offloader, an Open Inference Protocol v2 server over gRPC and HTTP.
//
// What lives here, each folder using those before it: call/ (who calls, how one is refused), observe/ (counts, spans, log,
// the live page's table), access/ (rules, quotas, memory of messages), queueing/ (what waits, batches, threads), models/ (on
// disk and in memory, and what follows them: joints, a next machine), inference/ (the walk of one request, and all else that
// both front ends answer), grpc/ and http/ (the front ends; the latter with metrics and the live page); the public class
// (this file). Relies on protocol, engine, onnx, vision. Start with Server, then inference/infer.cc.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/file.h"
#include "protocol/tls.h"
#include "server/access/quotas.h"

namespace scissionlite::trace {
class Tracer;
}

namespace scissionlite::server {

/// A further port that is served; nothing is loaded or answered differently by it.
struct PortOptions {
  int port = -1;  // 0 = any free, negative = off
  std::string host = "127.0.0.1";
  [[nodiscard]] bool is_on() const { return port >= 0; }
};

/// Limits of each HTTP connection; src/server/http/http_server.h says what they bound.
struct HttpLimits {
  int threads = 2;
  int64_t connections = 1024;
  double idle_timeout_us = 60e6, read_timeout_us = 10e6;
};

struct ServerOptions {
  std::vector<fs::path> model_repository;
  std::string host = "127.0.0.1";
  int grpc_port = 8001;       // 0 = any free
  PortOptions http, metrics;  // the protocol over HTTP; Prometheus text at /metrics
  HttpLimits http_limits;
  double grpc_idle_timeout_us = 1800e6;  // of a gRPC connection without calls; a device's next call makes a new one and checks the tail again
  std::string engine;                    // spec as of make_backend; "" = the default
  int threads = 0;                       // of the engine, an executable; 0 = all cores
  int64_t max_message_bytes = int64_t{256} << 20;  // larger requests get RESOURCE_EXHAUSTED
  size_t queue_size = 256;                         // waiting requests a model
  std::string forward_to;                // "host:port" of the cloud, for models that are the middle of three; "": a copy of its tail answers
  protocol::Security forward_security;   // of the way there
  double forward_timeout_us = 5e6;       // how long a silent cloud is waited for, where the request has no deadline
  bool joins_cuts = false;               // tails of one model that begin at different cuts run together from where they join
  double queue_age_us = 300e6;           // longest that a request waits for its model; a model's default_queue_policy may say less. 0: no limit
  double hang_us = 60e6;                 // a run of the engine longer than this hangs: the server is not ready
  int decode_threads = 0;                // for encoded images; 0 = one a core
  int64_t max_pixels = 50'000'000;       // of one decoded image
  bool explicit_control = false;         // load and unload over the protocol; at start only `load_models`
  std::vector<std::string> load_models;  // with explicit_control; "*" = all
  bool strict_readiness = true;          // ready only when every model is
  bool exit_on_error = true;             // start() throws when a model cannot be loaded
  protocol::Security security;
  fs::path packages;                      // folder with device packages that devices may fetch; "": none
  size_t keep_versions = 2;               // of each model, that were replaced and that devices still ask for
  double keep_unused_us = 600e6;          // until they have not been asked for so long
  double poll_us = 0;                     // looks for changed models so often; 0: never
  std::shared_ptr<trace::Tracer> tracer;  // nullptr: nothing is traced
  bool logs_requests = false;             // a line a request
  fs::path access;                        // who may use what (access_policy.h); "": everybody everything

  /// Whether HTTP and metrics are HTTPS, to clients with a certificate of the same authority as gRPC's: HTTP where there are certificates, metrics
  /// where others reach their address too (an agent on this machine reads them without). Neither with `security.allows_plain_text`.
  [[nodiscard]] bool http_speaks_tls() const { return security.tls.are_given() && !security.allows_plain_text; }
  [[nodiscard]] bool metrics_speak_tls() const { return http_speaks_tls() && !protocol::is_loopback(metrics.host); }
};

/// Models load in `start`; afterwards everything happens on threads of its own.
class Server {
 public:
  /// @throws InvalidArgument for a repository that is no folder, an unknown engine, files of TLS or access that are no such, or plain text
  /// on an address that others reach without leave.
  explicit Server(ServerOptions options);
  /// Shuts down without waiting for requests.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Loads the models, then listens. @throws ResourceError when the port cannot be taken (names it), and what loading throws.
  void start();
  [[nodiscard]] int port() const;
  [[nodiscard]] std::string address() const;  // "127.0.0.1:8001"
  [[nodiscard]] int http_port() const;        // -1 when it is off
  [[nodiscard]] int metrics_port() const;     // the same
  /// Names of the models that are loaded.
  [[nodiscard]] std::vector<std::string> models() const;
  /// Has models answer that no request has asked since the last call; never waits.
  void probe();
  /// Whether every loaded model can infer now, by its runs and probes.
  [[nodiscard]] bool can_infer() const;
  /// Reads certificates and the file of access again, loads models that have changed (without explicit control), and looks at packages; what is bad
  /// is logged and the old kept. While it runs, the server does so by itself within 5 s of a change of certificates, access or packages; of models
  /// with `poll_us`.
  void reload();
  /// What each caller has asked for; empty without a file of access.
  [[nodiscard]] std::map<std::string, Usage> usage() const;
  /// Not ready from now on, takes no new calls, waits for those in flight, cancels what is left after the deadline.
  void shutdown(double drain_deadline_us = 30e6);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace scissionlite::server
