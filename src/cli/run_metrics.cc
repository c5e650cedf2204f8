#include "cli/run_metrics.h"

#include "base/address.h"
#include "net/socket.h"
#include "server/http/routes.h"
#include "server/observe/metric_families.h"
#include "server/observe/trace_metrics.h"

namespace scissionlite::cli {
namespace {

using prometheus::MetricType;

void add_counts(server::MetricFamilies& out, const device::CountsSnapshot& counts) {
  const auto counter = [&](const char* name, const char* help, int64_t value) {
    out.begin(name, help, MetricType::Counter);
    out.add(static_cast<double>(value));
  };
  out.begin("scissionlite_device_images_total", "Images, by who answered them: edge, cloud, local, or none (an error)", MetricType::Counter);
  for (const auto& [origin, value] : {std::pair{"edge", counts.edge}, {"cloud", counts.cloud}, {"local", counts.local}, {"none", counts.errors}})
    out.add(static_cast<double>(value), {{"origin", origin}});
  counter("scissionlite_device_fallbacks_total", "Images that the edge was to answer and the device answered by itself", counts.fallbacks);
  counter("scissionlite_device_late_total", "Images answered past their deadline", counts.late);
  counter("scissionlite_device_switches_total", "Switches of plan", counts.switches);
  out.begin("scissionlite_device_bytes_total", "Bytes of requests and answers of images that the edge answered", MetricType::Counter);
  out.add(static_cast<double>(counts.bytes_up), {{"direction", "up"}});
  out.add(static_cast<double>(counts.bytes_down), {{"direction", "down"}});
  std::array<double, device::kLatencyBoundsUs.size()> seconds{};
  for (size_t i = 0; i < seconds.size(); ++i) seconds[i] = device::kLatencyBoundsUs[i] / 1e6;  // as written: 0.1, not 0.09999999999999999
  out.begin("scissionlite_device_latency_seconds", "From taking an image to its answer", MetricType::Histogram);
  out.add_histogram(seconds, counts.latencies, counts.latency_sum_us * 1e-6);
}

const char* name_of(device::EdgeState state) {
  switch (state) {
    case device::EdgeState::kReady: return "ready";
    case device::EdgeState::kDown: return "down";
    case device::EdgeState::kRefused: return "refused";
    case device::EdgeState::kUnknown: break;
  }
  return "unknown";
}

struct CallCounter {
  const char *name, *help;
  int64_t offload::SessionCounters::*value;
};
constexpr CallCounter kCallCounters[] = {
    {"scissionlite_device_edge_calls_total", "Calls of the edge for images", &offload::SessionCounters::calls},
    {"scissionlite_device_edge_given_up_total", "Calls given up at the end of their time; an answer that comes later is dropped",
     &offload::SessionCounters::deadline_misses},
    {"scissionlite_device_edge_failures_total", "Calls that failed otherwise", &offload::SessionCounters::failures},
    {"scissionlite_device_edge_busy_total", "Calls that the edge refused with a time to come back, and those held back until then",
     &offload::SessionCounters::busy},
    {"scissionlite_device_edge_wrong_ids_total", "Answers dropped because they were of another request", &offload::SessionCounters::mismatched_ids},
    {"scissionlite_device_edge_checks_total", "Checks of the edge's tail", &offload::SessionCounters::checks},
    {"scissionlite_device_edge_refusals_total", "Times that a check or an answer showed another tail", &offload::SessionCounters::refusals},
};

void add_edges(server::MetricFamilies& out, const DevicePlans& plans) {
  const auto each = [&](auto&& add) {
    for (const auto& plan : plans)
      if (const auto* edge = plan->edge()) add(*edge, plan->package().manifest.candidate);
  };
  for (const auto& counter : kCallCounters) {
    out.begin(counter.name, counter.help, MetricType::Counter);
    each([&](const auto& edge, const std::string& plan) { out.add(static_cast<double>(edge.counters().*counter.value), {{"plan", plan}}); });
  }
  out.begin("scissionlite_device_breaker_state",
            "1 for the state that the plan's way to the edge is in: ready, down, refused (another tail) or unknown", MetricType::Gauge);
  each([&](const auto& edge, const std::string& plan) {
    for (const auto state : {device::EdgeState::kReady, device::EdgeState::kDown, device::EdgeState::kRefused, device::EdgeState::kUnknown})
      out.add(edge.state() == state ? 1 : 0, {{"plan", plan}, {"state", name_of(state)}});
  });
}

void add_plans(server::MetricFamilies& out, const DevicePlans& plans, const std::string& current) {
  out.begin("scissionlite_device_plan", "1 for the plan that the last image took", MetricType::Gauge);
  for (const auto& plan : plans) {
    const auto& manifest = plan->package().manifest;
    out.add(manifest.candidate == current ? 1 : 0,
            {{"plan", manifest.candidate}, {"model", manifest.model_name}, {"tail_sha256", manifest.tail_sha256}});
  }
}

void add_shadow(server::MetricFamilies& out, const device::Shadow& shadow) {
  const auto agreements = shadow.agreements();
  const auto each = [&](const char* name, const char* help, MetricType type, auto&& value) {
    out.begin(name, help, type);
    for (const auto& one : agreements)
      if (one.images > 0 || type == MetricType::Counter) out.add(static_cast<double>(value(one)), {{"plan", one.plan}});
  };
  each("scissionlite_device_shadow_images_total", "Images that the uncut model answered too", MetricType::Counter,
       [](const auto& one) { return one.compared; });
  each("scissionlite_device_shadow_agreement", "Agreement with the uncut model over the plan's last images", MetricType::Gauge,
       [](const auto& one) { return one.agreement; });
  out.begin("scissionlite_device_shadow_drifted", "1 while the plan is not taken because its answers have drifted", MetricType::Gauge);
  for (const auto& one : agreements) out.add(one.has_drifted ? 1 : 0, {{"plan", one.plan}});
  out.begin("scissionlite_device_shadow_left_out_total", "Images of the sample that were not compared: another one waited, or the model failed",
            MetricType::Counter);
  out.add(static_cast<double>(shadow.left_out()), {{"reason", "busy"}});
  out.add(static_cast<double>(shadow.failures()), {{"reason", "failed"}});
}

}  // namespace

std::string device_metrics(const DevicePlans& plans) {
  const auto& observation = plans.front()->options().observation;
  const auto counts = observation.counts->snapshot();
  server::MetricFamilies out;
  add_counts(out, counts);
  add_plans(out, plans, counts.plan);
  add_edges(out, plans);
  if (const auto* shadow = plans.front()->shadow()) add_shadow(out, *shadow);
  server::add_trace_spans(out, observation.tracer.get());
  return out.text();
}

std::unique_ptr<server::http::HttpServer> serve_device_metrics(const std::string& address, bool allows_plain_text,
                                                               std::function<DevicePlans()> plans) {
  if (address.empty()) return nullptr;
  const auto [host, port] = parse_address(address, "--metrics", /*least_port=*/0);
  if (!allows_plain_text && !protocol::is_loopback(host))
    throw InvalidArgument(
        "[run] '" + host +
        "' of --metrics is an address that others reach, and metrics are always plain text: take 127.0.0.1, or give --plain-text where the network is trusted");
  server::http::HttpOptions options{.host = host, .port = port, .option = "--metrics"};
  options.body_bytes = 0;
  options.connections = 64;
  return std::make_unique<server::http::HttpServer>(options,
                                                    server::http::metrics_handler([plans = std::move(plans)] { return device_metrics(plans()); }));
}

}  // namespace scissionlite::cli
