// scissionlite bench: candidates through real processes and an emulated link.
#include "bench/bench.h"

#include <cmath>
#include <iostream>

#include "base/counted.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/fitted.h"
#include "engine/engine.h"
#include "score/activations.h"
#include "transfer/fitted.h"

namespace scissionlite::cli {
namespace {

struct Options : BenchOptions {
  std::string model_path, plan_path, link_text, which = "families", fit = "0.33", output, input_path, keep_path;
  std::vector<std::string> image_paths, fit_paths, fitted;
  int64_t limit = 0;
};

/// A probed link: its round trip holds the protocol's own time, and rates are known to a few per cent.
bool is_about(const net::LinkOptions& emulated, const Plan& plan) {
  constexpr double kShare = 0.1, kProtocolUs = 2000;
  const bool same_rtt = std::abs(emulated.rtt_us - plan.link_rtt_us[0]) <= kShare * emulated.rtt_us + kProtocolUs;
  const bool same_rate = emulated.up_bps == 0 || std::abs(emulated.up_bps - plan.link_up_bps[0]) <= kShare * emulated.up_bps;
  return same_rtt && same_rate;
}

void choose_link(Options& o) {
  if (!o.link_text.empty()) {
    o.link = net::parse_link(o.link_text);
    if (o.plan && !o.plan->link_rtt_us.empty() && !is_about(o.link, *o.plan))
      log::warning("[bench] the link " + net::to_string(o.link) + " is not the plan's; its predictions are for another one");
    return;
  }
  if (!o.plan || o.plan->link_rtt_us.empty()) return;
  o.link.rtt_us = o.plan->link_rtt_us[0];
  o.link.up_bps = o.plan->link_up_bps[0];
  o.link.down_bps = o.plan->link_down_bps[0];
}

void choose_candidates(Options& o) {
  if (o.which != "families" && o.which != "all") {
    o.candidates = split(o.which, ',');
    for (const auto& key : o.candidates) (void)candidate_from_key(key);
    return;
  }
  if (!o.plan)
    throw InvalidArgument("[bench] --candidates " + o.which + " needs --plan; without one name the keys, as local,edge/file,edge/jpeg-q90-420");
  o.candidates = o.which == "all" ? all_keys(*o.plan) : family_keys(*o.plan);
}

void choose_images(Options& o) {
  const auto given = vision::list_images(o.image_paths);
  if (!o.fit_paths.empty()) {
    o.fit_images = vision::list_images(o.fit_paths);
    o.images = given;
  } else if (given.size() > 1) {
    auto split = split_images(given, o.fit);
    o.fit_images = std::move(split.fit);
    o.images = std::move(split.score);
  } else {
    o.images = o.fit_images = given;
  }
  if (o.limit > 0 && static_cast<int64_t>(o.images.size()) > o.limit) o.images.resize(static_cast<size_t>(o.limit));
}

int run(Options& o, const Common& common) {
  if (!o.output.empty()) check_writable(o.output);
  o.model = o.model_path;
  o.keep = o.keep_path;
  o.command = common.command_line;
  o.input_spec = o.input_path;
  if (!o.plan_path.empty()) o.plan = load_plan(o.plan_path);
  choose_link(o);
  choose_candidates(o);
  choose_images(o);
  o.shelf = transfer::load_shelf(o.fitted, o.model);
  const auto results = run_bench(o);
  if (!o.output.empty()) write_json(o.output, to_json(results));
  if (common.json) std::cout << to_json(results).dump(2) << "\n";
  else
    std::cout << results.model_name << ", device " << results.device_engine << ", edge " << results.edge_engine << ", link " << net::to_string(o.link)
              << ", " << counted(static_cast<int64_t>(o.images.size()), "image") << "\n\n"
              << format_bench(results);
  const bool whole = std::all_of(results.rows.begin(), results.rows.end(), [](const auto& row) { return row.error.empty(); });
  if (!whole) std::cerr << "scissionlite bench: error: not every candidate could run; see its line above\n";
  return whole ? 0 : 5;
}

}  // namespace

Run declare_bench(CLI::App& app, Common& common) {
  auto o = std::make_shared<Options>();
  app.add_option("model", o->model_path, "ONNX file (external data beside it)")->required();
  app.add_option("--plan", o->plan_path, "plan.json: its candidates, link and predictions");
  app.add_option("--images", o->image_paths, "image files or folders; a part of them is for fitting TLs and is not measured")->required();
  app.add_option("--fit-images", o->fit, "how many of them TLs are fitted on: a count or a share, as in `score`")->capture_default_str();
  add_fitted_option(app, o->fitted);
  app.add_option("--fit-from", o->fit_paths, "fit on these images instead, and measure on all of --images");
  app.add_option("-n,--limit", o->limit, "measure on at most this many images; 0 is all")->check(CLI::NonNegativeNumber)->capture_default_str();
  app.add_option("--link", o->link_text, "emulated link, as 58.8M,27.4ms or up=5M,down=20M,rtt=27.4ms,jitter=2ms (default: the plan's)");
  app.add_option("--candidates", o->which, "keys joined by commas, families (the plan's best of each family) or all (its best list too)")
      ->capture_default_str();
  app.add_option("--device-slow", o->device_slow, "pretend a device this many times slower")->check(CLI::Range(1.0, 1e4))->capture_default_str();
  const std::string default_engine = " (default: the first that is available of " + join(backend_names()) + ")";  // asking them would load each
  app.add_option("--device-engine", o->device_engine, "engine of the device half" + default_engine);
  app.add_option("--edge-engine", o->edge_engine, "engine of the edge half" + default_engine);
  app.add_option("--device-threads", o->device_threads, "threads of the device half; 0 is all cores")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  app.add_option("--edge-threads", o->edge_threads, "threads of the edge half; 0 is all cores")->check(CLI::Range(0, 1024))->capture_default_str();
  app.add_option("--max-tensors", o->max_cut_tensors, "tensors of a cut; must be that of the plan")->check(CLI::Range(1, 16))->capture_default_str();
  app.add_option("--block", o->block, "images in a row with one candidate before the next one's turn")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  app.add_option("--pipeline", o->in_flight, "measure throughput too, with this many requests in flight")->check(CLI::Range(0, 256));
  app.add_option("--input,--input-spec", o->input_path, "input.json; otherwise from the model's metadata or beside it");
  app.add_option("--keep", o->keep_path, "keep packages, repository and logs in this folder");
  app.add_option("-o,--output", o->output, "write bench.json here");
  return [o, &common] { return run(*o, common); };
}

}  // namespace scissionlite::cli
