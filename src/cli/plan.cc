// scissionlite plan: from profiles, link and scores to where to cut. Everything it knows is in planner/.
#include <cmath>
#include <iostream>

#include "base/clock.h"
#include "base/counted.h"
#include "base/error.h"
#include "base/text.h"
#include "bench/results.h"
#include "cli/command.h"
#include "onnx/onnx.h"
#include "planner/one_cut_list.h"
#include "planner/planner.h"
#include "planner/quantity.h"
#include "planner/render.h"
#include "planner/scissiontl.h"

namespace scissionlite::cli {
namespace {

using namespace planner;  // NOLINT: this file is the planner's command line

struct Options {
  std::string device, edge, cloud, network, scores, privacy, model, measured, output, objective = "latency", images_from = "file";
  std::vector<std::string> bandwidths, down_bandwidths, rtts, require, forbid, explain, versus, cost;
  std::string min_agreement, min_agreement_lower, max_psnr, max_ssim;
  bool is_private = false;
  int top = 10;
};

template <typename Load>
auto load(const std::string& path, const std::string& option, Load&& loader) {
  if (path.empty()) throw InvalidArgument("[plan] " + option + " is missing; it takes the file that the command of that name wrote (see --help)");
  return loader(path);
}

std::vector<Profile> load_machines(const Options& o) {
  std::vector<Profile> machines{load(o.device, "--device", load_profile), load(o.edge, "--edge", load_profile)};
  if (!o.cloud.empty()) machines.push_back(load_profile(o.cloud));
  return with_one_cut_list(std::move(machines));
}

/// network.json, with what the command line overrides, link by link.
std::vector<Link> load_links(const Options& o, const std::vector<Profile>& machines) {
  const size_t wanted = machines.size() - 1;
  std::vector<Link> links;
  if (!o.network.empty()) links = load_network(o.network).links;
  for (const auto* list : {&o.bandwidths, &o.down_bandwidths, &o.rtts})
    if (list->size() > wanted)
      throw InvalidArgument("[plan] got " + std::to_string(list->size()) + " values for a link option, but there " + (wanted == 1 ? "is " : "are ") +
                            counted(static_cast<int64_t>(wanted), "link"));
  if (links.empty()) {
    if (o.bandwidths.size() != wanted || o.rtts.size() != wanted)
      throw InvalidArgument("[plan] the link is unknown: give --network network.json (see `scissionlite probe`), or --bandwidth and --rtt once for " +
                            (wanted == 1 ? "it" : "each of the " + std::to_string(wanted) + " links") + ", as in --bandwidth 58.8M --rtt 27.4ms");
    for (size_t i = 0; i < wanted; ++i) links.push_back({.from = machines[i].machine_name, .to = machines[i + 1].machine_name});
  }
  for (size_t i = 0; i < links.size(); ++i) {
    if (i < o.bandwidths.size()) links[i].up_bps = links[i].down_bps = parse_rate_bps(o.bandwidths[i], "--bandwidth");
    if (i < o.down_bandwidths.size()) links[i].down_bps = parse_rate_bps(o.down_bandwidths[i], "--down-bandwidth");
    if (i < o.rtts.size()) links[i].rtt_us = parse_time_us(o.rtts[i], "--rtt");
  }
  return links;
}

/// Whether what was measured over one link tells something about another.
void check_measured_link(const BenchResults& bench, const Link& link, const std::string& path) {
  constexpr double kRateFactor = 1.5, kRttShare = 0.1, kProtocolUs = 2000;  // a probed round trip holds the protocol's own time
  const bool same_rate = bench.link_up_bps == 0 || (bench.link_up_bps < kRateFactor * link.up_bps && link.up_bps < kRateFactor * bench.link_up_bps);
  const bool same_rtt = std::abs(bench.link_rtt_us - link.rtt_us) <= kRttShare * link.rtt_us + kProtocolUs;
  if (same_rate && same_rtt) return;
  throw InvalidArgument("[plan] --measured " + path + " was taken over a link of " + format_rate(bench.link_up_bps) + " and " +
                        format_us(bench.link_rtt_us) + ", the plan's has " + format_rate(link.up_bps) + " and " + format_us(link.rtt_us) +
                        "; run `scissionlite bench` over this link");
}

/// The rows of bench.json that ran.
std::vector<MeasuredRun> load_measured(const Options& o, const Profile& device, const Link& link) {
  std::vector<MeasuredRun> runs;
  if (o.measured.empty()) return runs;
  const auto bench = load_bench(o.measured);
  if (bench.model_sha256 != device.model_sha256)
    throw InvalidArgument("[plan] --measured " + o.measured + " is of another model (" + bench.model_sha256.substr(0, 12) + ") than the profiles (" +
                          device.model_sha256.substr(0, 12) + "); bench the profiled file");
  check_measured_link(bench, link, o.measured);
  for (const auto& row : bench.rows)
    if (row.error.empty()) runs.push_back({row.key, row.latency_median_us, row.throughput_ips});
  return runs;
}

PlanOptions plan_options(const Options& o, const std::vector<Profile>& machines) {
  std::vector<std::string> names;
  for (const auto& machine : machines) names.push_back(machine.machine_name);
  PlanOptions out;
  out.objective = o.objective;
  out.top = o.top;
  for (const auto& text : o.require) out.constraints.push_back(parse_require(text, names));
  for (const auto& text : o.forbid) out.constraints.push_back(parse_forbid(text, names));
  if (o.is_private) out.constraints.push_back(parse_forbid("images leaving", names));
  if (!o.min_agreement.empty()) out.constraints.push_back(parse_require("agreement >= " + o.min_agreement, names));
  if (!o.min_agreement_lower.empty()) out.constraints.push_back(parse_require("agreement lower >= " + o.min_agreement_lower, names));
  if (!o.max_psnr.empty()) out.constraints.push_back(parse_require("psnr <= " + o.max_psnr, names));
  if (!o.max_ssim.empty()) out.constraints.push_back(parse_require("ssim <= " + o.max_ssim, names));
  return out;
}

std::optional<Graph> load_graph(const Options& o, const std::string& sha256) {
  if (o.model.empty()) return std::nullopt;
  if (const auto given = model_sha256(o.model); given != sha256)
    throw InvalidArgument("[plan] --model " + o.model + " (" + given.substr(0, 12) + ") is not the profiled model (" + sha256.substr(0, 12) + ")");
  return load_model(o.model);
}

int plan_measured(const Options& o, const Common& common) {
  if (!o.output.empty()) check_writable(o.output);
  auto machines = load_machines(o);
  const auto links = load_links(o, machines);
  auto options = plan_options(o, machines);
  options.measured = load_measured(o, machines[0], links[0]);
  std::optional<Scores> scores;
  if (!o.scores.empty()) scores = load_scores(o.scores);
  std::optional<Privacy> privacy;
  if (!o.privacy.empty()) options.privacy = &privacy.emplace(load_privacy(o.privacy));
  const auto graph = load_graph(o, machines[0].model_sha256);
  const double begin_us = Clock::steady().now_us();
  const Scores* known = scores ? &*scores : nullptr;
  const CostModel model(std::move(machines), links, {.from_file = o.images_from == "file", .scored_bytes = scored_bytes(known)});
  const Planner planner(model, known, options, graph ? &*graph : nullptr);
  Plan plan = planner.plan();
  plan.planning_us = Clock::steady().now_us() - begin_us;
  plan.command = common.command_line;
  std::vector<PlannedCandidate> explained, compared;
  for (const auto& key : o.explain) explained.push_back(planner.candidate(key));
  for (const auto& key : o.versus) compared.push_back(planner.candidate(key));
  if (!o.output.empty()) write_json(o.output, to_json(plan));
  if (common.json) {
    Json json = to_json(plan);
    for (const auto& c : explained) json["explain"].push_back(to_json(c));
    for (const auto& c : compared) json["versus"].push_back(to_json(c));
    std::cout << json.dump(2) << "\n";
    return 0;
  }
  if (explained.empty() && compared.empty()) std::cout << plan_text(plan);
  for (size_t i = 0; i < explained.size(); ++i) std::cout << (i ? "\n" : "") << explain_text(explained[i], plan);
  if (!compared.empty()) std::cout << (explained.empty() ? "" : "\n") << versus_text(compared[0], compared[1], plan);
  return 0;
}

int plan_published(const Options& o, const Common& common) {
  if (o.cost.size() != 2) throw InvalidArgument("[plan] --cost scissiontl needs the file with the block benchmarks: --cost scissiontl FILE");
  const auto data = load_scissiontl(o.cost[1]);
  ScissionTlLink link;
  if (!o.bandwidths.empty()) link.mbps = parse_rate_bps(o.bandwidths[0], "--bandwidth") / 1e6;
  if (!o.rtts.empty()) link.ping_ms = parse_time_us(o.rtts[0], "--rtt") / 1e3;
  const auto plans = plan_scissiontl(data, link);
  const Json json = scissiontl_json(data, link, plans, static_cast<size_t>(o.top));
  if (!o.output.empty()) write_json(o.output, json);
  if (common.json) std::cout << json.dump(2) << "\n";
  else std::cout << scissiontl_text(data, link, plans, static_cast<size_t>(o.top));
  return 0;
}

int plan(const Options& o, const Common& common) {
  if (o.cost.empty() || o.cost[0] == "measured") return plan_measured(o, common);
  if (o.cost[0] == "scissiontl") return plan_published(o, common);
  throw InvalidArgument("[plan] unknown cost '" + o.cost[0] + "'" + did_you_mean(o.cost[0], {"measured", "scissiontl"}));
}

void declare_links(CLI::App& app, Options& o) {
  app.add_option("--network", o.network, "network.json of `probe`; one link for each pair of machines")->type_name("FILE");
  app.add_option("--bandwidth", o.bandwidths, "rate of a link, both ways, instead of network.json's; once a link (58.8M)")
      ->type_name("BIT/S")
      ->take_all();
  app.add_option("--down-bandwidth", o.down_bandwidths, "rate of a link's way back; once a link")->type_name("BIT/S")->take_all();
  app.add_option("--rtt", o.rtts, "round-trip time of a link; once a link (27.4ms)")->type_name("TIME")->take_all();
}

void declare_constraints(CLI::App& app, Options& o) {
  app.add_option("--require", o.require, "what must hold; repeatable (see below)")->type_name("TEXT")->expected(1)->take_all();
  app.add_option("--forbid", o.forbid, "what must not be; repeatable")->type_name("TEXT")->expected(1)->take_all();
  app.add_flag("--private", o.is_private, "images do not leave the device (forbid 'images leaving')");
  app.add_option("--min-agreement", o.min_agreement, "least measured agreement with the uncut model (0.97); needs --scores")->type_name("SHARE");
  app.add_option("--min-agreement-lower", o.min_agreement_lower, "the same for the lower end of its 95 % interval")->type_name("SHARE");
  app.add_option("--max-psnr-db", o.max_psnr,
                 "highest PSNR of the picture rebuilt from what is sent (20); needs --privacy, and excludes what it does not hold")
      ->type_name("DB");
  app.add_option("--max-ssim", o.max_ssim, "the same for its structural similarity (0.5)")->type_name("SHARE");
}

}  // namespace

Run declare_plan(CLI::App& app, Common& common) {
  auto o = std::make_shared<Options>();
  app.add_option("--device", o->device, "profile.json of the device")->type_name("FILE");
  app.add_option("--edge", o->edge, "profile.json of the edge server")->type_name("FILE");
  app.add_option("--cloud", o->cloud, "profile.json of a third machine behind the edge")->type_name("FILE");
  declare_links(app, *o);
  app.add_option("--scores", o->scores, "scores.json: agreement of the candidates")->type_name("FILE");
  app.add_option("--privacy", o->privacy, "privacy.json: what can be rebuilt of the picture from what candidates send")->type_name("FILE");
  app.add_option("--model", o->model, "the ONNX file, so that any node can be named in constraints")->type_name("FILE");
  app.add_option("--objective", o->objective, "latency, throughput (pipelined) or bytes")
      ->check(CLI::IsMember({"latency", "throughput", "bytes"}))
      ->capture_default_str();
  app.add_option("--images-from", o->images_from, "file: the device gets image files and must decode them; camera: it gets pixels")
      ->check(CLI::IsMember({"file", "camera"}))
      ->capture_default_str();
  declare_constraints(app, *o);
  app.add_option("--measured", o->measured, "bench.json of a trial: measured latencies take the place of predicted ones")->type_name("FILE");
  app.add_option("--top", o->top, "rows of the table of the best")->check(CLI::Range(1, 10000))->capture_default_str();
  app.add_option("--explain", o->explain, "show every part of one candidate; repeatable")->type_name("KEY")->expected(1)->take_all();
  app.add_option("--versus", o->versus, "two candidates side by side")->type_name("KEY")->expected(2);
  app.add_option("--cost", o->cost, "'measured', or 'scissiontl FILE': the published tool's cost on its block benchmarks")
      ->type_name("NAME")
      ->expected(1, 2);
  app.add_option("-o,--output", o->output, "write plan.json")->type_name("FILE");
  app.footer("Constraints (M: a machine's name; X: a tensor, cut id, or with --model a node):\n" + constraint_grammar() + "\n\n" + app.get_footer());
  return [o, &common] { return plan(*o, common); };
}

}  // namespace scissionlite::cli
