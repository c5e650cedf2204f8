#include "train/prune/sparsify.h"

#include <iostream>
#include <memory>

#include "base/text.h"
#include "train_cli/job_options.h"

namespace scissionlite::cli {
namespace {

struct Options {
  JobOptions common;
  train::SparsifyJob job;
  std::string report;
  bool no_permutation = false, frozen_statistics = false;
};

void print_table(const train::SparsifyReport& report) {
  std::vector<std::vector<std::string>> rows{{"layer", "outputs", "inputs", "taps", "magnitude kept", ""}};
  for (const auto& layer : report.layers)
    rows.push_back({layer.name, std::to_string(layer.outputs), std::to_string(layer.inputs), std::to_string(layer.taps),
                    layer.note.empty() ? format_fixed(layer.kept, 3) : "dense", layer.note});
  const auto percent = [](const std::optional<double>& share) { return share ? format_fixed(100 * *share, 2) + " %" : "-"; };
  std::cout << format_table(rows) << "\nchannels in order: " << format_fixed(100 * report.permutation_efficacy, 1)
            << " % of the gap to half of each row closed\n"
            << report.zeros << " of " << report.weights << " weights are zero ("
            << format_fixed(100.0 * static_cast<double>(report.zeros) / static_cast<double>(report.weights), 1)
            << " %)\nheld out: " << percent(report.before) << " dense, "
            << (report.reconstructed ? percent(report.reconstructed) + " reconstructed, " : percent(report.masked) + " masked, ")
            << percent(report.after) << " retrained\nwrote " << report.training.output << "\n";
}

int sparsify(Options& options, const Common& common) {
  complete(options.common, common);
  auto& job = options.job;
  job.train = options.common.job;
  job.train.update_statistics = !options.frozen_statistics;
  job.permutes = !options.no_permutation;
  job.report = options.report;
  const auto report = train::sparsify(job);
  if (common.json) std::cout << to_json(report).dump(2) << "\n";
  else print_table(report);
  return 0;
}

}  // namespace

Run declare_sparsify(CLI::App& app, Common& common) {
  auto options = std::make_shared<Options>();
  auto& shared = options->common;
  auto& permutation = options->job.permutation;
  declare_data(app, shared);
  app.add_flag("--no-permutation", options->no_permutation, "keep the order of channels (default: the one found in which 2:4 keeps most)");
  app.add_option("--permutation", permutation.method, "how that order is searched for: swaps of two channels, or stripes of eight")
      ->check(CLI::IsMember({"swaps", "stripes"}))
      ->capture_default_str();
  app.add_option("--escapes", permutation.escapes, "random changes from the best order found, each searched on from")
      ->check(CLI::Range(0, 1 << 30))
      ->capture_default_str();
  app.add_option("--permutation-seconds", permutation.seconds, "at most, for all layers")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option(
         "--reconstruct", options->job.reconstruction_images,
         "before retraining fit the weights that masks left, layer by layer, to the values that so many of --images have in the dense model; no labels are needed; 0: do not")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  app.add_option("--freeze", shared.job.freeze, "globs on names of weights or of the nodes that use them, which are not retrained");
  app.add_flag("--frozen-statistics", options->frozen_statistics, "BatchNormalization keeps its statistics (default: it follows the batches)");
  declare_loss(app, shared);
  declare_trainer(app, shared);
  app.add_option("--report", options->report, "JSON file to write: layers, what masks keep, accuracy");
  app.add_option("-o,--output", shared.output, "ONNX file to write: an ordinary model with zeros")->required();
  return [options, &common] { return sparsify(*options, common); };
}

}  // namespace scissionlite::cli
