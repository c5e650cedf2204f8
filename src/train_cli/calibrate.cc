#include "train/transfer/calibrate.h"

#include <iostream>
#include <memory>

#include "base/text.h"
#include "onnx/onnx.h"
#include "train_cli/command.h"
#include "vision/vision.h"

namespace scissionlite::cli {
namespace {

struct Options {
  train::CalibrateJob job;
  std::string model, output, input;
  std::vector<std::string> images, held_out;
  bool no_flip = false;
};

std::string percent(double share) { return format_fixed(100 * share, 1); }

void print_table(const train::CalibrateReport& report) {
  std::vector<std::vector<std::string>> rows{
      {"transfer layer", "bytes", "p95", "closed form: bytes", "agreement %", "agreement %", "95 % interval", "KL, nats", "best epoch", ""}};
  for (const auto& rate : report.rates)
    rows.push_back({rate.spec, format_fixed(rate.bytes_mean, 0), format_fixed(rate.bytes_p95, 0), format_fixed(rate.bytes_closed, 0),
                    percent(rate.agreement_closed), percent(rate.agreement), percent(rate.interval.low) + " .. " + percent(rate.interval.high),
                    format_fixed(rate.divergence, 4), std::to_string(rate.best_epoch), rate.overfitted ? "overfits" : ""});
  std::cout << format_table(rows) << "\ncut " << report.cut_id << " (" << join(report.tensors, " + ") << "), fitted on " << report.images
            << " images in " << report.views << " views, measured on " << report.held_out << " others; " << format_fixed(report.seconds, 0) << " s\n";
}

int calibrate(Options& options, const Common& common) {
  auto& job = options.job;
  job.model = options.model;
  job.output = options.output;
  job.command = common.command_line;
  job.augmentation.flip = !options.no_flip;
  job.images = vision::list_images(options.images);
  if (!options.held_out.empty()) job.held_out = vision::list_images(options.held_out);
  job.input = vision::find_input_spec(load_model(job.model), job.model, options.input);
  const auto report = train::calibrate(job);
  if (common.json) std::cout << to_json(report).dump(2) << "\n";
  else print_table(report);
  return 0;
}

}  // namespace

Run declare_calibrate(CLI::App& app, Common& common) {
  auto options = std::make_shared<Options>();
  auto& job = options->job;
  app.add_option("model", options->model, "ONNX file")->required();
  app.add_option("--cut", job.cut, "id or tensor names of the cut, as `scissionlite inspect` prints them")->required();
  app.add_option("--images", options->images, "unlabelled image files, folders or globs")->required();
  app.add_option("--held-out", options->held_out, "images to measure on (default: a part of --images)");
  app.add_option("--holdout", job.holdout, "how many of --images to measure on and not fit on: a count (100) or a share (0.2)")
      ->capture_default_str();
  app.add_option("--input,--input-spec", options->input, "input.json (default: in the model's metadata or beside it)");
  app.add_option("--name", job.name, "the layers are called fit-<name>-q<step>")->capture_default_str();
  app.add_option(
         "--family", job.family,
         "klt: principal components, with a decoder that learns when --epochs is given; conv: starts as that, and its encoder and a decoder of more layers learn")
      ->check(CLI::IsMember({"klt", "conv"}))
      ->capture_default_str();
  app.add_option("--hidden", job.hidden, "conv: channels of the decoder's further layers")->check(CLI::Range(1, 4096))->capture_default_str();
  app.add_option("--steps", job.steps, "quantiser steps in percent, separated by commas: each gives one rate")->delimiter(',')->capture_default_str();
  app.add_option("--stride", job.stride, "side of the patches; 0: by the size of the tensor")->check(CLI::Range(0, 16))->capture_default_str();
  app.add_option("--views", job.views, "of each image: as it is, and augmented")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--crop", job.augmentation.crop, "smallest share of an image's area that an augmented view shows")->capture_default_str();
  app.add_flag("--no-flip", options->no_flip, "do not mirror views: where left and right mean something");
  app.add_option("--jitter", job.augmentation.jitter, "change brightness, contrast and saturation of views by up to this share")
      ->capture_default_str();
  app.add_option(
         "--sensitivity", job.sensitivity,
         "what errors count by: margin (how they move the first answer's lead over the second), fisher (how they move all answers) or none (all alike)")
      ->check(CLI::IsMember({"margin", "fisher", "none"}))
      ->capture_default_str();
  app.add_option("--epochs", job.epochs, "of distilling each decoder from the uncut model; 0: closed form only")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str();
  app.add_option("--lr", job.rate, "learning rate of the distillation")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--patience", job.patience, "epochs without better agreement on the held-out images; then the distillation ends")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_option("--batch", job.batch_size, "images a step")->check(CLI::Range(1, 1 << 16))->capture_default_str();
  app.add_option("--seed", job.seed, "of views, answers and order")->capture_default_str();
  app.add_option("--threads", job.threads, "0: every core")->check(CLI::Range(0, 1024))->capture_default_str();
  app.add_option("-o,--output", options->output, "folder that gets a folder a rate; those that are there from the same job are kept")->required();
  return [options, &common] { return calibrate(*options, common); };
}

}  // namespace scissionlite::cli
