#include "tune/tune.h"

#include <algorithm>
#include <iostream>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/stats.h"
#include "base/text.h"
#include "cli/command.h"
#include "engine/backends/native/conv_problems.h"
#include "kernels/vector/loops.h"
#include "onnx/onnx.h"
#include "tune/generating.h"
#include "tune/table.h"

namespace scissionlite::cli {
namespace {

constexpr double kGeneratingSeconds = 60;  // of one measurement that begins with a compiler

struct Options {
  std::string model, output, all_of, replay;
  std::vector<std::string> merge;
  double seconds = 480;
  int seeds = 20, passes = 5;
  bool is_generating = false;
  tune::TuneOptions tune;
};

/// A convolution of the model, and what was found for it.
struct Layer {
  ConvUse use;
  tune::TuningEntry entry;
  bool is_recalled = false, is_finished = true;
  int64_t failed = 0;
};

double total_us(const Layer& layer, double us) { return us * layer.use.count; }

std::vector<Layer> layers_of(const std::vector<ConvUse>& uses) {
  std::vector<Layer> layers;
  for (const auto& use : uses) layers.push_back({use, {}});
  std::stable_sort(layers.begin(), layers.end(), [](const Layer& a, const Layer& b) { return a.use.problem.macs() * a.use.count > b.use.problem.macs() * b.use.count; });
  return layers;
}

/// Most work first; each search may take its share of the time that is left.
class Tuner {
 public:
  Tuner(const Options& options, size_t layers) : options_(options), log_(options.output + ".log"), bar_("tune", static_cast<int64_t>(layers) * options.tune.budget), left_(layers) {
    if (fs::exists(options.output)) known_ = tune::load_database(options.output);
    if (options.is_generating) generating_.emplace(options.output, generate::default_tools());
    if (options.seconds > 0) until_us_ = Clock::steady().now_us() + options.seconds * 1e6;
  }

  void run(Layer& layer) {
    shown_ = 0;
    const auto& trial = options_.tune.measure.trial;
    const auto key = tune::key_of(layer.use.problem, *trial.loops, trial.threads);
    const auto known = known_.entries.find(key);
    layer.is_recalled = known != known_.entries.end() && (known->second.measured >= options_.tune.budget || known->second.measured >= configurations(layer.use.problem));
    if (layer.is_recalled) layer.entry = known->second;
    else search(layer);
    bar_.advance(options_.tune.budget - std::min(options_.tune.budget, shown_), "");
    --left_;
  }

  [[nodiscard]] const tune::MeasurementLog& log() const { return log_; }

 private:
  /// Looks at each: seconds.
  [[nodiscard]] int64_t configurations(const kernels::ConvProblem& problem) const { return static_cast<int64_t>(tune::ConvSpace(problem, *options_.tune.measure.trial.loops).space().count_valid()); }

  void search(Layer& layer) {
    auto tuning = options_.tune;
    const double now_us = Clock::steady().now_us();
    if (until_us_ > 0) tuning.until_us = now_us + std::max(1.0, (until_us_ - now_us) / static_cast<double>(left_));
    auto tuned = tune::tune_conv(layer.use.problem, tuning, log_, [&](const tune::TuneStep& step) {
      ++shown_;
      bar_.advance(1, "best " + format_us(step.best_us) + ", " + layer.use.problem.text());
      if (!step.outcome.is_ok()) log::debug("[tune] " + layer.use.problem.text() + ", " + step.choice + ": " + step.outcome.failure);
    });
    if (generating_) generating_->keep(layer.use.problem, *tuning.measure.trial.loops, tuned.entry);
    layer.entry = tuned.entry, layer.failed = tuned.failed, layer.is_finished = tuned.is_finished;
    tune::Database found;
    found.add(tuned.key, tuned.entry);
    tune::update_database(options_.output, found);
  }

