// Trace: where the time of one image went, over both halves, as OpenTelemetry spans.
//
// What lives here: who decides what is traced and where it goes (Tracer, this file); the spans of one image while it is on its way (recording.h); the
// context that both halves share (context.h); OTLP JSON (otlp.h); the queue and the thread that write it (exporter.h) to a file or a collector
// (sink.h). Relies on base, and on protocol for what plain text may reach. Start here.
//
// Without a Tracer nothing is measured: each stage costs a comparison with nullptr.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.h"
#include "trace/context.h"
#include "trace/exporter.h"

namespace scissionlite::trace {

struct TracerOptions {
  std::string service;             // "scissionlite-device", "scissionlite-edge"
  std::string instance;            // which of them; may be empty
  fs::path file;                   // OTLP JSON, a line a message; "" = none
  std::string endpoint;            // "http://127.0.0.1:4318"; "" = none
  bool allows_plain_text = false;  // to an endpoint on another machine
  double sample_rate = 1;          // share of traces begun here; a trace begun elsewhere was decided on there
  uint64_t seed = 0;               // of ids and samples
  [[nodiscard]] bool is_on() const { return !file.empty() || !endpoint.empty(); }
};

/// Safe to use from several threads.
class Tracer {
 public:
  /// @throws what make_file_sink and make_http_sink throw.
  explicit Tracer(const TracerOptions& options);
  /// Over exporters, for tests.
  Tracer(std::vector<std::unique_ptr<Exporter>> exporters, double sample_rate, uint64_t seed);
  /// The trace that `parent` is of, or a new one, sampled with the rate.
  [[nodiscard]] Context begin(const std::optional<Context>& parent = std::nullopt);
  /// Number of a new span, never 0.
  [[nodiscard]] uint64_t next_span();
  void submit(Trace&& trace);
  [[nodiscard]] ExporterCounters counters() const;

 private:
  uint64_t next_number();
  double sample_rate_;
  std::mutex mutex_;  // guards rng_
  Rng rng_;
  std::vector<std::unique_ptr<Exporter>> exporters_;
};

/// nullptr when nothing is to be traced.
[[nodiscard]] std::shared_ptr<Tracer> make_tracer(const TracerOptions& options);

}  // namespace scissionlite::trace
