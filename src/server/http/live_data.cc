#include "server/http/live_data.h"

#include "base/clock.h"
#include "base/version.h"

namespace scissionlite::server {
namespace {

double mean_us(const Duration& duration) {
  return duration.count > 0 ? static_cast<double>(duration.ns) * 1e-3 / static_cast<double>(duration.count) : 0;
}

Json json_of(Model& model, bool is_replaced) {
  const auto counts = model.statistics().snapshot();
  const auto& interface = model.interface();
  return {{"name", interface.name},
          {"version", interface.version},
          {"sha256", interface.sha256},
          {"plan", interface.plan},
          {"engine", model.engine().spec + " " + model.engine().version},
          {"is_replaced", is_replaced},
          {"is_ready", model.is_ready()},
          {"waiting", model.batcher().waiting()},
          {"queue_age_us", static_cast<double>(model.batcher().oldest_wait_ns()) * 1e-3},
          {"requests", counts.success.count},
          {"failed", counts.fail.count},
          {"executions", counts.execution_count},
          {"inferences", counts.inference_count},
          {"queue_us", mean_us(counts.queue)},
          {"compute_us", mean_us(counts.infer)}};
}

}  // namespace

Json live_json(const ServiceContext& context, const std::string& identity) {
  context.access.check_watch(identity);
  Json out{{"version", kVersion}, {"up_s", (Clock::steady().now_us() - context.observer->started_us()) * 1e-6}, {"is_ready", context.is_ready()}};
  Json models = Json::array();
  for (const auto& model : context.repository.loaded()) models.push_back(json_of(*model, /*is_replaced=*/false));
  for (const auto& model : context.repository.replaced()) models.push_back(json_of(*model, /*is_replaced=*/true));
  out["models"] = std::move(models);
  const auto* tracer = context.observer->tracer();
  out["traces"] = tracer ? Json{{"exported", tracer->counters().exported}, {"dropped", tracer->counters().dropped}} : Json();
  out.update(context.observer->table().json());
  return out;
}

}  // namespace scissionlite::server
