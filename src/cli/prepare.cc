#include <iostream>
#include <memory>

#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "base/version.h"
#include "cli/command.h"
#include "cli/compile_options.h"
#include "cli/fitted.h"
#include "onnx/onnx.h"
#include "ops/cut_cost.h"
#include "planner/plan.h"
#include "prepare/further_plans.h"
#include "prepare/kserve.h"
#include "prepare/places.h"
#include "prepare/prepare.h"
#include "score/activations.h"
#include "transfer/fitted.h"
#include "vision/model_input.h"

namespace scissionlite::cli {
namespace {

struct Options {
  std::string model, plan, candidate, input_spec, engine, package, repository, style = "onnx", fit_images = "0.33", tail_name, kserve,
                                                                               cloud_repository, cloud_name;
  KserveOptions kserve_options{.image = "scissionlite-edge:" + std::string(kVersion), .storage = "pvc://models/repository"};
  std::vector<std::string> images, fitted, also;
  int threads = 0, max_batch = 32, max_tensors = 3;
  bool compile = false, no_cloud_copy = false;
  CompileModelOptions device, edge;  // what the halves are compiled for
};

constexpr const char* kPython = "python";

/// Which folders get compiled forms. @throws InvalidArgument when none would.
void set_compiled(const Options& options, PrepareOptions& prepare) {
  if (!options.compile) return;
  const bool has_edge = !options.repository.empty() && (prepare.candidate.kind != Candidate::Kind::kLocal || !options.also.empty());
  if (!options.package.empty()) prepare.compile = options.device;
  if (has_edge && options.style != kPython) prepare.repository_options.compile = options.edge;
  if (prepare.compile || prepare.repository_options.compile) return;
  if (has_edge)
    throw InvalidArgument(
        "[prepare] --compile: Triton's Python backend runs the ONNX file of a repository of style python; take --repo-style onnx, or give a --package");
  throw InvalidArgument("[prepare] --compile: a local plan needs no edge; give a --package");
}

void print_compiled(const Options& options, const PrepareOptions& prepare, const std::vector<Manifest>& manifests) {
  std::vector<std::string> forms;
  for (const auto& manifest : manifests) {
    const auto folder = fs::path(options.package) / (&manifest == &manifests.front() ? fs::path() : further_plan_path(manifest.chain()));
    for (const auto& [path, hash] : manifest.compiled) forms.push_back((folder / path).string());
    if (prepare.repository_options.compile && candidate_from_key(manifest.candidate).kind != Candidate::Kind::kLocal)
      forms.push_back((fs::path(options.repository) / manifest.tail_name / form_path("1/model.onnx")).string());
  }
  const bool is_left_out = !options.repository.empty() && options.style == kPython;
  std::cout << "compiled    " << join(forms, ", ") << ", for --engine native" << (is_left_out ? "; not for Triton's Python backend" : "") << "\n";
}

/// What KServe is told of the model folder that was written.
void write_kserve(const Options& options, const Manifest& manifest) {
  const auto folder = fs::path(options.repository) / manifest.tail_name;
  auto bytes = fs::file_size(model_file(folder));
  if (const auto copy = folder / "cloud" / "local.onnx"; manifest.forward && fs::exists(copy)) bytes += fs::file_size(copy);
  write_file(options.kserve, kserve_manifest(manifest, bytes, options.kserve_options));
}

/// The candidate asked for by name or chosen by the plan, one a link; `key` of the plan is checked against the model.
std::vector<Candidate> wanted_candidate(const Options& options) {
  if (options.plan.empty() == options.candidate.empty())
    throw InvalidArgument(
        "[prepare] give either --plan or --candidate (split/<cut>/<tl>, edge/<codec> or local; of three machines two, joined by '|')");
  if (!options.candidate.empty()) return chain_from_key(options.candidate);
  const auto plan = load_plan(options.plan);
  const auto given = model_sha256(options.model);
  if (plan.model_sha256 != given)
    throw InvalidArgument("[prepare] '" + options.plan + "' was made for a model with sha256 " + plan.model_sha256 + ", '" + options.model +
                          "' has " + given + "; plan again with profiles of this model");
  return chain_from_key(plan.chosen.key);
}

int prepare(const Options& options, const Common& common) {
  if (options.package.empty() && options.repository.empty() && options.cloud_repository.empty())
    throw InvalidArgument("[prepare] nothing to write; give --package, --repository or both");
  PrepareOptions prepare;
  const auto links = wanted_candidate(options);
  prepare.candidate = links.front();
  if (links.size() > 1) prepare.next = links[1];
  prepare.also = options.also;
  prepare.model_path = options.model;
  prepare.graph = load_model(options.model);
  prepare.input = vision::find_input_spec(prepare.graph, options.model, options.input_spec);
  prepare.graph = vision::with_input_size(std::move(prepare.graph), prepare.input);
  prepare.cuts = ops::find_costed_cuts(prepare.graph, {.max_tensors = options.max_tensors});
  if (!options.images.empty()) {
    const auto images = vision::list_images(options.images);
    prepare.fit_images = images.size() > 1 ? split_images(images, options.fit_images).fit : images;
  }
  prepare.engine = options.engine;
  prepare.threads = options.threads;
  prepare.package = options.package;
  prepare.repository = options.repository;
  prepare.repository_options.style = repository_style(options.style);
  prepare.repository_options.max_batch = options.max_batch;
  prepare.tail_name = options.tail_name;
  prepare.cloud_repository = options.cloud_repository;
  prepare.cloud_name = options.cloud_name;
  prepare.cloud_copy = !options.no_cloud_copy;
  set_compiled(options, prepare);
  prepare.shelf = transfer::load_shelf(options.fitted, options.model);
  MadeFolders made;
  if (!options.kserve.empty()) {
    if (!options.also.empty())
      throw InvalidArgument("[prepare] --kserve writes the manifests of one model folder; prepare the further plans (--also) by themselves");
    if (options.repository.empty() || prepare.candidate.kind == Candidate::Kind::kLocal)
      throw InvalidArgument("[prepare] --kserve: there is no model folder to serve; give a --repository and a plan with an edge");
    check_kserve_options(options.kserve_options, prepare.next.has_value());
    if (const auto parent = fs::path(options.kserve).parent_path(); !parent.empty()) made.expect(parent);
    check_writable(options.kserve);
  }
  const auto manifests = prepare_candidate(prepare);
  const auto& manifest = manifests.front();
  if (!options.kserve.empty()) write_kserve(options, manifest);
  made.keep();

  if (common.json) {
    auto json = to_json(manifest);
    for (size_t i = 1; i < manifests.size(); ++i) json["also"].push_back(to_json(manifests[i]));
    std::cout << json.dump(2) << "\n";
    return 0;
  }
  int64_t wire_bytes = 0;
  for (const auto& info : manifest.wire) wire_bytes += element_count(info.shape) * static_cast<int64_t>(dtype_size(info.dtype));
  std::cout << "candidate   " << manifest.chain() << (manifest.cut_tensors.empty() ? "" : " at " + join(manifest.cut_tensors, " + ")) << "\n";
  if (prepare.candidate.kind == Candidate::Kind::kSplit)
    std::cout << "wire        " << format_bytes(static_cast<double>(wire_bytes)) << " an image"
              << (manifest.coders.empty() ? "" : ", entropy-coded between ScissionLite ends") << "\n";
  if (!options.package.empty()) std::cout << "package     " << options.package << "\n";
  for (size_t i = 1; i < manifests.size(); ++i) {
    const auto& also = manifests[i];
    const bool has_model = !options.repository.empty() && candidate_from_key(also.candidate).kind != Candidate::Kind::kLocal;
    std::cout << "also        " << also.chain() << (has_model ? ", model " + (fs::path(options.repository) / also.tail_name).string() : "") << "\n";
  }
  if (!options.repository.empty() && prepare.candidate.kind == Candidate::Kind::kLocal) {
    std::cout << "repository  not written: a local plan needs no edge\n";
  } else if (!options.repository.empty()) {
    std::cout << "repository  " << (fs::path(options.repository) / manifest.tail_name).string() << ", sha256 " << manifest.tail_sha256.substr(0, 12)
              << "...\n"
              << "batch       "
              << (manifest.batch_dynamic ? "dynamic, at most " + std::to_string(options.max_batch) : "fixed: " + manifest.batch_note) << "\n";
  }
  if (const auto& cloud = manifest.forward)
    std::cout << "cloud       " << (fs::path(options.cloud_repository) / cloud->tail_name).string() << ", sha256 " << cloud->tail_sha256.substr(0, 12)
              << "...; the edge asks it with `serve --forward-to HOST:PORT`" << (options.no_cloud_copy ? "" : " and has a copy of it") << "\n";
  if (!options.kserve.empty())
    std::cout << "kserve      " << options.kserve << ", " << kserve_name(manifest.tail_name) << " expects the repository at "
              << options.kserve_options.storage << "\n";
  if (options.compile) print_compiled(options, prepare, manifests);
  return 0;
}

}  // namespace

Run declare_prepare(CLI::App& app, Common& common) {
  auto options = std::make_shared<Options>();
  app.add_option("model", options->model, "ONNX file (external data beside it)")->required();
  app.add_option("--plan", options->plan, "plan.json: its chosen candidate is prepared");
  app.add_option("--candidate", options->candidate,
                 "a candidate instead of a plan: split/<cut>/<tl>, edge/<codec> or local; of three machines two, joined by '|'");
  app.add_option("--also", options->also,
                 "candidate of a further plan in the same package, which images take while it is the faster one on the link as it is (repeatable)")
      ->type_name("KEY")
      ->allow_extra_args(false);
  app.add_option("--package", options->package, "folder of the device package");
  app.add_option("--repository", options->repository, "the edge's model repository; a folder a model is added to it");
  app.add_option("--repo-style", options->style, "onnx: model.onnx; python: the same bytes run by a model.py, for Triton's Python backend")
      ->capture_default_str();
  app.add_option("--images", options->images, "unlabelled images for learned TLs; one of them becomes the probe");
  add_fitted_option(app, options->fitted);
  app.add_option("--fit-images", options->fit_images, "how many of them TLs are fitted on: a count or a share, as in `score`")->capture_default_str();
  app.add_option("--input,--input-spec", options->input_spec, "input.json; otherwise from the model's metadata or beside it");
  app.add_option("--engine", options->engine, "computes activations and the probe's answer (default: the first that is built in)");
  app.add_option("--threads", options->threads, "of the engine; 0 = every core")->check(CLI::Range(0, 1024));
  app.add_option("--max-batch", options->max_batch, "largest batch the server may form where the model allows one")
      ->capture_default_str()
      ->check(CLI::Range(1, 4096));
  app.add_option("--max-tensors", options->max_tensors, "tensors of a cut; must be that of the plan")
      ->capture_default_str()
      ->check(CLI::Range(1, 16));
  app.add_option(
      "--name", options->tail_name,
      "the model's name in the repository (default: <model>_tail, <model> for edge-only plans, or <model>_middle for an edge that forwards)");
  auto* cloud =
      app.add_option("--cloud-repository", options->cloud_repository, "of a plan of three machines: the cloud's model repository")->type_name("DIR");
  app.add_option("--cloud-name", options->cloud_name, "the model's name in it (default: <model>_tail)")->needs(cloud);
  app.add_flag("--no-cloud-copy", options->no_cloud_copy, "the edge gets no copy of the cloud's tail, and cannot answer without it")->needs(cloud);
  auto* kserve =
      app.add_option("--kserve", options->kserve, "write a ServingRuntime and an InferenceService of KServe for the model folder to this file")
          ->type_name("FILE");
  app.add_option("--kserve-image", options->kserve_options.image, "container image with the package scissionlite-edge")
      ->needs(kserve)
      ->capture_default_str();
  app.add_option("--kserve-storage", options->kserve_options.storage, "where the cluster finds the repository")
      ->needs(kserve)
      ->capture_default_str()
      ->type_name("URI");
  app.add_option("--kserve-threads", options->kserve_options.threads, "cores that the container asks for")
      ->needs(kserve)
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--kserve-forward-to", options->kserve_options.forward_to, "of a plan of three machines: where the cloud's repository is served")
      ->needs(kserve)
      ->type_name("HOST:PORT");
  options->edge.batches.clear();
  auto* compile = app.add_flag("--compile", options->compile,
                               "write compiled models beside the ONNX files too: `run` and `serve` with --engine native start faster from them");
  for (const auto& [half, name] : {std::pair(&options->device, "device-"), std::pair(&options->edge, "edge-")})
    for (auto* option : add_target_options(app, *half, name)) option->needs(compile)->group("Compiling (see `compile --help`)");
  add_batch_option(app, options->edge, "edge-")->needs(compile)->group("Compiling (see `compile --help`)");
  return [options, &common] { return prepare(*options, common); };
}

}  // namespace scissionlite::cli