  const Options& options_;
  tune::Database known_;
  std::optional<tune::Generating> generating_;
  tune::MeasurementLog log_;
  Progress bar_;
  size_t left_;
  double until_us_ = 0;
  int64_t shown_ = 0;
};

double speed_up(const Layer& layer) { return layer.entry.median_us > 0 && layer.entry.usual_us > 0 ? layer.entry.usual_us / layer.entry.median_us : 1; }

Json to_json(const std::vector<Layer>& layers) {
  Json json{{"schema", "scissionlite.tuned/1"}, {"layers", Json::array()}};
  for (const auto& layer : layers)
    json["layers"].push_back({{"problem", layer.use.problem.text()}, {"nodes", layer.use.count}, {"usual_us", layer.entry.usual_us}, {"best_us", layer.entry.median_us}, {"speed_up", speed_up(layer)},
                              {"choice", kernels::describe(layer.entry.implementation, layer.entry.knobs)}, {"measured", layer.entry.measured}, {"failed", layer.failed}, {"finished", layer.is_finished}});
  return json;
}

void print(const std::vector<Layer>& layers, const Options& options) {
  std::vector<std::vector<std::string>> rows{{"problem", "nodes", "usual us", "best us", "speed-up", "measured", "best choice"}};
  double usual_us = 0, best_us = 0;
  size_t unfinished = 0;
  for (const auto& layer : layers) {
    rows.push_back({layer.use.problem.text(), std::to_string(layer.use.count), format_fixed(layer.entry.usual_us, 1), format_fixed(layer.entry.median_us, 1), format_fixed(speed_up(layer), 2),
                    std::to_string(layer.entry.measured), kernels::describe(layer.entry.implementation, layer.entry.knobs)});
    usual_us += total_us(layer, layer.entry.usual_us), best_us += total_us(layer, layer.entry.median_us);
    unfinished += !layer.is_finished;
  }
  std::cout << format_table(rows) << "\nall of them: " << format_us(usual_us) << " with the usual choices, " << format_us(best_us) << " as tuned\n";
  if (unfinished > 0) std::cout << unfinished << " searches ended with the time (--seconds); the same command goes on from there\n";
  std::cout << "use it: SCISSIONLITE_TUNING=" << options.output << " scissionlite ... --engine native\n";
}

void merge_others(const Options& options) {
  for (const auto& other : options.merge) {
    const auto database = tune::load_database(other);
    tune::copy_kernels(other, database, options.output);
    tune::update_database(options.output, database);
  }
}

int tune_model(const Options& options, const Common& common) {
  auto layers = layers_of(conv_problems(load_model(options.model), options.tune.measure.trial.threads));
  {
    Tuner tuner(options, layers.size());
    for (auto& layer : layers) tuner.run(layer);
  }
  if (common.json) std::cout << to_json(layers).dump(2) << "\n";
  else print(layers, options);
  return 0;
}

/// Problems of a file, a line each; what follows the second word of a line is left out.
std::vector<kernels::ConvProblem> problems_of(const std::string& path) {
  std::vector<kernels::ConvProblem> problems;
  for (const auto& line : split(read_file(path), '\n'))
    if (const auto words = split(line, ' '); words.size() >= 2 && words[0] == "conv") problems.push_back(tune::parse_problem(words[0] + " " + words[1]));
  return problems;
}

/// Whole spaces, pass by pass over all of them: the times of a configuration lie far apart.
int measure_all(const Options& options) {
  constexpr int kRuns = 3;  // of a configuration in a pass
  auto measure = options.tune.measure;
  measure.trial.least_runs = measure.trial.most_runs = kRuns;
  tune::MeasurementLog log(options.output + ".log");
  const auto problems = problems_of(options.all_of);
  int64_t configurations = 0;
  for (const auto& problem : problems) configurations += static_cast<int64_t>(tune::ConvSpace(problem, *measure.trial.loops).space().count_valid());
  Progress bar("tune --all-of", configurations * options.passes);
  for (int pass = 1; pass <= options.passes; ++pass)
    for (const auto& problem : problems) tune::measure_space(problem, measure, pass, log, [&] { bar.advance(); });
  tune::Table table;
  for (const auto& problem : problems) table.layers.push_back(tune::table_layer(problem, measure, log));
  write_json(options.output, to_json(table));
  return 0;
}

/// Measurements that each method needs for 95 % of the best known speed, by layer and seed.
int replay(const Options& options) {
  constexpr double kShare = 0.95;
  const auto table = tune::table_from_json(read_json(options.replay, "tuning_table", 2), options.replay);
  Json json{{"schema", "scissionlite.tuning_replay/1"}, {"layers", Json::array()}};
  for (const auto& layer : table.layers) {
    const auto count = std::count_if(layer.us.begin(), layer.us.end(), [](double us) { return us > 0; });
    Json row{{"problem", layer.key.problem}, {"configurations", count}, {"needed", Json::object()}};
    for (const auto& method : tune::searchers())
      for (int seed = 1; seed <= options.seeds; ++seed) row["needed"][method.name].push_back(tune::measurements_needed(layer, method.name, static_cast<uint64_t>(seed), kShare));
    json["layers"].push_back(std::move(row));
  }
  std::cout << json.dump(2) << "\n";
  return 0;
}

int run(Options& options, const Common& common) {
  options.tune.measure.trial.loops = &kernels::best_loops();
  if (options.is_generating) options.tune.measure.limits.seconds = kGeneratingSeconds;
  if (!options.replay.empty()) return replay(options);
  if (options.output.empty()) throw InvalidArgument("[tune] where should what is found go? Give -o tuning.json");
  check_writable(options.output);
  if (!options.all_of.empty()) return measure_all(options);
  merge_others(options);
  if (!options.model.empty()) return tune_model(options, common);
  if (options.merge.empty()) throw InvalidArgument("[tune] nothing to do: give a model, or files to --merge");
  return 0;
}

}  // namespace

Run declare_tune(CLI::App& app, Common& common) {
  auto options = std::make_shared<Options>();
  std::vector<std::string> methods;
  for (const auto& row : tune::searchers()) methods.emplace_back(row.name);
  app.add_option("model", options->model, "ONNX file");
  app.add_option("-o,--output", options->output, "tuning.json to add to; beside it lies a log, from which an interrupted search goes on");
  app.add_option("--method", options->tune.method, "how to search")->check(CLI::IsMember(methods))->capture_default_str();
  app.add_option("--budget", options->tune.budget, "configurations measured for each distinct convolution")->check(CLI::Range(1, 1000000))->capture_default_str();
  app.add_option("--seconds", options->seconds, "of all searches; 0: no limit")->check(CLI::Range(0.0, 1e7))->capture_default_str();
  app.add_option("--threads", options->tune.measure.trial.threads, "that the model will run with")->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_option("--seed", options->tune.seed, "of the search")->capture_default_str();
  app.add_flag("--generate", options->is_generating, "also try kernels generated for each convolution (about a second each; needs scissionlite-generate and a C compiler here, not where the model runs)");
  app.add_option("--merge", options->merge, "tuning.json files of other runs: the faster choice of each problem is kept");
  app.add_option("--all-of", options->all_of, "measure every configuration of the problems in this file (bench/shapes/convolutions.txt) and write a table for --replay");
  app.add_option("--passes", options->passes, "of --all-of; the table holds the least of a configuration's times")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--replay", options->replay, "print how many measurements each method needs on such a table for 95 % of the best speed");
  app.add_option("--seeds", options->seeds, "of --replay")->check(CLI::Range(1, 10000))->capture_default_str();
  return [options, &common] { return run(*options, common); };
}

}  // namespace scissionlite::cli
