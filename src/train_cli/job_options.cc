#include "train_cli/job_options.h"

#include <iostream>

#include "base/text.h"
#include "onnx/onnx.h"
#include "vision/vision.h"

namespace scissionlite::cli {
namespace {

std::string metric(const Json& metrics, const char* name) { return metrics.contains(name) ? format_fixed(metrics[name].get<double>(), 4) : "-"; }

}  // namespace

void print_epochs(const std::vector<train::EpochRecord>& epochs) {
  std::vector<std::vector<std::string>> rows{{"epoch", "loss", "learning rate", "held-out loss", "accuracy", "agreement", "seconds"}};
  for (const auto& record : epochs)
    rows.push_back({std::to_string(record.epoch), record.epoch == 0 ? "-" : format_fixed(record.loss, 4), format_fixed(record.rate, 6),
                    metric(record.metrics, "loss"), metric(record.metrics, "accuracy"), metric(record.metrics, "agreement"),
                    format_fixed(record.seconds, 1)});
  std::cout << format_table(rows) << "\n";
}

void declare_data(CLI::App& app, JobOptions& options) {
  auto& job = options.job;
  app.add_option("model", options.model, "ONNX file")->required();
  app.add_option("--images", options.images,
                 "image files, folders or globs; or files of labelled pictures: CIFAR's (.bin), IDX (...-images-idx3-ubyte.gz, its labels beside it)")
      ->required();
  app.add_option("--labels", job.labels, "true classes: a table of file name and label (TSV or CSV, with a header or without), or 'folders'");
  app.add_option("--held-out", options.held_out, "images to measure on (default: a part of --images)");
  app.add_option("--holdout", job.holdout, "how many of --images to measure on and not train on: a count (100) or a share (0.1)")
      ->capture_default_str();
  app.add_option("--most-unreadable", job.most_unreadable,
                 "leave out up to so many files that are no images, and say which; 0: stop at the first one")
      ->check(CLI::Range(0, 1 << 30))
      ->capture_default_str();
  app.add_option("--input,--input-spec", options.input, "input.json (default: in the model's metadata or beside it)");
  app.add_option("--batch", job.batch_size, "images a step")->check(CLI::Range(1, 1 << 20))->capture_default_str();
  app.add_flag("--flip", job.augmentation.flip, "mirror half of the images left to right");
  app.add_option("--crop", job.augmentation.crop, "look at random parts of the images, at least this share of the area")->capture_default_str();
  app.add_option("--shift", job.augmentation.shift, "move images by up to so many pixels of the model's input each way")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  app.add_option("--jitter", job.augmentation.jitter, "change brightness, contrast and saturation by up to this share")->capture_default_str();
  app.add_option("--mixup", job.mixup, "mix each image with another one, by a share from Beta(A, A); 1: uniform, 0: none")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
}

void declare_loss(CLI::App& app, JobOptions& options) {
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

void declare_device(CLI::App& app, JobOptions& options) {
  app.add_option("--device", options.job.device, "cpu, or cuda or cuda:N for a GPU where this program's libtorch can use one")->capture_default_str();
}

void declare_trainer(CLI::App& app, JobOptions& options) {
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
  app.add_option("--checkpoint", options.checkpoint, "file that a killed run goes on from, with the same result; written each minute and epoch");
  app.add_option("--checkpoint-seconds", trainer.checkpoint_seconds, "seconds between two checkpoints")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
}

void complete(JobOptions& options, const Common& common) {
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
  job.input = vision::find_input_spec(load_model(job.model), job.model, options.input);
}

}  // namespace scissionlite::cli
