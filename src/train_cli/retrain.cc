#include "train/transfer/retrain.h"

#include <iostream>
#include <memory>

#include "base/text.h"
#include "train_cli/job_options.h"

namespace scissionlite::cli {
namespace {

struct Options {
  JobOptions common;
  std::string tl = "pool", side = "tail";
  bool without_tl = false;
};

void print_table(const train::RetrainReport& report) {
  print_epochs(report.training.epochs);
  const auto percent = [](const std::optional<double>& share) { return share ? format_fixed(100 * *share, 2) : "-"; };
  const auto lost = [&](const std::optional<double>& share) {
    return share && report.accuracy_original ? format_fixed(100 * (*report.accuracy_original - *share), 2) : "-";
  };
  std::vector<std::vector<std::string>> rows{{"held out", "accuracy %", "points lost"}, {"uncut", percent(report.accuracy_original), "-"}};
  rows.push_back({report.tl + ", not retrained", percent(report.accuracy_with_tl), lost(report.accuracy_with_tl)});
  rows.push_back({report.tl + ", retrained (" + report.side + ")", percent(report.accuracy_retrained), lost(report.accuracy_retrained)});
  std::cout << "\n"
            << format_table(rows) << "\ncut " << report.cut_id << " (" << join(report.tensors, " + ") << "), " << report.wire_bytes
            << " bytes an image; " << report.training.images << " images, " << report.training.held_out << " held out\nwrote epoch "
            << report.training.best_epoch << " to " << report.training.output << "; split it with `scissionlite prepare " << report.training.output
            << " --candidate " << report.candidate << "`\n";
}

int retrain(Options& options, const Common& common) {
  complete(options.common, common);
  options.common.job.side = options.side;
  const auto report = train::retrain({options.common.job, options.tl, options.without_tl});
  if (common.json) std::cout << to_json(report).dump(2) << "\n";
  else print_table(report);
  return 0;
}

}  // namespace

Run declare_retrain(CLI::App& app, Common& common) {
  auto options = std::make_shared<Options>();
  auto& shared = options->common;
  declare_data(app, shared);
  app.add_option("--cut", shared.job.cut, "id or tensor names of the cut that gets the transfer layer, as `scissionlite inspect --cuts` prints them")
      ->required();
  app.add_option("--tl", options->tl, "the transfer layer: pool, or another family (uint4, klt-s2-c64-b8)")->capture_default_str();
  app.add_option("--side", options->side, "what is trained: the tail alone (the head stays as it is), or all layers")
      ->check(CLI::IsMember({"tail", "all"}))
      ->capture_default_str();
  app.add_option("--freeze", shared.job.freeze, "globs on names of weights or of the nodes that use them, which stay frozen");
  app.add_flag("--batch-statistics", shared.job.update_statistics, "BatchNormalization follows the batches (default: frozen statistics)");
  declare_loss(app, shared);
  declare_trainer(app, shared);
  app.add_flag("--without-tl", options->without_tl,
               "write the original graph with the new weights, to be split at this cut with this transfer layer only: uncut it answers wrongly");
  app.add_option("-o,--output", shared.output, "ONNX file to write: the model with the transfer layer inside; `prepare` splits it there")->required();
  return [options, &common] { return retrain(*options, common); };
}

}  // namespace scissionlite::cli
