#include "train/privacy/privacy.h"

#include <iostream>
#include <memory>

#include "base/text.h"
#include "onnx/onnx.h"
#include "train_cli/command.h"
#include "vision/vision.h"

namespace scissionlite::cli {
namespace {

struct Options {
  train::PrivacyJob job;
  std::string model, output, input;
  std::vector<std::string> images, fitted;
  bool no_flip = false;
};

std::string interval_text(const Interval& interval, int decimals) {
  return format_fixed(interval.low, decimals) + " .. " + format_fixed(interval.high, decimals);
}

void print_table(const Privacy& privacy, const std::string& output) {
  std::vector<std::vector<std::string>> rows{{"rebuilt from", "PSNR dB", "95 % interval", "SSIM", "95 % interval", "n", "best epoch"}};
  for (const auto* list : {&privacy.baselines, &privacy.candidates})
    for (const auto& row : *list) {
      const auto& q = row.quality;
      rows.push_back({row.candidate, format_fixed(q.psnr_db, 2), interval_text(q.psnr_interval, 2), format_fixed(q.ssim, 3),
                      interval_text(q.ssim_interval, 3), std::to_string(q.n), row.examples > 0 ? std::to_string(row.best_epoch) : "-"});
    }
  std::cout << format_table(rows) << "\npictures of " << privacy.width << " x " << privacy.height << ", rebuilt by networks trained on "
            << privacy.images << " images; wrote " << output << "\nA lower bound: who has more images or a larger network rebuilds better.\n";
}

int privacy(Options& options, const Common& common) {
  auto& job = options.job;
  job.model = options.model;
  job.output = options.output;
  job.command = common.command_line;
  job.augmentation.flip = !options.no_flip;
  job.images = vision::list_images(options.images);
  job.shelf = transfer::load_shelf(options.fitted, job.model);
  job.input = vision::find_input_spec(load_model(job.model), job.model, options.input);
  const auto result = train::measure_privacy(job);
  if (common.json) std::cout << to_json(result).dump(2) << "\n";
  else print_table(result, options.output);
  return 0;
}

void declare_training(CLI::App& app, Options& options) {
  auto& job = options.job;
  app.add_option("--views", job.views, "of each image to train on: as it is, and augmented")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--crop", job.augmentation.crop, "smallest share of an image's area that an augmented view shows")->capture_default_str();
  app.add_flag("--no-flip", options.no_flip, "do not mirror views: where left and right mean something");
  app.add_option("--epochs", job.epochs, "of training each rebuilding network")->check(CLI::Range(1, 100000))->capture_default_str();
  app.add_option("--patience", job.patience, "epochs without a better PSNR on the held-out images; then the training ends")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_option("--lr", job.rate, "learning rate")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--batch", job.batch_size, "images a step")->check(CLI::Range(1, 1 << 16))->capture_default_str();
  app.add_option("--seed", job.seed, "of views, weights and order")->capture_default_str();
  app.add_option("--threads", job.threads, "0: every core")->check(CLI::Range(0, 1024))->capture_default_str();
}

}  // namespace

Run declare_privacy(CLI::App& app, Common& common) {
  auto options = std::make_shared<Options>();
  auto& job = options->job;
  app.add_option("model", options->model, "ONNX file")->required();
  app.add_option("--images", options->images, "unlabelled image files, folders or globs")->required();
  app.add_option("--cuts", job.cuts, "ids or tensor names of cuts, separated by commas; auto, auto:<count> or all")->delimiter(',')->required();
  app.add_option("--tl", job.tls,
                 "transfer layers at each cut, separated by commas, as fp32, uint8 or klt-s2-q70; auto: as `scissionlite score` tries")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--fitted", options->fitted,
                 "folders of transfer layers that `calibrate` fitted, or folders of such folders: measured at their cut too");
  app.add_option("--holdout", job.holdout, "how many of --images to judge on and not train on: a count (100) or a share (0.2)")
      ->capture_default_str();
  app.add_option("--size", job.size, "longer side of the rebuilt pictures in pixels, at most the model's input")
      ->check(CLI::Range(16, 65535))
      ->capture_default_str();
  app.add_option("--input,--input-spec", options->input, "input.json (default: in the model's metadata or beside it)");
  app.add_option("--engine", job.engine, "that runs head and transfer layer (default: the program's)");
  declare_training(app, *options);
  app.add_option("-o,--output", options->output, "privacy.json; what is there from the same job is kept")->required();
  return [options, &common] { return privacy(*options, common); };
}

}  // namespace scissionlite::cli
