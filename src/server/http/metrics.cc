#include "server/http/metrics.h"

#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "server/observe/metric_families.h"
#include "server/observe/trace_metrics.h"

namespace scissionlite::server {
namespace {

using prometheus::MetricType;
using Families = MetricFamilies;
using Labels = MetricFamilies::Labels;

double us(const Duration& duration) { return static_cast<double>(duration.ns / 1000); }

struct ModelCounter {
  const char *name, *help;
  double (*value)(const StatisticsSnapshot& counts);
};
/// Triton 2.51's names, texts and meanings.
constexpr ModelCounter kModelCounters[] = {
    {"nv_inference_request_success", "Number of successful inference requests, all batch sizes",
     [](const StatisticsSnapshot& c) { return static_cast<double>(c.success.count); }},
    {"nv_inference_count", "Number of inferences performed (does not include cached requests)",
     [](const StatisticsSnapshot& c) { return static_cast<double>(c.inference_count); }},
    {"nv_inference_exec_count", "Number of model executions performed (does not include cached requests)",
     [](const StatisticsSnapshot& c) { return static_cast<double>(c.execution_count); }},
    {"nv_inference_request_duration_us", "Cumulative inference request duration in microseconds (includes cached requests)",
     [](const StatisticsSnapshot& c) { return us(c.success); }},
    {"nv_inference_queue_duration_us", "Cumulative inference queuing duration in microseconds (includes cached requests)",
     [](const StatisticsSnapshot& c) { return us(c.queue); }},
    {"nv_inference_compute_input_duration_us", "Cumulative compute input duration in microseconds (does not include cached requests)",
     [](const StatisticsSnapshot& c) { return us(c.input); }},
    {"nv_inference_compute_infer_duration_us", "Cumulative compute inference duration in microseconds (does not include cached requests)",
     [](const StatisticsSnapshot& c) { return us(c.infer); }},
    {"nv_inference_compute_output_duration_us", "Cumulative inference compute output duration in microseconds (does not include cached requests)",
     [](const StatisticsSnapshot& c) { return us(c.output); }},
};

/// Triton's reasons of a failure.
const char* reason_of(Code code) {
  switch (code) {
    case Code::kUnavailable:
    case Code::kDeadlineExceeded:
    case Code::kResourceExhausted: return "REJECTED";
    case Code::kCancelled: return "CANCELED";
    case Code::kInternal: return "BACKEND";
    default: return "OTHER";
  }
}

/// Of a version that was replaced: its hash tells it from what is served under the same number now.
Labels labels_of_replaced(const Model& model) {
  constexpr size_t kShown = 12;
  return {{"model", model.interface().name}, {"version", model.interface().version}, {"replaced", model.interface().sha256.substr(0, kShown)}};
}

Labels labels_of(const Model& model) { return {{"model", model.interface().name}, {"version", model.interface().version}}; }

void add_failures(Families& out, const Labels& model, const StatisticsSnapshot& counts) {
  std::map<std::string, uint64_t> by_reason{{"REJECTED", 0}, {"CANCELED", 0}, {"BACKEND", 0}, {"OTHER", 0}};
  for (const auto& [code, count] : counts.failures) by_reason[reason_of(code)] += count;
  for (const auto& [reason, count] : by_reason) {
    auto labels = model;
    labels.insert(labels.begin() + 1, {"reason", reason});
    out.add(static_cast<double>(count), std::move(labels));
  }
}

void add_models(Families& out, const Repository& repository) {
  struct Shown {
    std::shared_ptr<Model> model;
    Labels labels;
    StatisticsSnapshot counts;
  };
  std::vector<Shown> models;
  for (const auto& model : repository.loaded()) models.push_back({model, labels_of(*model), model->statistics().snapshot()});
  for (const auto& model : repository.replaced()) models.push_back({model, labels_of_replaced(*model), model->statistics().snapshot()});
  const auto each = [&](auto&& value) {
    for (const auto& shown : models) out.add(value(*shown.model), shown.labels);
  };
  for (const auto& counter : kModelCounters) {
    out.begin(counter.name, counter.help, MetricType::Counter);
    for (const auto& shown : models) out.add(counter.value(shown.counts), shown.labels);
  }
  out.begin("nv_inference_request_failure", "Number of failed inference requests, all batch sizes", MetricType::Counter);
  for (const auto& shown : models) add_failures(out, shown.labels, shown.counts);
  out.begin("nv_inference_pending_request_count", "Instantaneous number of pending requests awaiting execution per-model.", MetricType::Gauge);
  each([](Model& model) { return static_cast<double>(model.batcher().waiting()); });
  out.begin("scissionlite_queue_age_us", "How long the longest waiting request of the model has waited, in microseconds", MetricType::Gauge);
  each([](Model& model) { return static_cast<double>(model.batcher().oldest_wait_ns()) * 1e-3; });
  out.begin("scissionlite_model_ready", "1 when the model can infer now, 0 when its engine hangs or does not answer the server's own probe",
            MetricType::Gauge);
  each([](Model& model) { return model.is_ready() ? 1.0 : 0.0; });
}

/// Of models that are the middle of three.
void add_forwards(Families& out, const Repository& repository) {
  std::vector<std::shared_ptr<Model>> middles;
  for (const auto& model : repository.loaded())
    if (model->forwarder()) middles.push_back(model);
  if (middles.empty()) return;
  out.begin("scissionlite_forward_answers_total",
            "Requests whose rest was to be computed elsewhere, by who did: the cloud, this edge's copy of its model, or nobody", MetricType::Counter);
  for (const auto& model : middles) {
    const auto& counts = model->forwarder()->counts();
    const auto add = [&](const char* by, uint64_t count) {
      auto labels = labels_of(*model);
      labels.push_back({"by", by});
      out.add(static_cast<double>(count), std::move(labels));
    };
    add("cloud", counts.cloud), add("copy", counts.copy), add("nobody", counts.errors);
  }
  out.begin("scissionlite_forward_asked_total", "Requests that were sent to the cloud", MetricType::Counter);
  for (const auto& model : middles) out.add(static_cast<double>(model->forwarder()->counts().asked), labels_of(*model));
  out.begin("scissionlite_forward_duration_us", "Cumulative time from asking the cloud to its answer, in microseconds", MetricType::Counter);
  for (const auto& model : middles) out.add(static_cast<double>(model->forwarder()->counts().cloud_ns / 1000), labels_of(*model));
  out.begin("scissionlite_forward_ready", "1 when the cloud is reachable and holds the right tail", MetricType::Gauge);
  for (const auto& model : middles) out.add(model->forwarder()->has_ready_cloud() ? 1 : 0, labels_of(*model));
}

/// What models end with that run together.
void add_joints(Families& out, const Repository& repository) {
  std::map<std::string, std::shared_ptr<Joint>> joints;
  std::vector<std::shared_ptr<Model>> members;
  for (const auto& model : repository.loaded())
    if (model->joint()) joints.emplace(model->joint()->hash(), model->joint()), members.push_back(model);
  if (joints.empty()) return;
  constexpr size_t kShown = 12;
  const auto each = [&](auto&& value) {
    for (const auto& [hash, joint] : joints) out.add(static_cast<double>(value(joint->counts())), {{"joint", hash.substr(0, kShown)}});
  };
  out.begin("scissionlite_joint_model", "1 for each model that ends with the joint", MetricType::Gauge);
  for (const auto& model : members) {
    auto labels = labels_of(*model);
    labels.push_back({"joint", model->joint()->hash().substr(0, kShown)});
    out.add(1, std::move(labels));
  }
  out.begin("scissionlite_joint_items_total", "Items that ran through the joint", MetricType::Counter);
  each([](const StatisticsSnapshot& counts) { return counts.inference_count; });
  out.begin("scissionlite_joint_executions_total", "Runs of the joint, each over the items of one or more models", MetricType::Counter);
  each([](const StatisticsSnapshot& counts) { return counts.execution_count; });
}

void add_refusals(Families& out, const MetricsSource& source) {
  out.begin("scissionlite_requests_refused_total", "Inference requests of every front end that were not answered with a result, by reason",
            MetricType::Counter);
  for (int i = 1; i < RefusalCounts::kCodes; ++i)
    if (const auto code = static_cast<Code>(i); code_name(code) != std::string("other"))
      out.add(static_cast<double>(source.refusals.of(code)), {{"reason", code_name(code)}});
  out.begin("scissionlite_http_turned_away_total", "HTTP connections and requests that ended before a handler saw them, by reason",
            MetricType::Counter);
  for (const auto& [port, counts] : source.http)
    for (size_t i = 0; i < counts->turned.size(); ++i)
      out.add(static_cast<double>(counts->turned[i]), {{"port", port}, {"reason", http::turned_name(static_cast<http::Turned>(i))}});
}

void add_http(Families& out, const MetricsSource& source) {
  const auto each = [&](auto&& value) {
    for (const auto& [port, counts] : source.http) out.add(static_cast<double>(value(*counts)), {{"port", port}});
  };
  out.begin("scissionlite_http_connections", "HTTP connections that are open", MetricType::Gauge);
  each([](const http::HttpCounts& counts) { return counts.open_connections.load(); });
  out.begin("scissionlite_http_connections_total", "HTTP connections that were accepted", MetricType::Counter);
  each([](const http::HttpCounts& counts) { return counts.connections.load(); });
  out.begin("scissionlite_http_requests_total", "HTTP requests that were read whole", MetricType::Counter);
  each([](const http::HttpCounts& counts) { return counts.requests.load(); });
  out.begin("scissionlite_http_body_bytes", "Bytes of request bodies that are read or wait for an answer, and of answers until they are sent",
            MetricType::Gauge);
  each([](const http::HttpCounts& counts) { return counts.body_bytes.load(); });
}

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double open_files() {
  std::error_code error;
  double count = 0;
  for (fs::directory_iterator entry("/proc/self/fd", error), end; !error && entry != end; entry.increment(error)) ++count;
  return count;
}

void add_process(Families& out) {
  out.begin("process_resident_memory_bytes", "Resident memory of the server in bytes", MetricType::Gauge);
  out.add(resident_bytes());
  out.begin("process_open_fds", "Open file descriptors of the server", MetricType::Gauge);
  out.add(open_files());
}

}  // namespace

std::string metrics_text(const MetricsSource& source) {
  Families out;
  add_trace_spans(out, source.tracer);
  add_models(out, source.repository);
  add_forwards(out, source.repository);
  add_joints(out, source.repository);
  add_refusals(out, source);
  add_http(out, source);
  if (source.package_bytes) {
    out.begin("scissionlite_package_bytes_total", "Bytes of device packages that were sent", MetricType::Counter);
    out.add(static_cast<double>(*source.package_bytes), {});
  }
  add_process(out);
  return out.text();
}

}  // namespace scissionlite::server
