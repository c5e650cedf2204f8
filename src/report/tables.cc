// The candidate tables: what the plan predicted beside what the bench measured, every candidate, fastest first.
#include <algorithm>
#include <cmath>
#include <map>

#include "base/text.h"
#include "report/markup.h"
#include "report/view.h"

namespace scissionlite::report {
namespace {

CandidateRow row_of(const PlannedCandidate& candidate, const std::string& chosen) {
  CandidateRow row{.key = candidate.key, .family = candidate.family, .label = label_of(candidate.key)};
  row.predicted_us = candidate.prediction_us();
  row.bytes = candidate.bytes;
  row.agreement = agreement_of(candidate);
  row.is_chosen = candidate.key == chosen;
  row.problem = candidate.feasible ? "" : candidate.infeasible_reason.empty() ? "a constraint is not met" : candidate.infeasible_reason;
  return row;
}

/// Measurements replace what the plan says; agreement too, unless the scores are of another metric than the bench's top-1.
void add_measurement(CandidateRow& row, const BenchRow& measured, bool is_same_metric) {
  if (row.family.empty()) row.family = measured.family;
  row.measured_us = measured.latency_median_us;
  row.p95_us = measured.latency_p95_us;
  row.measured_ci = measured.latency_ci;
  row.n = measured.n;
  if (measured.predicted_us > 0) row.predicted_us = measured.predicted_us;
  if (!measured.error.empty()) {
    row.problem = measured.error;
    return;
  }
  row.bytes = measured.bytes_mean;
  row.bytes_p95 = measured.bytes_p95;
  if (measured.agreement >= 0 && measured.agreement_n > 0 && is_same_metric)
    row.agreement = {.share = measured.agreement, .interval = measured.agreement_interval, .n = measured.agreement_n, .is_of_bench = true};
}

void add_score(CandidateRow& row, const Scores& scores) {
  const Score* score = scores.find(row.key);
  if (score && !row.agreement.is_of_bench) row.agreement = {.share = score->agreement, .interval = score->interval, .n = score->n};
}

CandidateRow& find_or_add(std::vector<CandidateRow>& rows, const std::string& key) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const CandidateRow& row) { return row.key == key; });
  if (found != rows.end()) return *found;
  rows.push_back({.key = key, .label = label_of(key)});
  return rows.back();
}

void fill_speedups(std::vector<CandidateRow>& rows) {
  const auto local = std::find_if(rows.begin(), rows.end(), [](const CandidateRow& row) { return row.key == "local"; });
  if (local == rows.end()) return;
  const double measured = local->measured_us, predicted = local->predicted_us;
  for (auto& row : rows) {
    if (row.is_measured() && measured > 0) row.speedup = measured / row.measured_us;
    else if (!row.is_measured() && row.predicted_us > 0 && predicted > 0) row.speedup = predicted / row.predicted_us;
  }
}

void finish(CandidateTable& table, const Inputs& inputs) {
  for (auto& row : table.rows) {
    if (inputs.scores) add_score(row, *inputs.scores);
    table.has_measured |= row.is_measured();
  }
  fill_speedups(table.rows);
  std::stable_sort(table.rows.begin(), table.rows.end(), [](const CandidateRow& a, const CandidateRow& b) {
    const auto order = [](double us) { return us > 0 ? us : 1e300; };
    return order(a.best_us()) < order(b.best_us());
  });
}

std::string conditions_of(double rtt_us, double up_bps, double slowdown) {
  std::string text = bandwidth(up_bps) + ", " + ms(rtt_us) + " round trip";
  if (slowdown > 1) text += ", device slowed " + coordinate(slowdown) + " times";
  return text;
}

bool is_close(double a, double b) { return a == b || std::fabs(a - b) <= 0.05 * std::max(std::fabs(a), std::fabs(b)); }

/// Whether plan and bench speak of the same link, so that predicted and measured may stand side by side. The probe that a
/// plan is made from sees the protocol's own round trip too, so a small difference in time is no other link.
bool is_same_link(const Plan& plan, const BenchResults& bench) {
  if (plan.link_up_bps.empty() || plan.link_rtt_us.empty() || bench.link_up_bps == 0) return true;
  constexpr double kProtocolUs = 3000;
  return is_close(plan.link_up_bps[0], bench.link_up_bps) &&
         (is_close(plan.link_rtt_us[0], bench.link_rtt_us) || std::fabs(plan.link_rtt_us[0] - bench.link_rtt_us) < kProtocolUs);
}

void add_bench(CandidateTable& table, const BenchResults& bench, const Inputs& inputs) {
  const bool is_same_metric = !inputs.scores || inputs.scores->metric == "top1";
  for (const auto& row : bench.rows) add_measurement(find_or_add(table.rows, row.key), row, is_same_metric);
}

CandidateTable plan_table(const Plan& plan) {
  CandidateTable table{.title = "Candidates"};
  if (!plan.link_up_bps.empty() && !plan.link_rtt_us.empty()) table.conditions = conditions_of(plan.link_rtt_us[0], plan.link_up_bps[0], 1);
  table.rows.push_back(row_of(plan.chosen, plan.chosen.key));
  for (const auto& candidate : plan.families)
    if (candidate.key != plan.chosen.key) table.rows.push_back(row_of(candidate, plan.chosen.key));
  return table;
}

}  // namespace

std::vector<CandidateTable> make_tables(const Inputs& inputs) {
  std::vector<CandidateTable> tables;
  if (inputs.plan) tables.push_back(plan_table(*inputs.plan));
  bool is_plan_measured = false;
  for (const auto& bench : inputs.benches) {
    const std::string conditions = conditions_of(bench.link_rtt_us, bench.link_up_bps, bench.device_slowdown);
    if (inputs.plan && !is_plan_measured && is_same_link(*inputs.plan, bench)) {
      tables.front().conditions = conditions;
      add_bench(tables.front(), bench, inputs);
      is_plan_measured = true;
      continue;
    }
    tables.push_back({.title = tables.empty() ? "Candidates" : "Measured under other conditions", .conditions = conditions});
    add_bench(tables.back(), bench, inputs);
  }
  for (auto& table : tables) finish(table, inputs);
  return tables;
}

}  // namespace scissionlite::report
