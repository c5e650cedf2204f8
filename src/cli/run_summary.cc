#include "cli/run_summary.h"

#include <algorithm>
#include <iostream>

#include "base/counted.h"
#include "base/stats.h"
#include "base/text.h"

namespace scissionlite::cli {
namespace {

using device::EdgeState;
using device::Offloader;
using device::RunTotals;

/// Of all plans.
Json edge_calls_json(const device::Plans& plans) {
  offload::SessionCounters all;
  for (const auto* plan : plans.all()) {
    if (!plan->edge()) continue;
    const auto c = plan->edge()->counters();
    all.calls += c.calls, all.deadline_misses += c.deadline_misses, all.failures += c.failures, all.checks += c.checks;
    all.refusals += c.refusals, all.busy += c.busy, all.mismatched_ids += c.mismatched_ids;
  }
  return {
      {"calls", all.calls}, {"deadline_misses", all.deadline_misses}, {"failures", all.failures}, {"checks", all.checks}, {"refusals", all.refusals},
      {"busy", all.busy},   {"mismatched_ids", all.mismatched_ids}};
}

Json summary_json(const RunTotals& t, const Offloader& offloader) {
  Json json{{"images", t.images},
            {"edge", t.edge},
            {"cloud", t.cloud},
            {"local", t.local},
            {"errors", t.errors},
            {"late", t.late},
            {"candidate", offloader.package().manifest.chain()},
            {"latency_median_us", median(t.latencies_us)},
            {"latency_p95_us", percentile(t.latencies_us, 95)},
            {"throughput_ips", t.elapsed_us > 0 ? static_cast<double>(t.images) * 1e6 / t.elapsed_us : 0}};
  if (t.judged > 0) json["positives"] = t.positives;
  if (const auto* info = offloader.engine_info())
    json["engine"] = {{"spec", info->spec}, {"version", info->version}, {"precision", info->precision}, {"threads", info->threads}};
  return json;
}

void print_summary(const RunTotals& t, const Offloader& offloader) {
  std::cerr << counted(t.images, "image") << " (" << t.edge << " by the edge, " << (t.cloud > 0 ? std::to_string(t.cloud) + " by the cloud, " : "")
            << t.local << " locally, " << counted(t.errors, "error") << ", " << t.late << " late) with " << offloader.package().manifest.chain()
            << ": median " << format_us(median(t.latencies_us)) << ", p95 " << format_us(percentile(t.latencies_us, 95)) << ", "
            << format_fixed(t.elapsed_us > 0 ? static_cast<double>(t.images) * 1e6 / t.elapsed_us : 0, 1) << " images/s\n";
  if (t.judged > 0) std::cerr << t.positives << " of " << t.judged << " are positive\n";
}

void add_switching(Json& summary, const device::PlanSwitch& plans) {
  const auto c = plans.counters();
  summary["switching"] = {{"switches", c.switches}, {"link_probes", c.probes}, {"images", c.images}};
}

void print_switching(const device::PlanSwitch& plans) {
  const auto c = plans.counters();
  std::cerr << c.switches << " switches of plan:";
  for (const auto& [candidate, images] : c.images) std::cerr << " " << counted(images, "image") << " by " << candidate << ";";
  std::cerr << " the link was measured " << counted(c.probes, "time") << "\n";
}

void add_shadow(Json& summary, const device::Shadow& shadow) {
  Json plans = Json::array();
  for (const auto& one : shadow.agreements())
    plans.push_back({{"candidate", one.plan},
                     {"compared", one.compared},
                     {"images", one.images},
                     {"agreement", one.agreement},
                     {"low", one.interval.low},
                     {"high", one.interval.high},
                     {"has_drifted", one.has_drifted}});
  summary["shadow"] = {{"model_sha256", shadow.model_sha256()}, {"plans", plans}, {"left_out", shadow.left_out()}, {"failures", shadow.failures()}};
}

void print_shadow(const device::Shadow& shadow) {
  std::cerr << "compared with the uncut model:";
  for (const auto& one : shadow.agreements()) {
    std::cerr << " " << one.plan << ": ";
    if (one.images == 0) std::cerr << counted(one.compared, "image") << ", and drifted;";
    else
      std::cerr << format_fixed(100 * one.agreement, 1) << " % of the last " << one.images
                << " agree (95 %: " << format_fixed(100 * one.interval.low, 1) << " to " << format_fixed(100 * one.interval.high, 1) << ")"
                << (one.has_drifted ? ", DRIFTED;" : ";");
  }
  std::cerr << " " << shadow.left_out() << " left out while another one waited"
            << (shadow.failures() > 0 ? ", " + std::to_string(shadow.failures()) + " failed" : "") << "\n";
}

void add_delivery(Json& summary, const device::Delivered& delivered) {
  const auto c = delivered.counters();
  summary["delivery"] = {{"package", delivered.versions().current()->name()},
                         {"is_from_store", c.is_from_store},
                         {"updates", c.updates},
                         {"rejected", c.rejected},
                         {"failures", c.failures},
                         {"looks", c.looks},
                         {"pulled_bytes", c.pulled_bytes}};
}

void print_delivery(const device::Delivered& delivered) {
  const auto c = delivered.counters();
  std::cerr << "package version " << delivered.versions().current()->name() << (c.is_from_store ? " (from the store at the start)" : "") << ": "
            << counted(c.updates, "update") << ", " << c.rejected << " rejected, " << format_bytes(static_cast<double>(c.pulled_bytes))
            << " fetched\n";
}

}  // namespace

Json to_json(const RunSummary& summary) {
  auto out = summary_json(summary.totals, summary.plans.first());
  const auto& plans = summary.plans.all();
  if (std::any_of(plans.begin(), plans.end(), [](const auto* plan) { return plan->edge() != nullptr; }))
    out["edge_calls"] = edge_calls_json(summary.plans);
  if (const auto* several = summary.plans.several()) add_switching(out, *several);
  if (summary.delivered) add_delivery(out, *summary.delivered);
  if (summary.shadow) add_shadow(out, *summary.shadow);
  return out;
}

void print(const RunSummary& summary) {
  print_summary(summary.totals, summary.plans.first());
  if (const auto* several = summary.plans.several()) print_switching(*several);
  if (summary.delivered) print_delivery(*summary.delivered);
  if (summary.shadow) print_shadow(*summary.shadow);
}

int exit_code(const RunSummary& summary) {
  const auto& t = summary.totals;
  const auto& plans = summary.plans.all();
  const char* const severity = summary.was_stopped ? "warning: " : "error: ";
  const auto with_edge = [&](const auto& holds) {
    return std::find_if(plans.begin(), plans.end(), [&](const auto* plan) { return plan->edge() != nullptr && holds(*plan->edge()); });
  };
  if (const auto refused = with_edge([](const auto& edge) { return edge.counters().refusals > 0; }); refused != plans.end()) {
    const auto& edge = *(*refused)->edge();
    std::cerr << "scissionlite run: " << severity << "the edge was refused"
              << (plans.size() > 1 ? " for " + (*refused)->package().manifest.chain() : "")
              << (edge.state() == EdgeState::kRefused ? ": " + edge.reason() : " for a while, the log says why") << "\n";
    if (!summary.was_stopped) return 2;
  }
  if (t.errors > 0) {
    std::cerr << "scissionlite run: " << severity << t.errors << " of " << t.images << " images have no answer; see their \"error\"\n";
    if (!summary.was_stopped) return 2;
  }
  const auto any = with_edge([](const auto&) { return true; }), ready = with_edge([](const auto&edge) { return edge.state() == EdgeState::kReady; });
  const bool is_local_by_choice = plans.size() > 1 && ready != plans.end();
  if (any != plans.end() && t.images > 0 && t.edge + t.cloud == 0 && !is_local_by_choice) {
    std::cerr << "scissionlite run: error: no image was answered by the edge"
              << (ready != plans.end() ? "; try a longer --deadline-ms" : ": " + (*any)->edge()->reason()) << "\n";
    return 5;
  }
  return 0;
}

}  // namespace scissionlite::cli
