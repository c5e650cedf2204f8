// The steps that make the documents and the folders; each mirrors the command of its name in src/cli.
#include <algorithm>
#include <iterator>

#include "api/internal.h"
#include "base/clock.h"
#include "graph/cuts.h"
#include "ops/cut_cost.h"
#include "planner/one_cut_list.h"
#include "planner/planner.h"
#include "prepare/prepare.h"
#include "profile/measure_model.h"
#include "profile/probe.h"
#include "score/activations.h"
#include "score/score.h"

namespace scissionlite::api {
namespace {

constexpr const char* kCommand = "libscissionlite";  // where the program notes its command line

std::vector<scissionlite::Cut> costed_cuts(const Model& model, int max_tensors) {
  Graph graph = model.impl().graph;
  return ops::find_costed_cuts(graph, {.max_tensors = max_tensors});
}

void require_same_model(const Model& model, const std::string& sha256, const std::string& where) {
  if (model.sha256() != sha256)
    throw InvalidArgument("[" + where + "] the scores are of a model with sha256 " + sha256 + ", '" + model.path().string() + "' has " +
                          model.sha256() + "; score this model first");
}

Profile run_profile(const Model& model, const ProfileOptions& options, ChosenCuts chosen) {
  scissionlite::ProfileOptions job;
  job.machine_name = options.machine;
  job.model_name = model.path().stem().string();
  job.model_sha256 = model.sha256();
  job.engine = options.engine;
  job.compile.threads = options.threads;
  job.input = model.impl().input;
  if (!options.images.empty()) job.images = vision::list_images(options.images);
  job.chosen = std::move(chosen);
  job.measure.pause_us = options.pause_us;
  job.budget_us = options.budget_us;
  auto result = profile_model(model.impl().graph, job).profile;
  result.command = kCommand;
  return wrap<Profile>(std::move(result));
}

int64_t wire_bytes(const Manifest& manifest) {
  int64_t bytes = 0;
  for (const auto& info : manifest.wire) bytes += element_count(info.shape) * static_cast<int64_t>(dtype_size(info.dtype));
  return bytes;
}

Prepared public_prepared(const Manifest& manifest) {
  return {.candidate = manifest.candidate,
          .served_name = manifest.tail_name,
          .tail_sha256 = manifest.tail_sha256,
          .wire_bytes = wire_bytes(manifest),
          .is_batch_dynamic = manifest.batch_dynamic};
}

CompileModelOptions compile_options(const CompileFor& options) {
  CompileModelOptions out;
  out.threads = options.threads;
  out.isa = options.isa;
  out.tuning = options.tuning.string();
  return out;
}

}  // namespace

Scores score(const Model& model, const ScoreOptions& options) {
  return at_border([&] {
    scissionlite::ScoreOptions job;
    job.model = model.path();
    job.images = vision::list_images(options.images);
    job.fit_images = options.fit_images;
    job.input = model.impl().input;
    job.cuts = options.cuts;
    job.max_tensors = options.max_tensors;
    job.tls = options.transfer_layers;
    job.codecs = options.codecs;
    job.metric = options.metric;
    job.engine = options.engine;
    job.threads = options.threads;
    job.cache = options.cache;
    job.command = kCommand;
    return wrap<Scores>(scissionlite::score(job));
  });
}

Profile profile(const Model& model, const ProfileOptions& options) {
  return at_border(
      [&] { return run_profile(model, options, choose_profiled(costed_cuts(model, options.max_tensors), options.cuts, options.transfer_layers)); });
}

Profile profile(const Model& model, const Scores& scores, const ProfileOptions& options) {
  return at_border([&] {
    const auto& measured = scores.impl().value;
    require_same_model(model, measured.model_sha256, "profile");
    auto profile = run_profile(model, options, cuts_of_scores(costed_cuts(model, options.max_tensors), measured));
    if (!options.images.empty()) return profile;
    auto value = profile.impl().value;
    take_image_bytes(value, measured);
    return wrap<Profile>(std::move(value));
  });
}

Network probe(const std::string& edge, double time_limit_us, const Security& security) {
  return at_border([&] {
    const auto target = make_probe_target(edge, internal(security));
    ProbeOptions job;
    job.address = edge;
    job.time_limit_us = time_limit_us;
    const auto result = scissionlite::probe(*target, job);
    return wrap<Network>(scissionlite::Network{.links = {result.link}, .command = kCommand});
  });
}

Plan plan(const Profile& device, const Profile& edge, const Network& network, const Scores* scores, const PlanOptions& options) {
  return at_border([&] {
    const auto machines = planner::with_one_cut_list({device.impl().value, edge.impl().value});
    const std::vector<std::string> names{device.machine(), edge.machine()};
    planner::PlanOptions wanted{.objective = options.objective, .constraints = {}, .top = options.best};
    for (const auto& text : options.require) wanted.constraints.push_back(planner::parse_require(text, names));
    for (const auto& text : options.forbid) wanted.constraints.push_back(planner::parse_forbid(text, names));
    const double begin_us = Clock::steady().now_us();
    const scissionlite::Scores* known = scores ? &scores->impl().value : nullptr;
    const planner::CostModel model(machines, {network.impl().value.links.front()},
                                   {.from_file = options.from_file, .scored_bytes = planner::scored_bytes(known)});
    auto result = planner::Planner(model, known, wanted).plan();
    result.planning_us = Clock::steady().now_us() - begin_us;
    result.command = kCommand;
    return wrap<Plan>(std::move(result));
  });
}

Prepared prepare(const Model& model, const std::string& candidate, const PrepareOptions& options) {
  return at_border([&] {
    if (options.package.empty() && options.repository.empty())
      throw InvalidArgument("[prepare] nothing to write; name a package, a repository or both");
    scissionlite::PrepareOptions job;
    job.model_path = model.path();
    job.graph = model.impl().graph;
    job.candidate = candidate_from_key(candidate);
    job.cuts = costed_cuts(model, options.max_tensors);
    job.input = model.impl().input;
    if (!options.images.empty()) {
      const auto images = vision::list_images(options.images);
      job.fit_images = images.size() > 1 ? split_images(images, options.fit_images).fit : images;
    }
    job.engine = options.engine;
    job.threads = options.threads;
    job.package = options.package;
    job.repository = options.repository;
    job.repository_options.max_batch = options.max_batch;
    job.tail_name = options.served_name;
    if (options.compile_device) job.compile = compile_options(*options.compile_device);
    if (options.compile_edge) {
      job.repository_options.compile = compile_options(*options.compile_edge);
      job.repository_options.compile->batches = options.edge_batches;
    }
    job.also = options.also;
    const auto manifests = prepare_candidate(job);
    auto out = public_prepared(manifests.front());
    std::transform(manifests.begin() + 1, manifests.end(), std::back_inserter(out.also), public_prepared);
    return out;
  });
}

}  // namespace scissionlite::api
