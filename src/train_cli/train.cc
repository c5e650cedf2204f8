#include "train/train.h"

#include <iostream>
#include <memory>

#include "train_cli/job_options.h"

namespace scissionlite::cli {
namespace {

void print_table(const train::TrainReport& report) {
  print_epochs(report.epochs);
  std::cout << "trained " << report.parameters_trained << " of " << report.parameters << " parameters on " << report.images << " images; " << report.held_out
            << " held out\nwrote epoch " << report.best_epoch << " to " << report.output << "\n";
}

int train(JobOptions& options, const Common& common) {
  complete(options, common);
  const auto report = train::train_model(options.job);
  if (common.json) std::cout << to_json(report).dump(2) << "\n";
  else print_table(report);
  return 0;
}

void declare_selection(CLI::App& app, JobOptions& options) {
  auto& job = options.job;
  app.add_option("--train", job.train, "globs on names of weights or of the nodes that use them; all others are frozen")->capture_default_str();
  app.add_option("--freeze", job.freeze, "globs that stay frozen, whatever --train says");
  app.add_option("--cut", job.cut, "with --side: id or tensor names of a cut");
  app.add_option("--side", job.side, "train this side of the cut only")->check(CLI::IsMember({"head", "tail"}));
  app.add_flag("--batch-statistics", job.update_statistics, "BatchNormalization follows the batches (default: frozen statistics)");
  app.add_option("--classes", job.classes, "put a new last layer for so many classes in place of the model's, whatever classes that had")->check(CLI::Range(2, 1 << 20));
}

}  // namespace

Run declare_train(CLI::App& app, Common& common) {
  auto options = std::make_shared<JobOptions>();
  declare_data(app, *options);
  declare_selection(app, *options);
  declare_loss(app, *options);
  declare_trainer(app, *options);
  app.add_option("-o,--output", options->output, "ONNX file to write: the same graph with the trained weights")->required();
  return [options, &common] { return train(*options, common); };
}

}  // namespace scissionlite::cli
