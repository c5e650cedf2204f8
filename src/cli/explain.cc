#include "engine/backends/native/explain.h"

#include <algorithm>
#include <iostream>
#include <map>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/command.h"
#include "onnx/onnx.h"

namespace scissionlite::cli {
namespace {

struct Options {
  std::string model, trace, tuning, precision = "f32";
  int threads = 1, repeats = 20, top = 25;
};

double gflops(const StepFacts& step) { return step.median_us > 0 ? 2e-3 * static_cast<double>(step.macs) / step.median_us : 0; }

Json to_json(const Explanation& e) {
  Json json{{"schema", "scissionlite.explanation/1"},
            {"engine", e.engine.spec},
            {"version", e.engine.version},
            {"isa", e.engine.isa},
            {"precision", e.engine.precision},
            {"threads", e.engine.threads},
            {"run_us", e.run_us},
            {"peak_gflops", e.peak_gflops},
            {"arena_bytes", e.arena_bytes},
            {"values_bytes", e.values_bytes},
            {"traffic_bytes", e.traffic_bytes},
            {"operator_traffic_bytes", e.operator_traffic_bytes}};
  json["steps"] = Json::array();
  for (const auto& step : e.steps)
    json["steps"].push_back({{"node", step.node},
                             {"implementation", step.implementation},
                             {"shape", step.shape},
                             {"macs", step.macs},
                             {"bytes", step.bytes},
                             {"median_us", step.median_us},
                             {"gflops", gflops(step)},
                             {"share_of_peak", gflops(step) / e.peak_gflops},
                             {"predicted_us", step.predicted_us},
                             {"is_measured", step.is_measured},
                             {"instead", step.instead},
                             {"instead_us", step.instead_us}});
  return json;
}

/// Chrome's trace format: one run, steps one after the other.
Json to_trace(const Explanation& e) {
  Json events = Json::array();
  double at = 0;
  for (const auto& step : e.steps) {
    events.push_back({{"name", step.node},
                      {"ph", "X"},
                      {"ts", at},
                      {"dur", step.median_us},
                      {"pid", 1},
                      {"tid", 1},
                      {"args", {{"implementation", step.implementation}, {"shape", to_string(step.shape)}, {"gflops", gflops(step)}}}});
    at += step.median_us;
  }
  return {{"traceEvents", events}, {"displayTimeUnit", "ms"}};
}

std::string percent(double share) { return format_fixed(100 * share, 1) + " %"; }

void print_groups(const Explanation& e, double sum_us) {
  std::map<std::string, double> groups;
  for (const auto& step : e.steps) groups[step.implementation.substr(0, step.implementation.find(' '))] += step.median_us;
  std::vector<std::pair<double, std::string>> sorted;
  for (const auto& [name, us] : groups) sorted.emplace_back(us, name);
  std::sort(sorted.rbegin(), sorted.rend());
  std::vector<std::string> parts;
  for (const auto& [us, name] : sorted) parts.push_back(name + " " + percent(us / sum_us));
  std::cout << "by implementation: " << join(parts, ", ") << "\n";
}

void print(const Explanation& e, const Options& options) {
  double sum_us = 0;
  int64_t macs = 0;
  for (const auto& step : e.steps) sum_us += step.median_us, macs += step.macs;
  std::vector<const StepFacts*> sorted;
  for (const auto& step : e.steps) sorted.push_back(&step);
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->median_us > b->median_us; });
  std::vector<std::vector<std::string>> rows{
      {"step", "shape", "done by", "us", "share", "GFLOP/s", "of peak", "GB/s", "chosen for us", "instead of"}};
  for (size_t i = 0; i < sorted.size() && (options.top == 0 || i < static_cast<size_t>(options.top)); ++i) {
    const auto& step = *sorted[i];
    rows.push_back({step.node, to_string(step.shape), step.implementation, format_fixed(step.median_us, 1), percent(step.median_us / sum_us),
                    step.macs ? format_fixed(gflops(step), 1) : "-", step.macs ? percent(gflops(step) / e.peak_gflops) : "-",
                    format_fixed(1e-3 * static_cast<double>(step.bytes) / std::max(step.median_us, 0.01), 1),
                    step.predicted_us > 0 ? format_fixed(step.predicted_us, 1) + (step.is_measured ? " measured" : " estimated") : "-",
                    step.instead.empty() ? "-" : step.instead + " (+" + format_fixed(step.instead_us, 1) + " us)"});
  }
  std::cout << format_table(rows);
  if (sorted.size() >= rows.size()) std::cout << "... " << sorted.size() - rows.size() + 1 << " more steps (--top 0 shows all)\n";
  std::cout << "\n"
            << e.steps.size() << " steps, " << format_fixed(e.run_us / 1e3, 3) << " ms a run with " << e.engine.threads
            << (e.engine.threads == 1 ? " thread" : " threads") << " of " << e.engine.isa << " in " << e.engine.precision << ", "
            << format_fixed(2e-3 * static_cast<double>(macs) / e.run_us, 1) << " GFLOP/s of " << format_fixed(e.peak_gflops, 1)
            << " measured at most\n";
  std::cout << "values take " << format_fixed(static_cast<double>(e.arena_bytes) / 1048576, 1) << " MiB ("
            << format_fixed(static_cast<double>(e.values_bytes) / 1048576, 1) << " without reuse); steps read and write "
            << format_fixed(static_cast<double>(e.traffic_bytes) / 1048576, 1) << " MiB of them";
  if (e.operator_traffic_bytes > 0)
    std::cout << ", operator by operator it would be " << format_fixed(static_cast<double>(e.operator_traffic_bytes) / 1048576, 1) << " MiB";
  std::cout << "\n";
  print_groups(e, sum_us);
}

int explain(const Options& options, const Common& common) {
  if (!options.trace.empty()) check_writable(options.trace);
  const auto explanation = explain_native(load_model(options.model),
                                          {.threads = options.threads, .precision = options.precision, .tuning = options.tuning}, options.repeats);
  if (!options.trace.empty()) write_json(options.trace, to_trace(explanation));
  if (common.json) {
    Json json = to_json(explanation);
    json["model_name"] = fs::path(options.model).stem().string();
    json["command"] = common.command_line;
    std::cout << json.dump(2) << "\n";
  } else print(explanation, options);
  return 0;
}

}  // namespace

Run declare_explain(CLI::App& app, Common& common) {
  auto options = std::make_shared<Options>();
  app.add_option("model", options->model, "ONNX file")->required();
  app.add_option("--threads", options->threads, "0: every core")->check(CLI::Range(0, 1024))->capture_default_str();
  app.add_option("--repeats", options->repeats, "runs that the medians are of")->check(CLI::Range(1, 100000))->capture_default_str();
  app.add_option("--top", options->top, "print the slowest steps only; 0: all")->check(CLI::Range(0, 100000))->capture_default_str();
  app.add_option("--precision", options->precision, "f32, or bf16: convolutions and dense layers may multiply rounded values where that is faster")
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
  app.add_option("--tuning", options->tuning,
                 "file of `scissionlite tune` to choose by (default: what the environment variable SCISSIONLITE_TUNING names)");
  app.add_option("--trace", options->trace, "write one run for chrome://tracing or ui.perfetto.dev");
  return [options, &common] { return explain(*options, common); };
}

}  // namespace scissionlite::cli
