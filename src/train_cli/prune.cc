#include "train/prune/prune.h"

#include <iostream>
#include <memory>

#include "base/text.h"
#include "train_cli/job_options.h"

namespace scissionlite::cli {
namespace {

struct Options {
  JobOptions common;
  train::PruneJob job;
  double parameters = 0, macs = 0, latency_ms = 0;
  std::string report, profile;
  bool no_blocks = false, no_channels = false, frozen_statistics = false;
};

std::string ratio(double before, double after) { return before > 0 ? format_fixed(after / before, 3) : "-"; }

void print_table(const train::PruneReport& report) {
  std::vector<std::vector<std::string>> rows{{"layer", "channels", "kept", "share"}};
  for (const auto& layer : report.layers)
    rows.push_back({layer.name, std::to_string(layer.channels), std::to_string(layer.kept),
                    format_fixed(static_cast<double>(layer.kept) / static_cast<double>(layer.channels), 2)});
  std::cout << format_table(rows) << "\n";
  if (!report.blocks.empty()) {
    rows = {{"block", "gate"}};
    for (const auto& block : report.blocks) rows.push_back({block.name, block.gate == 0 ? "removed" : format_fixed(block.gate, 3)});
    std::cout << format_table(rows) << "\n";
  }
  const auto percent = [](const std::optional<double>& share) { return share ? format_fixed(100 * *share, 2) : "-"; };
  rows = {{"", "before", "after", "ratio"}};
  const auto add = [&](const char* what, double before, double after, int digits) {
    rows.push_back({what, format_fixed(before, digits), format_fixed(after, digits), ratio(before, after)});
  };
  add("parameters", static_cast<double>(report.parameters_before), static_cast<double>(report.parameters_after), 0);
  add("multiply-accumulates", static_cast<double>(report.macs_before), static_cast<double>(report.macs_after), 0);
  add("latency, native, 1 thread (us)", report.latency_before_us, report.latency_after_us, 1);
  if (report.predicted)
    add(("predicted on " + report.predicted->machine + " (us)").c_str(), report.predicted->before_us, report.predicted->after_us, 1);
  rows.push_back({"held out (%)", percent(report.before), percent(report.after), "-"});
  std::cout << format_table(rows) << "\nsearched: " << percent(report.searched) << " %, rebuilt: " << percent(report.rebuilt)
            << " %, tuned: " << percent(report.after) << " %\n";
  for (const auto& reason : report.refused) std::cout << "kept some small channels: " << reason << "\n";
  if (!report.is_within_budget) std::cout << "the budget was not met: search for longer, or with a larger --strength\n";
  std::cout << "wrote " << report.tuning.output << "\n";
}

int prune(Options& options, const Common& common) {
  complete(options.common, common);
  auto& job = options.job;
  job.train = options.common.job;
  job.train.update_statistics = !options.frozen_statistics;
  if (options.parameters > 0) job.budget.parameters = options.parameters;
  if (options.macs > 0) job.budget.macs = options.macs;
  if (options.latency_ms > 0) job.budget.latency_us = 1e3 * options.latency_ms;
  job.profile = options.profile;
  job.blocks = !options.no_blocks;
  job.channels = !options.no_channels;
  job.report = options.report;
  const auto report = train::prune(job);
  if (common.json) std::cout << to_json(report).dump(2) << "\n";
  else print_table(report);
  return report.is_within_budget ? 0 : 1;
}

}  // namespace

Run declare_prune(CLI::App& app, Common& common) {
  auto options = std::make_shared<Options>();
  auto& shared = options->common;
  auto& job = options->job;
  shared.job.trainer.clip_norm = 5;  // the smaller network starts where the search's penalty kept it, which is steep without BatchNormalization
  declare_data(app, shared);
  app.add_option("--search-epochs", job.search_epochs, "epochs of learning what is needed; --epochs are those of fine-tuning the smaller network")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--strength", job.strength,
                 "of the penalty: share of its first size that a channel's scale or a block's gate loses over the search if nothing holds it")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--threshold-share", job.threshold_share, "of a layer's squared scales that may go with its smallest channels")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--width-multiple", job.width_multiple,
                 "channels left of a layer are a multiple of this, or all of them; 16 for sparsify and for the vectors of engines")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--params", options->parameters,
                 "budget: at most so many parameters, or such a share of the model's; what the loss misses least for its cost goes until then")
      ->check(CLI::PositiveNumber);
  app.add_option(
         "--flops", options->macs,
         "budget: at most so many multiply-accumulates, or such a share of the model's; what the loss misses least for its cost goes until then")
      ->check(CLI::PositiveNumber);
  const auto profile =
      app.add_option("--profile", options->profile,
                     "profile.json of this model (`scissionlite profile`): the smaller model's latency on that machine is predicted from it");
  app.add_option(
         "--latency-ms", options->latency_ms,
         "budget: predicted to take at most so many milliseconds on the machine of --profile; what the loss misses least for its cost goes until then")
      ->check(CLI::PositiveNumber)
      ->needs(profile);
  app.add_flag("--no-blocks", options->no_blocks, "keep all blocks");
  app.add_flag("--no-channels", options->no_channels, "keep all channels of the blocks that stay");
  app.add_option("--freeze", shared.job.freeze, "globs on names of weights or of the nodes that use them, which stay as they are");
  app.add_flag("--frozen-statistics", options->frozen_statistics, "BatchNormalization keeps its statistics (default: it follows the batches)");
  declare_loss(app, shared);
  declare_trainer(app, shared);
  app.add_option("--report", options->report,
                 "JSON file to write: proportions learned, sizes, latency, accuracy; `scissionlite report --pruning` draws it");
  app.add_option("-o,--output", shared.output, "ONNX file to write: the smaller model")->required();
  return [options, &common] { return prune(*options, common); };
}

}  // namespace scissionlite::cli
