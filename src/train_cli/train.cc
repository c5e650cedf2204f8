#include "train/train.h"

#include <iostream>
#include <memory>

#include "base/text.h"
#include "onnx/onnx.h"
#include "train_cli/command.h"
#include "vision/vision.h"

namespace scissionlite::cli {
namespace {

struct Options {
  train::TrainJob job;
  std::string model, input, output, teacher, checkpoint, keep = "last";
  std::vector<std::string> images, held_out;
};

std::string metric(const Json& metrics, const char* name) { return metrics.contains(name) ? format_fixed(metrics[name].get<double>(), 4) : "-"; }

void print_table(const train::TrainReport& report) {
  std::vector<std::vector<std::string>> rows{{"epoch", "loss", "learning rate", "held-out loss", "accuracy", "agreement", "seconds"}};
  for (const auto& record : report.epochs)
    rows.push_back({std::to_string(record.epoch), record.epoch == 0 ? "-" : format_fixed(record.loss, 4), format_fixed(record.rate, 6),
                    metric(record.metrics, "loss"), metric(record.metrics, "accuracy"), metric(record.metrics, "agreement"),
                    format_fixed(record.seconds, 1)});
  std::cout << format_table(rows) << "\ntrained " << report.parameters_trained << " of " << report.parameters << " parameters on " << report.images
            << " images; " << report.held_out << " held out\nwrote epoch " << report.best_epoch << " to " << report.output << "\n";
}

int train(Options& options, const Common& common) {
  auto& job = options.job;
  job.model = options.model;
  job.output = options.output;
  job.distill.teacher = options.teacher;
  job.trainer.checkpoint = options.checkpoint;
  job.trainer.keep_best = options.keep == "best";
  job.command = common.command_line;
  check_writable(job.output);
  job.images = vision::list_images(options.images);
  if (!options.held_out.empty()) job.held_out = vision::list_images(options.held_out);
  std::optional<fs::path> given;
  if (!options.input.empty()) given = options.input;
  job.input = vision::find_input_spec(load_model(job.model), job.model, given);
  const auto report = train::train_model(job);
  if (common.json) std::cout << to_json(report).dump(2) << "\n";
  else print_table(report);
  return 0;
}

void declare_data(CLI::App& app, Options& options) {
  auto& job = options.job;
  app.add_option("model", options.model, "ONNX file")->required();
  app.add_option("--images", options.images, "image files, folders or globs")->required();
  app.add_option("--labels", job.labels, "true classes: a TSV of file name and label, or 'folders'");
  app.add_option("--held-out", options.held_out, "images to measure on (default: a part of --images)");
  app.add_option("--holdout", job.holdout, "how many of --images to measure on and not train on: a count (100) or a share (0.1)")
      ->capture_default_str();
  app.add_option("--input,--input-spec", options.input, "input.json (default: in the model's metadata or beside it)");
  app.add_option("--batch", job.batch_size, "images a step")->check(CLI::Range(1, 1 << 20))->capture_default_str();
  app.add_flag("--flip", job.augmentation.flip, "mirror half of the images left to right");
  app.add_option("--crop", job.augmentation.crop, "look at random parts of the images, at least this share of the area")->capture_default_str();
  app.add_option("--jitter", job.augmentation.jitter, "change brightness, contrast and saturation by up to this share")->capture_default_str();
}

void declare_selection(CLI::App& app, Options& options) {
  auto& job = options.job;
  app.add_option("--train", job.train, "globs on names of weights or of the nodes that use them; all others are frozen")->capture_default_str();
  app.add_option("--freeze", job.freeze, "globs that stay frozen, whatever --train says");
  app.add_option("--cut", job.cut, "with --side: id or tensor names of a cut");
  app.add_option("--side", job.side, "train this side of the cut only")->check(CLI::IsMember({"head", "tail"}));
  app.add_flag("--batch-statistics", job.update_statistics, "BatchNormalization follows the batches (default: frozen statistics)");
}

void declare_loss(CLI::App& app, Options& options) {
  auto& distill = options.job.distill;
  app.add_option("--label-smoothing", options.job.label_smoothing, "share given to all classes alike")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--distill", options.teacher, "ONNX file of a teacher whose answers are imitated; no labels are needed");
  app.add_option("--distill-weight", distill.weight, "weight of the teacher's answers; labels have 1")->capture_default_str();
  app.add_option("--temperature", distill.temperature, "softens both answers")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--feature", distill.features, "inner value to imitate too: NAME, or STUDENT=TEACHER");
  app.add_option("--feature-weight", distill.feature_weight, "weight of each feature")->capture_default_str();
}

void declare_trainer(CLI::App& app, Options& options) {
  auto& trainer = options.job.trainer;
  auto& schedule = trainer.schedule;
  app.add_option("--epochs", trainer.epochs, "passes over the images")->check(CLI::Range(0, 1 << 20))->capture_default_str();
  app.add_option("--optimizer", trainer.optimizer.kind, "sgd, adam or adamw")->capture_default_str();
  app.add_option("--lr", schedule.rate, "learning rate")->capture_default_str();
  app.add_option("--schedule", schedule.kind, "constant, step or cosine")->capture_default_str();
  app.add_option("--warmup", schedule.warmup_epochs, "epochs over which the rate rises from 0")->check(CLI::NonNegativeNumber)->capture_default_str();
  app.add_option("--step-epochs", schedule.step_epochs, "step: epochs between two steps")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--gamma", schedule.gamma, "step: factor of the rate")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--momentum", trainer.optimizer.momentum, "of sgd")->capture_default_str();
  app.add_flag("--nesterov", trainer.optimizer.nesterov, "of sgd");
  app.add_option("--weight-decay", trainer.optimizer.weight_decay, "of weights, not of biases, scales and shifts")->capture_default_str();
  app.add_option("--clip-norm", trainer.clip_norm, "largest norm of all gradients together; 0: no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--keep", options.keep, "which epoch to write: last, or best by the held-out images")
      ->check(CLI::IsMember({"last", "best"}))
      ->capture_default_str();
  app.add_option("--patience", trainer.patience, "stop after that many epochs without gain; 0: never")
      ->check(CLI::Range(0, 1 << 20))
      ->capture_default_str();
  app.add_option("--seed", trainer.seed, "of order, augmentation and all else that is random")->capture_default_str();
  app.add_option("--threads", trainer.threads, "0: every core")->check(CLI::Range(0, 1024))->capture_default_str();
}

}  // namespace

Run declare_train(CLI::App& app, Common& common) {
  auto options = std::make_shared<Options>();
  declare_data(app, *options);
  declare_selection(app, *options);
  declare_loss(app, *options);
  declare_trainer(app, *options);
  app.add_option("--checkpoint", options->checkpoint, "file that a killed run goes on from, with the same result; written each minute and epoch");
  app.add_option("--checkpoint-seconds", options->job.trainer.checkpoint_seconds, "seconds between two checkpoints")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("-o,--output", options->output, "ONNX file to write: the same graph with the trained weights")->required();
  return [options, &common] { return train(*options, common); };
}

}  // namespace scissionlite::cli
