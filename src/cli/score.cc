#include "score/score.h"

#include <algorithm>
#include <iostream>
#include <memory>

#include "base/counted.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/fitted.h"
#include "onnx/onnx.h"
#include "score/metric.h"
#include "transfer/fitted.h"
#include "transfer/transfer.h"
#include "vision/vision.h"

namespace scissionlite::cli {
namespace {

struct Options {
  ScoreOptions score;
  std::string model, input, output;
  std::vector<std::string> images, fitted;
  bool no_cache = false;
};

std::string percent(double share) { return share < 0 ? "-" : format_fixed(100 * share, 1); }

void print_table(const Scores& scores) {
  const bool has_auc = std::any_of(scores.scores.begin(), scores.scores.end(), [](const Score& score) { return score.label_auc >= 0; });
  std::vector<std::vector<std::string>> rows{
      {"candidate", "family", "bytes", "p95", scores.metric.substr(0, 20) + " %", "95 % interval", "n", "labels %"}};
  if (has_auc) rows[0].emplace_back("AUC");
  for (const auto& score : scores.scores) {
    rows.push_back({score.candidate, candidate_from_key(score.candidate).family(), format_fixed(score.bytes_mean, 0),
                    format_fixed(score.bytes_p95, 0), percent(score.agreement), percent(score.interval.low) + " .. " + percent(score.interval.high),
                    std::to_string(score.n), percent(score.label_accuracy)});
    if (has_auc) rows.back().push_back(score.label_auc < 0 ? "-" : format_fixed(score.label_auc, 4));
  }
  std::cout << format_table(rows) << "\nscored on " << counted(scores.images, "image") << ", fitted on " << counted(scores.images_fitted, "other")
            << "\n";
}

int score(Options& options, const Common& common) {
  auto& job = options.score;
  job.model = options.model;
  if (!options.output.empty()) check_writable(options.output);
  job.images = vision::list_images(options.images);
  job.shelf = transfer::load_shelf(options.fitted, job.model);
  job.input = vision::find_input_spec(load_model(job.model), job.model, options.input);
  if (!options.output.empty() && !options.no_cache) job.cache = options.output + ".cache";
  job.command = common.command_line;
  const auto scores = scissionlite::score(job);
  if (!options.output.empty()) write_json(options.output, to_json(scores));
  if (common.json) std::cout << to_json(scores).dump(2) << "\n";
  else print_table(scores);
  return 0;
}

std::string tl_help() {
  std::string text = "transfer layers, separated by commas: auto, or of\n";
  for (const auto& family : transfer::families()) text += "  " + family.usage + ": " + family.summary + "\n";
  return text;
}

}  // namespace

Run declare_score(CLI::App& app, Common& common) {
  auto options = std::make_shared<Options>();
  auto& job = options->score;
  app.add_option("model", options->model, "ONNX file")->required();
  app.add_option("--images", options->images, "image files, folders or globs")->required();
  app.add_option("--fit-images", job.fit_images, "how many images TLs are fitted on: a count (100), a share (0.33) or 0; they are never scored")
      ->capture_default_str();
  app.add_option("--input,--input-spec", options->input, "input.json (default: in the model's metadata or beside it)");
  app.add_option("--labels", job.labels, "true classes: a table of file name and label (TSV or CSV, with a header or without), or 'folders'");
  app.add_option("--cuts", job.cuts, "cuts: auto, auto:<count>, all, none, or ids and tensor names")->delimiter(',')->capture_default_str();
  app.add_option("--max-tensors", job.max_tensors, "most tensors that may cross")->check(CLI::Range(1, 16))->capture_default_str();
  app.add_option("--tls", job.tls, tl_help())->delimiter(',')->capture_default_str();
  add_fitted_option(app, options->fitted);
  app.add_option("--codecs", job.codecs,
                 "image codecs of edge-only candidates: auto, none, file, raw, png, tensor, jpeg-q90-420, jpeg-q90-444, webp-q80")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--metric", job.metric, "top1, cosine, or 'cmd:PROGRAM' that prints a number in [0, 1] for two .npy files")->capture_default_str();
  app.add_option("--engine", job.engine, "what runs the slices (default: the first available)");
  app.add_option("--threads", job.threads, "0: every core")->check(CLI::Range(0, 1024))->capture_default_str();
  app.add_option("-o,--output", options->output, "scores.json; results are kept in <output>.cache, so that a run that was stopped goes on");
  app.add_flag("--no-cache", options->no_cache, "measure everything anew and keep nothing");
  return [options, &common] { return score(*options, common); };
}

}  // namespace scissionlite::cli
