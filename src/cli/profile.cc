#include <algorithm>
#include <iostream>
#include <memory>

#include "base/address.h"
#include "base/counted.h"
#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/fitted.h"
#include "onnx/onnx.h"
#include "ops/cut_cost.h"
#include "profile/via_edge.h"
#include "program/tls_options.h"
#include "transfer/fitted.h"
#include "vision/model_input.h"

namespace scissionlite::cli {
namespace {

struct Options {
  std::string model, output, input_spec, cuts, tls, scores, via, via_models, precision = "f32";
  std::vector<std::string> images, fitted;
  int max_tensors = 3;
  double max_item_s = 2, pause_ms = 20, budget_s = 120, memory_mb = 1500;
  bool no_blocks = false, fresh = false;
  std::optional<Scores> scored;
  ProfileOptions profile;
  protocol::Security security;
};

/// A cut that is named twice is timed once. @param wanted  as --cuts has it.
std::string each_once(const std::vector<Cut>& cuts, const std::string& wanted) {
  if (wanted == "auto" || wanted == "all" || wanted == "single") return wanted;
  std::vector<std::string> ids;
  for (const auto& name : split(wanted, ','))
    if (!name.empty())
      if (const auto id = find_cut(cuts, name).id; std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  return join(ids, ",");
}

void choose(Options& options, const Graph& model) {
  Graph annotated = model;
  const auto cuts = ops::find_costed_cuts(annotated, {.max_tensors = options.max_tensors});
  if (!options.scores.empty()) {
    const auto& scores = options.scored.emplace(load_scores(options.scores));
    if (scores.model_sha256 != options.profile.model_sha256)
      throw InvalidArgument("[profile] '" + options.scores + "' is of a model with sha256 " + scores.model_sha256 + ", '" + options.model + "' has " +
                            options.profile.model_sha256 + "; score this model first");
    options.profile.chosen = cuts_of_scores(cuts, scores);
    if (!options.cuts.empty() || !options.tls.empty())
      throw InvalidArgument("[profile] --scores says which cuts and TLs to time; leave out --cuts and --tls");
    return;
  }
  std::vector<std::string> tls;
  for (const auto& spec : split(options.tls, ','))
    if (!spec.empty()) tls.push_back(spec);
  options.profile.chosen = choose_profiled(cuts, options.cuts.empty() ? "auto" : each_once(cuts, options.cuts), tls, options.profile.shelf);
}

ProfileResult profile_server(Options& options, const Graph& model) {
  ViaOptions via{.address = options.via, .models = {}, .security = options.security};
  for (const auto& name : split(options.via_models, ','))
    if (!name.empty()) via.models.push_back(name);
  if (via.models.empty()) via.models = {options.profile.model_name + "_tail"};
  if (options.cuts.empty() && options.scores.empty()) options.profile.chosen = {};
  return profile_via(model, options.profile, via);
}

void print_summary(const ProfileResult& result, const Options& options) {
  const auto& p = result.profile;
  const auto range = [](const Timing& t) {
    return t.measured() ? format_us(t.median_us) + " (" + format_us(t.ci.low) + " .. " + format_us(t.ci.high) + ")" : "not measured";
  };
  std::cout << "machine     " << p.machine_name << ": " << p.machine.cpu << ", " << p.engine.spec << " " << p.engine.version << ", "
            << counted(p.engine.threads, "thread") << ", " << p.engine.precision << "\n"
            << "model       " << p.model_name << ": whole " << range(p.whole) << ", preprocessing " << range(p.preprocess) << "\n\n";
  std::vector<std::vector<std::string>> rows{{"cut", "bytes", "head", "tail", "head + tail", "TLs timed"}};
  for (const auto& cut : p.cuts) {
    std::vector<std::string> tls;
    for (const auto& [spec, times] : cut.tls) tls.push_back(spec);
    const bool both = cut.head.measured() && cut.tail.measured();
    rows.push_back({cut.id, std::to_string(cut.bytes), cut.head.measured() ? format_us(cut.head.median_us) : "-",
                    cut.tail.measured() ? format_us(cut.tail.median_us) : "-", both ? format_us(cut.head.median_us + cut.tail.median_us) : "-",
                    join(tls)});
  }
  std::cout << format_table(rows) << "\n" << result.measured << " of " << result.total << " times measured";
  if (result.unsettled > 0)
    std::cout << "; " << result.unsettled << " with an interval wider than " << format_fixed(options.profile.measure.max_ci * 100, 1) << " %";
  std::cout << "\n";
  for (const auto& refusal : result.refused) std::cout << "not run: " << refusal << "\n";
  if (!result.left_out.empty())
    std::cout << result.left_out.size() << " left out at the end of --budget-s " << options.budget_s << " (first: " << result.left_out.front()
              << "); the same command with a larger budget goes on from here\n";
}

/// What a plan would name badly, or not at all, is told before the work.
void check_options(const Options& options) {
  if (options.profile.machine_name.empty())
    throw InvalidArgument("[profile] --name is empty; expected the name that plans are to give this machine, as 'camera'");
  if (!options.via.empty()) (void)parse_address(options.via, "--via");
}

int profile(Options& options, const Common& common) {
  check_options(options);
  if (!options.output.empty()) check_writable(options.output);
  auto model = load_model(options.model);
  auto& p = options.profile;
  if (options.via.empty() || vision::has_open_size(model)) {
    p.input = vision::find_input_spec(model, options.model, options.input_spec);
    model = vision::with_input_size(std::move(model), p.input);
  }
  p.model_name = fs::path(options.model).stem().string();
  p.model_sha256 = model_sha256(options.model);
  p.shelf = transfer::load_shelf(options.fitted, options.model);
  choose(options, model);
  p.measure.max_item_us = options.max_item_s * 1e6;
  p.measure.pause_us = options.pause_ms * 1e3;
  p.budget_us = options.budget_s * 1e6;
  p.memory_bytes = options.memory_mb * 1e6;
  p.blocks = !options.no_blocks;
  p.compile.precision = options.precision;
  if (!options.output.empty()) p.partial = options.output + ".part";
  if (options.fresh && !p.partial.empty()) fs::remove(p.partial);
  std::unique_ptr<Progress> bar;
  size_t shown = 0;
  p.progress = [&](size_t done, size_t total, const std::string& what) {
    if (!bar) bar = std::make_unique<Progress>("profile", static_cast<int64_t>(total));
    bar->advance(static_cast<int64_t>(done - std::min(done, shown)), what);
    shown = std::max(shown, done);
  };
  ProfileResult result;
  if (!options.via.empty()) {
    result = profile_server(options, model);
  } else {
    if (!options.images.empty()) p.images = vision::list_images(options.images);
    else log::warning("[profile] no --images: decoding and preprocessing are timed on made-up pictures; photos of your camera tell their real cost");
    result = profile_model(model, p);
    if (options.scored && p.images.empty()) take_image_bytes(result.profile, *options.scored);
  }
  bar.reset();
  result.profile.command = common.command_line;
  const auto json = to_json(result.profile);
  if (!options.output.empty()) write_json(options.output, json);
  if (common.json) std::cout << json.dump(2) << "\n";
  else print_summary(result, options);
  return 0;
}

}  // namespace

Run declare_profile(CLI::App& app, Common& common) {
  auto options = std::make_shared<Options>();
  auto& p = options->profile;
  app.add_option("model", options->model, "ONNX file (external data beside it)")->required();
  app.add_option("--name", p.machine_name, "of this machine in plans")->capture_default_str();
  app.add_option("--engine", p.engine, "what runs the slices; slow:K:ENGINE emulates a machine K times slower (default: the first that is built in)");
  app.add_option("--threads", p.compile.threads, "of the engine; 0 = every core")->check(CLI::Range(0, 4096));
  app.add_option("--precision", options->precision, "f32 or bf16")->check(CLI::IsMember({"f32", "bf16"}))->capture_default_str();
  app.add_option("--cuts", options->cuts,
                 "auto (default): one of each row of equal cuts, and small multi-tensor ones; all; single; or ids joined with ','");
  app.add_option("--tls", options->tls,
                 "transfer layers for every cut, joined with ','; default: fp32, fp16, uint8, pool, and learned ones at the smallest cuts");
  add_fitted_option(app, options->fitted);
  app.add_option("--scores", options->scores, "time exactly the candidates of this scores.json");
  app.add_option("--max-tensors", options->max_tensors, "of a cut")->capture_default_str()->check(CLI::Range(1, 16));
  app.add_option("--images", options->images, "real input, and images to time codecs on (default: synthetic pictures)");
  app.add_option("--input,--input-spec", options->input_spec, "input.json; otherwise from the model's metadata or beside it");
  app.add_option("--max-ci", p.measure.max_ci, "repeat until the 95 % interval of the median is this share of it")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--max-seconds", options->max_item_s, "time of one slice with its pauses at most")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--pause-ms", options->pause_ms,
                 "idle before each run, as between the images of a service; 0 = back to back, as in a saturated pipeline")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 10000.0));
  app.add_option("--budget-s", options->budget_s, "of all work; what does not fit is left out, least important first")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--memory-mb", options->memory_mb, "of slices compiled at once, estimated")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_flag("--no-blocks", options->no_blocks, "leave out the blocks between neighbouring cuts");
  app.add_flag("--fresh", options->fresh, "do not go on from an interrupted run (OUTPUT.part)");
  app.add_option("--via", options->via, "host:port of a running server: time its prepared models through its protocol");
  app.add_option("--via-models", options->via_models, "their names there, joined with ',' (default: <model>_tail)");
  app.add_option("-o,--output", options->output, "profile.json to write");
  declare_security(app, options->security);
  return [options, &common] { return profile(*options, common); };
}

}  // namespace scissionlite::cli
