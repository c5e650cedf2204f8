#include "train/train.h"

#include <iostream>
#include <memory>

#include "base/error.h"
#include "base/text.h"
#include "collective/mpi.h"
#include "program/tls_options.h"
#include "train/rare/rare.h"
#include "train_cli/job_options.h"

namespace scissionlite::cli {
namespace {

struct TrainOptions : JobOptions {
  train::RareJob rare;
  std::string objective, report, sampling, send = "float32";
  double most_false_alarms = -1;
  const CLI::App* app = nullptr;
};

void print_table(const train::TrainReport& report) {
  print_epochs(report.epochs);
  std::cout << "trained " << report.parameters_trained << " of " << report.parameters << " parameters on " << report.images << " images; "
            << report.held_out << " held out\nwrote epoch " << report.best_epoch << " to " << report.output << "\n";
}

std::string percent(double share) { return format_fixed(100 * share, 2) + " %"; }

void print_table(const train::RareReport& report) {
  std::vector<std::vector<std::string>> rows{{"stage", "steps", "averages", "learning rate", "loss", "held-out AUC", "95 %", "seconds"}};
  for (const auto& one : report.measures)
    rows.push_back({one.stage == 0 ? "-" : std::to_string(one.stage), std::to_string(one.step), std::to_string(one.rounds),
                    one.stage == 0 ? "-" : format_fixed(one.rate, 6), one.stage == 0 ? "-" : format_fixed(one.loss, 4),
                    format_fixed(one.auc.value, 4), format_fixed(one.auc.low, 4) + " to " + format_fixed(one.auc.high, 4),
                    format_fixed(one.seconds, 1)});
  std::cout << format_table(rows) << "\n";
  int64_t positives = 0;
  for (const auto count : report.positives) positives += count;
  std::cout << report.images.size() << (report.images.size() == 1 ? " member, " : " members, ") << report.training.images << " images, " << positives
            << " of them positive; " << percent(report.positive_rate) << " of each batch\n";
  if (report.images.size() > 1)
    std::cout << "each member sent " << format_bytes(report.exchanged.bytes_sent) << " in " << report.exchanged.rounds << " rounds\n";
  const auto& at = report.operation;
  std::cout << "positive from " << format_fixed(at.threshold, 4) << " on: finds " << percent(at.recall) << " of the positives with "
            << percent(at.false_alarms) << " false alarms (the threshold was chosen on the same held-out images"
            << (report.costs_at_rate < 0 ? "" : ", by costs at " + percent(report.costs_at_rate) + " positives") << ")\nwrote "
            << report.training.output << "\n";
}

/// Each member's own: "site{rank}/" is site0/ for rank 0.
void put_rank(const std::string& option, std::string& path, bool are_own) {
  const std::string place = "{rank}", rank = std::to_string(rank_under_mpi());
  for (size_t at = path.find(place); at != std::string::npos; at = path.find(place, at)) {
    if (!are_own) throw InvalidArgument("[train] {rank} in " + option + " goes with --own-images: else all members are to have the same images");
    path.replace(at, place.size(), rank);
  }
}
void put_rank(TrainOptions& options) {
  const bool are_own = options.rare.own_images;
  for (auto& path : options.images) put_rank("--images", path, are_own);
  for (auto& path : options.held_out) put_rank("--held-out", path, are_own);
  put_rank("--labels", options.job.labels, are_own);
}

/// What has no meaning in stages is refused rather than ignored.
void check_unused(const CLI::App& app) {
  for (const char* name : {"--device", "--cut", "--side", "--mixup", "--label-smoothing", "--distill", "--distill-weight", "--temperature",
                           "--feature", "--feature-weight", "--schedule", "--warmup", "--step-epochs", "--gamma", "--keep", "--patience"})
    if (app.count(name) > 0)
      throw InvalidArgument(std::string("[train] ") + name +
                            " does not go with --objective: stages have their own learning rates (--stages, --growth), and learn from labels alone");
}

int train(TrainOptions& options, const Common& common) {
  put_rank(options);
  complete(options, common);
  if (options.objective.empty()) {
    const auto report = train::train_model(options.job);
    if (common.json) std::cout << to_json(report).dump(2) << "\n";
    else print_table(report);
    return 0;
  }
  check_unused(*options.app);
  auto& rare = options.rare;
  rare.train = options.job, rare.objective = options.objective, rare.report = options.report,
  rare.threshold.most_false_alarms = options.most_false_alarms;
  // On balanced batches both classes count alike anyway, and `weighted` would be cross-entropy.
  const bool is_weighted = options.objective == "weighted" && options.app->count("--positives-in-batch") == 0;
  if (options.sampling == "natural" || (options.sampling.empty() && is_weighted)) rare.positives_in_batch = 0;
  rare.packing = options.send == "bf16" ? Packing::kBf16 : options.send == "int8" ? Packing::kInt8 : Packing::kNone;
  if (options.app->count("--momentum") == 0) rare.train.trainer.optimizer.momentum = 0;
  const auto report = train::train_rare(rare);
  if (!report.is_whole) return 0;
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
  app.add_option("--classes", job.classes, "put a new last layer for so many classes in place of the model's, whatever classes that had")
      ->check(CLI::Range(2, 1 << 20));
}

/// Two classes of which one may be rare; members that meet seldom.
void declare_objective(CLI::App& app, TrainOptions& options) {
  auto& rare = options.rare;
  auto* objective =
      app.add_option("--objective", options.objective,
                     "train on positive and negative images, towards: auc, cross-entropy, weighted, focal; in stages, by one or more workers");
  const auto add = [&](CLI::Option* option) { option->needs(objective); };
  add(app.add_option("--positive", rare.positive,
                     "classes of the labels that are positive, by number or by name: of the labels of input.json, or as tables and folders call them")
          ->capture_default_str());
  add(app.add_option(
             "--sampling", options.sampling,
             "batches with as many positives as --positives-in-batch says, or natural: as they come (default: balanced; natural with --objective weighted, which on balanced batches is cross-entropy)")
          ->check(CLI::IsMember({"balanced", "natural"})));
  add(app.add_option("--positives-in-batch", rare.positives_in_batch, "share of a batch that is positive")
          ->check(CLI::Range(0.0, 1.0))
          ->capture_default_str());
  add(app.add_option("--keep-positives", rare.keep_positives,
                     "learn from so few positives that they are this share of the images, to try out how rare they may be")
          ->check(CLI::Range(0.0, 1.0)));
  add(app.add_option("--margin", rare.margin, "auc: of positives before negatives")->capture_default_str());
  add(app.add_option("--entropy", rare.entropy,
                     "auc: weight of cross-entropy beside it: from 0.1 to 1 a network learns from the first step, and needs no training before")
          ->capture_default_str());
  add(app.add_option("--focus", rare.focus, "focal: exponent of what is still wrong")->capture_default_str());
  add(app.add_option("--workers", rare.workers, "threads that learn from images of their own; processes under mpirun take their place")
          ->check(CLI::Range(1, 1024))
          ->capture_default_str());
  add(app.add_flag(
      "--own-images", rare.own_images,
      "--images, and --held-out or what --holdout leaves, are this member's alone, at a hub or under mpirun, with {rank} in their names in place of its rank; default: all members give the same ones, which are divided"));
  add(app.add_option("--wait-seconds", rare.wait_s, "that members wait for each other")->check(CLI::PositiveNumber)->capture_default_str());
  add(app.add_option("--hub", rare.hub.hub, "host:port of `scissionlite-train hub`: this process is one of the sites that meet there"));
  add(app.add_option("--site", rare.hub.site, "name of this site at the hub; with TLS the common name of its certificate"));
  add(app.add_option("--connect-seconds", rare.hub.connect_s, "that the hub is sought, and again where the connection breaks")
          ->check(CLI::PositiveNumber)
          ->capture_default_str());
  declare_tls(app, rare.hub.tls);
  add(app.add_flag("--plain-text", rare.hub.allows_plain_text, "without TLS to a hub on another machine, where the network is trusted"));
  add(app.add_flag("--control-variates", rare.has_control_variates,
                   "correct each member's steps by what all of them saw, where their images differ (CODASCA); twice the bytes"));
  add(app.add_option("--round-momentum", rare.round_momentum,
                     "behind each average go on by this share of how far the one before went (SlowMo): for averages that are seldom, 0.5 to 0.9")
          ->check(CLI::Range(0.0, 0.999))
          ->capture_default_str());
  add(app.add_option("--send", options.send, "what members send each other: float32 weights, or changes to them as bf16 or int8")
          ->check(CLI::IsMember({"float32", "bf16", "int8"}))
          ->capture_default_str());
  add(app.add_option("--skew", rare.skew, "0: workers have positives alike; towards 1: the first ones have ever more of them")
          ->check(CLI::Range(0.0, 1.0))
          ->capture_default_str());
  add(app.add_option("--window", rare.window, "steps between two averages of the workers' weights")->capture_default_str());
  add(app.add_option("--stages", rare.stages, "each three times as long as the one before, at a third of its learning rate")->capture_default_str());
  add(app.add_option("--stage-steps", rare.stage_steps, "steps of the first stage (default: such that all together are --epochs)")
          ->check(CLI::Range(1, 1 << 30)));
  add(app.add_option("--growth", rare.growth, "of steps, and fall of the learning rate, from stage to stage")->capture_default_str());
  add(app.add_option("--proximity", rare.proximity, "how strongly a stage stays near what it began with (1 / gamma)")->capture_default_str());
  add(app.add_flag("!--last-step", rare.averages_iterates, "a stage gives what its last step gave (default: the mean of all its steps)"));
  add(app.add_option("--measure-steps", rare.measure_steps, "measure held-out AUC each so many steps (default: behind each stage)")
          ->check(CLI::Range(1, 1 << 30)));
  add(app.add_option("--false-alarm-cost", rare.threshold.false_alarm_cost, "of the threshold that is chosen")
          ->check(CLI::NonNegativeNumber)
          ->capture_default_str());
  add(app.add_option("--miss-cost", rare.threshold.miss_cost, "likewise, of a positive that is not found")
          ->check(CLI::NonNegativeNumber)
          ->capture_default_str());
  add(app.add_option("--positive-rate", rare.threshold.positive_rate,
                     "share of positives where the model will be used, by which costs are weighed (default: that of the held-out images)")
          ->check(CLI::Range(0.0, 1.0)));
  add(app.add_option("--most-false-alarms", options.most_false_alarms,
                     "choose the threshold with the highest recall at this share of false alarms, in place of costs")
          ->check(CLI::Range(0.0, 1.0)));
  add(app.add_option("--report", options.report, "JSON file to write: AUC with intervals, curves, members, rounds and bytes"));
}

}  // namespace

Run declare_train(CLI::App& app, Common& common) {
  auto options = std::make_shared<TrainOptions>();
  declare_data(app, *options);
  declare_selection(app, *options);
  declare_objective(app, *options);
  declare_loss(app, *options);
  declare_trainer(app, *options);
  declare_device(app, *options);
  options->app = &app;
  app.add_option("-o,--output", options->output, "ONNX file to write: the same graph with the trained weights")->required();
  return [options, &common] { return train(*options, common); };
}

}  // namespace scissionlite::cli
