#include "report/explanation.h"

namespace scissionlite::report {
namespace {

constexpr int kVersion = 1;

double not_negative(const JsonReader& json, const std::string& key) { return json.has(key) ? json.at(key).number_at_least(0) : 0; }

ExplainedStep step_from(const JsonReader& json) {
  json.allow_only({"node", "implementation", "shape", "macs", "bytes", "median_us", "gflops", "share_of_peak", "predicted_us", "is_measured",
                   "instead", "instead_us"});
  ExplainedStep step;
  step.node = json.at("node").text();
  step.implementation = json.at("implementation").text();
  step.shape = json.at("shape").integers();
  step.macs = json.at("macs").number_at_least(0);
  step.bytes = json.at("bytes").number_at_least(0);
  step.median_us = json.at("median_us").number_at_least(0);
  step.gflops = not_negative(json, "gflops");
  step.share_of_peak = not_negative(json, "share_of_peak");
  step.predicted_us = not_negative(json, "predicted_us");
  step.is_measured = json.boolean_or("is_measured", false);
  step.instead = json.text_or("instead", "");
  step.instead_us = json.number_or("instead_us", 0);
  return step;
}

}  // namespace

Explained explained_from_json(const Json& raw, const std::string& where) {
  check_schema(raw, "explanation", kVersion, where);
  const JsonReader json(raw, where);
  json.allow_only({"schema", "model_name", "engine", "version", "isa", "precision", "threads", "run_us", "peak_gflops", "arena_bytes", "values_bytes",
                   "traffic_bytes", "operator_traffic_bytes", "steps", "command"});
  Explained out;
  out.model_name = json.text_or("model_name", "");
  out.engine = json.at("engine").text();
  out.version = json.text_or("version", "");
  out.isa = json.text_or("isa", "");
  out.precision = json.text_or("precision", "");
  out.command = json.text_or("command", "");
  out.threads = json.integer_or("threads", 1);
  out.run_us = json.at("run_us").number_at_least(0);
  out.peak_gflops = json.at("peak_gflops").number_at_least(0);
  out.arena_bytes = not_negative(json, "arena_bytes");
  out.values_bytes = not_negative(json, "values_bytes");
  out.traffic_bytes = not_negative(json, "traffic_bytes");
  out.operator_traffic_bytes = not_negative(json, "operator_traffic_bytes");
  for (const auto& step : json.at("steps").elements()) out.steps.push_back(step_from(step));
  return out;
}

Explained load_explained(const fs::path& path) { return explained_from_json(read_json(path, "explanation", kVersion), path.string()); }

}  // namespace scissionlite::report
