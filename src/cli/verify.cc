#include <iostream>
#include <memory>

#include "base/clock.h"
#include "base/error.h"
#include "base/progress.h"
#include "base/text.h"
#include "cli/command.h"
#include "onnx/onnx.h"
#include "prepare/verify.h"
#include "prepare/verify_package.h"
#include "vision/model_input.h"

namespace scissionlite::cli {
namespace {

struct Options {
  std::string model, engine = "reference", cuts, head, tail, package, repository, input_spec;
  std::vector<std::string> images;
  bool all_cuts = false, multi = false;
  uint64_t seed = 1;
  double tolerance = -1;
  int threads = 0;
};

int wanted_cuts(const Options& options) {
  if (options.all_cuts || options.cuts == "all") return 0;
  if (options.cuts.empty()) return -1;
  const double count = parse_scaled(options.cuts, "verify --cuts");
  if (count < 1 || count != static_cast<int>(count))
    throw InvalidArgument("[verify] --cuts is '" + options.cuts + "', expected a count of at least 1, or 'all'");
  return static_cast<int>(count);
}

vision::InputSpec find_spec(const Graph& model, const Options& options) { return vision::find_input_spec(model, options.model, options.input_spec); }

/// The model; sizes that its input leaves open are those of its input.json.
Graph load_sized(const Options& options) {
  auto model = load_model(options.model);
  if (!vision::has_open_size(model)) return model;
  const auto spec = find_spec(model, options);
  return vision::with_input_size(std::move(model), spec);
}

/// The first image as the model's input; nothing without images.
std::vector<Tensor> image_inputs(const Graph& model, const Options& options) {
  if (options.images.empty()) return {};
  return {vision::preprocess(vision::load_image(vision::list_images(options.images).front()), find_spec(model, options))};
}

Json check_json(const CutCheck& check) {
  return {{"cut", check.id},      {"tensors", check.tensors},     {"ok", check.ok},
          {"error", check.error}, {"same_top1", check.same_top1}, {"problem", check.problem}};
}

int print_model_result(const VerifyResult& result, const Options& options, double seconds, const Common& common) {
  size_t good = 0;
  double worst = 0;
  for (const auto& check : result.checks) good += check.ok, worst = std::max(worst, check.error);
  if (common.json) {
    Json json{{"schema", "scissionlite.verify/1"},
              {"model", options.model},
              {"engine", result.engine},
              {"bit_for_bit", result.exact},
              {"ok", result.ok()},
              {"cuts_of_model", result.cuts_of_model},
              {"cuts_checked", result.checks.size()},
              {"cuts_right", good},
              {"largest_error", worst},
              {"distinct_values", result.distinct_values},
              {"seconds", seconds},
              {"checks", Json::array()}};
    for (const auto& check : result.checks) json["checks"].push_back(check_json(check));
    std::cout << json.dump(2) << "\n";
    return result.ok() ? 0 : 1;
  }
  for (const auto& check : result.checks)
    if (!check.ok) std::cout << "WRONG cut " << check.id << " (" << join(check.tensors, " + ") << "): " << check.problem << "\n";
  std::cout << good << " of " << result.checks.size() << " cuts right with " << result.engine
            << (result.exact ? ", bit for bit" : ", largest difference " + Json(worst).dump()) << " (the model has " << result.cuts_of_model << "; "
            << format_fixed(seconds, 1) << " s)\n";
  if (result.distinct_values < 2) std::cout << "note: the answer is the same number throughout, so that little is shown; give real weights\n";
  return result.ok() ? 0 : 1;
}

int verify_cuts(const Options& options, const Common& common) {
  const auto model = load_sized(options);
  VerifyOptions verify;
  verify.engine = options.engine;
  verify.threads = options.threads;
  verify.cuts = wanted_cuts(options);
  verify.seed = options.seed;
  verify.max_tensors = options.multi ? 3 : 1;
  if (options.tolerance >= 0) verify.tolerance = options.tolerance;
  verify.inputs = image_inputs(model, options);
  std::unique_ptr<Progress> bar;
  verify.progress = [&](const std::string& id, size_t done, size_t total) {
    if (!bar) bar = std::make_unique<Progress>("verify", static_cast<int64_t>(total));
    bar->advance(done > 0, "cut " + id);
  };
  const double start_us = Clock::steady().now_us();
  const auto result = verify_model(model, verify);
  bar.reset();
  return print_model_result(result, options, (Clock::steady().now_us() - start_us) * 1e-6, common);
}

/// Two files that somebody made, against the model.
int verify_files(const Options& options, const Common& common) {
  if (options.head.empty() || options.tail.empty()) throw InvalidArgument("[verify] --head and --tail go together");
  const auto model = load_sized(options);
  const auto compile = make_compile(options.engine, options.threads);
  auto inputs = image_inputs(model, options);
  if (inputs.empty()) inputs = random_inputs(model, options.seed);
  std::vector<Tensor> expected;
  for (const auto& tensor : compile(model)->run(inputs)) expected.push_back(tensor.clone());
  const bool exact = options.engine == "reference" && options.tolerance < 0;
  auto check = check_slices(load_model(options.head), load_model(options.tail), compile, inputs, expected, {}, exact, options.tolerance);
  check.id = "files";
  if (common.json) std::cout << check_json(check).dump(2) << "\n";
  else
    std::cout << (check.ok ? "head and tail give the model's answer" : "WRONG: " + check.problem) << (check.ok && exact ? ", bit for bit" : "")
              << "\n";
  return check.ok ? 0 : 1;
}

int verify_pair(const Options& options, const Common& common) {
  PackageVerifyOptions verify;
  verify.package = options.package;
  verify.repository = options.repository;
  verify.model = options.model;
  if (!options.images.empty()) verify.images = vision::list_images(options.images);
  if (options.engine != "reference") verify.engine = options.engine;
  verify.threads = options.threads;
  if (options.tolerance >= 0) verify.tolerance = options.tolerance;
  const auto findings = verify_package(verify);
  bool ok = true;
  Json json{{"schema", "scissionlite.verify/1"}, {"package", options.package}, {"findings", Json::array()}};
  for (const auto& finding : findings) {
    ok = ok && finding.ok;
    json["findings"].push_back({{"what", finding.what}, {"ok", finding.ok}, {"detail", finding.detail}});
    if (!common.json)
      std::cout << (finding.ok ? "ok     " : "WRONG  ") << finding.what << (finding.detail.empty() ? "" : ": " + finding.detail) << "\n";
  }
  json["ok"] = ok;
  if (common.json) std::cout << json.dump(2) << "\n";
  return ok ? 0 : 1;
}

}  // namespace

Run declare_verify(CLI::App& app, Common& common) {
  auto options = std::make_shared<Options>();
  app.add_option("model", options->model, "ONNX file; may be left out with --package");
  app.add_option("--engine", options->engine, "reference compares every cut bit for bit; openvino and onnxruntime ten cuts within the tolerance")
      ->capture_default_str();
  app.add_option("--cuts", options->cuts, "how many, drawn by the seed, or 'all'");
  app.add_flag("--all-cuts", options->all_cuts, "every cut, with any engine");
  app.add_flag("--multi", options->multi, "cuts through up to three tensors too");
  app.add_option("--seed", options->seed, "of the input and the choice of cuts")->check(CLI::NonNegativeNumber)->capture_default_str();
  app.add_option("--tolerance", options->tolerance,
                 "largest difference, as a share of max|y| (default 1e-4, 2e-3 where half precision crosses; 1e-3 for packages)")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--image,--images", options->images, "real input instead of random numbers");
  app.add_option("--input,--input-spec", options->input_spec, "input.json; otherwise from the model's metadata or beside it");
  app.add_option("--head", options->head, "check this head with --tail instead of slices made here");
  app.add_option("--tail", options->tail, "see --head");
  app.add_option("--package", options->package, "check a device package: hashes, probe; with MODEL also its answers");
  app.add_option("--repository", options->repository, "and the model repository written with it");
  app.add_option("--threads", options->threads, "of the engine; 0 = every core")->check(CLI::Range(0, 1024));
  return [options, &common] {
    if (!options->package.empty()) return verify_pair(*options, common);
    if (!options->repository.empty()) throw InvalidArgument("[verify] --repository is checked together with --package");
    if (options->model.empty()) throw InvalidArgument("[verify] give an ONNX file, or a package with --package");
    if (!options->head.empty() || !options->tail.empty()) return verify_files(*options, common);
    return verify_cuts(*options, common);
  };
}

}  // namespace scissionlite::cli
