#include "trace/tracer.h"

namespace scissionlite::trace {

Tracer::Tracer(const TracerOptions& options) : sample_rate_(options.sample_rate), rng_(options.seed) {
  const ExporterOptions of{.service = options.service, .instance = options.instance};
  if (!options.file.empty()) exporters_.push_back(std::make_unique<Exporter>(make_file_sink(options.file), of));
  if (!options.endpoint.empty()) exporters_.push_back(std::make_unique<Exporter>(make_http_sink(options.endpoint, options.allows_plain_text), of));
}

Tracer::Tracer(std::vector<std::unique_ptr<Exporter>> exporters, double sample_rate, uint64_t seed)
    : sample_rate_(sample_rate), rng_(seed), exporters_(std::move(exporters)) {}

uint64_t Tracer::next_number() {
  uint64_t out = 0;
  while (out == 0) out = rng_.next();
  return out;
}

Context Tracer::begin(const std::optional<Context>& parent) {
  if (parent) return *parent;
  const std::lock_guard lock(mutex_);
  Context out{.trace_high = next_number(), .trace_low = next_number(), .span = 0, .is_sampled = false};
  out.is_sampled = rng_.uniform() < sample_rate_;
  return out;
}

uint64_t Tracer::next_span() {
  const std::lock_guard lock(mutex_);
  return next_number();
}

void Tracer::submit(Trace&& trace) {
  const auto shared = std::make_shared<const Trace>(std::move(trace));
  for (const auto& exporter : exporters_) exporter->submit(shared);
}

ExporterCounters Tracer::counters() const {
  ExporterCounters out;
  for (const auto& exporter : exporters_) {
    const auto one = exporter->counters();
    out.exported += one.exported, out.dropped += one.dropped;
  }
  return out;
}

std::shared_ptr<Tracer> make_tracer(const TracerOptions& options) { return options.is_on() ? std::make_shared<Tracer>(options) : nullptr; }

}  // namespace scissionlite::trace
