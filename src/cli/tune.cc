#include "tune/tune.h"

#include <algorithm>
#include <iostream>

#include "base/counted.h"
#include "base/file.h"
#include "base/progress.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/tune_model.h"
#include "kernels/vector/loops.h"
#include "tune/objects.h"
#include "tune/table.h"

namespace scissionlite::cli {
namespace {

constexpr double kGeneratingSeconds = 60;  // of one measurement that begins with a compiler

struct Options {
  TuneModelOptions of_model;
  std::string all_of, replay;
  std::vector<std::string> merge;
  int seeds = 20, passes = 5;
};

/// @return what the file holds in the end.
tune::Database merge_others(const Options& options) {
  tune::Database merged;
  for (const auto& other : options.merge) {
    const auto database = tune::load_database(other);
    tune::copy_kernels(other, database, options.of_model.output);
    merged = tune::update_database(options.of_model.output, database);
  }
  return merged;
}

void print_merged(const Options& options, const tune::Database& merged, bool as_json) {
  const auto entries = static_cast<int64_t>(merged.entries.size());
  if (as_json)
    std::cout << Json{{"schema", "scissionlite.tuning_merged/1"},
                      {"output", options.of_model.output},
                      {"merged", options.merge},
                      {"entries", entries}}
                     .dump(2)
              << "\n";
  else
    std::cout << "merged  " << join(options.merge) << " into " << options.of_model.output << ", which has " << counted(entries, "choice") << " now\n";
}

/// Problems of a file, a line each; what follows the second word of a line is left out.
std::vector<kernels::ConvProblem> problems_of(const std::string& path) {
  std::vector<kernels::ConvProblem> problems;
  for (const auto& line : split(read_file(path), '\n'))
    if (const auto words = split(line, ' '); words.size() >= 2 && words[0] == "conv")
      problems.push_back(kernels::parse_problem(words[0] + " " + words[1]));
  return problems;
}

/// Whole spaces, pass by pass over all of them: the times of a configuration lie far apart.
int measure_all(const Options& options, const Common& common) {
  constexpr int kRuns = 3;  // of a configuration in a pass
  auto measure = options.of_model.tune.measure;
  measure.trial.least_runs = measure.trial.most_runs = kRuns;
  tune::MeasurementLog log(options.of_model.output + ".log");
  const auto problems = problems_of(options.all_of);
  int64_t configurations = 0;
  for (const auto& problem : problems) configurations += static_cast<int64_t>(tune::ConvSpace(problem, *measure.trial.loops).space().count_valid());
  Progress bar("tune --all-of", configurations * options.passes);
  for (int pass = 1; pass <= options.passes; ++pass)
    for (const auto& problem : problems) tune::measure_space(problem, measure, pass, log, [&] { bar.advance(); });
  tune::Table table;
  for (const auto& problem : problems) table.layers.push_back(tune::table_layer(problem, measure, log));
  write_json(options.of_model.output, to_json(table));
  if (common.json) std::cout << to_json(table).dump(2) << "\n";
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
      for (int seed = 1; seed <= options.seeds; ++seed)
        row["needed"][method.name].push_back(tune::measurements_needed(layer, method.name, static_cast<uint64_t>(seed), kShare));
    json["layers"].push_back(std::move(row));
  }
  std::cout << json.dump(2) << "\n";
  return 0;
}

int run(Options& options, const Common& common) {
  options.of_model.tune.measure.trial.loops = &kernels::best_loops();
  if (options.of_model.is_generating) options.of_model.tune.measure.limits.seconds = kGeneratingSeconds;
  if (!options.replay.empty()) return replay(options);
  if (options.of_model.output.empty()) throw InvalidArgument("[tune] where should what is found go? Give -o tuning.json");
  check_writable(options.of_model.output);
  if (!options.all_of.empty()) return measure_all(options, common);
  const auto merged = merge_others(options);
  if (!options.of_model.model.empty()) return tune_model(options.of_model, common);
  if (options.merge.empty()) throw InvalidArgument("[tune] nothing to do: give a model, or files to --merge");
  print_merged(options, merged, common.json);
  return 0;
}

}  // namespace

Run declare_tune(CLI::App& app, Common& common) {
  auto options = std::make_shared<Options>();
  std::vector<std::string> methods;
  for (const auto& row : tune::searchers()) methods.emplace_back(row.name);
  app.add_option("model", options->of_model.model, "ONNX file");
  app.add_option("-o,--output", options->of_model.output, "tuning.json to add to; beside it lies a log, from which an interrupted search goes on");
  app.add_option("--method", options->of_model.tune.method, "how to search")->check(CLI::IsMember(methods))->capture_default_str();
  app.add_option(
         "--budget", options->of_model.tune.budget,
         "configurations measured for each distinct convolution; convolutions of bytes have a few ways and chains a dozen, which are all measured, and with --generate as many again as this says")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--seconds", options->of_model.seconds, "of all searches; 0: no limit")->check(CLI::Range(0.0, 1e7))->capture_default_str();
  app.add_option("--threads", options->of_model.tune.measure.trial.threads, "that the model will run with")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--seed", options->of_model.tune.seed, "of the search")->check(CLI::NonNegativeNumber)->capture_default_str();
  app.add_option("--rounds", options->of_model.rounds,
                 "in which the whole network as tuned and with the usual choices run in turns at the end; 0: not at all")
      ->check(CLI::Range(0, 10000))
      ->capture_default_str();
  app.add_flag(
      "--generate", options->of_model.is_generating,
      "also try kernels generated for each convolution, each chain of a depthwise and a 1x1 one, and each pooling (about a second each; needs scissionlite-generate and a C compiler here, not where the model runs)");
  app.add_option("--merge", options->merge, "tuning.json files of other runs: the faster choice of each problem is kept");
  app.add_option("--all-of", options->all_of,
                 "measure every configuration of the problems in this file (bench/shapes/convolutions.txt) and write a table for --replay");
  app.add_option("--passes", options->passes, "of --all-of; the table holds the least of a configuration's times")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--replay", options->replay, "print how many measurements each method needs on such a table for 95 % of the best speed");
  app.add_option("--seeds", options->seeds, "of --replay")->check(CLI::Range(1, 10000))->capture_default_str();
  return [options, &common] { return run(*options, common); };
}

}  // namespace scissionlite::cli
