#include "planner/render.h"

#include <algorithm>

#include "base/text.h"
#include "planner/quantity.h"

namespace scissionlite::planner {
namespace {

using Row = std::vector<std::string>;

std::string ms(double us) { return format_fixed(us / 1e3, 2); }

std::string agreement_text(const PlannedCandidate& c) {
  if (c.agreement < 0) return "not scored";
  if (c.agreement_n == 0) return format_fixed(c.agreement, 3) + " (by construction)";
  return format_fixed(c.agreement, 3) + " [" + format_fixed(c.agreement_interval.low, 3) + ", " + format_fixed(c.agreement_interval.high, 3) +
         "] n=" + std::to_string(c.agreement_n);
}

std::string interval_text(const Interval& interval, int decimals) {
  return " [" + format_fixed(interval.low, decimals) + ", " + format_fixed(interval.high, decimals) + "]";
}

/// What comes of rebuilding the picture from what is sent.
std::string rebuilt_text(const PlannedCandidate& c) {
  if (!c.rebuilt) return "not measured";
  const auto& q = *c.rebuilt;
  return "PSNR " + format_fixed(q.psnr_db, 2) + " dB" + interval_text(q.psnr_interval, 2) + ", SSIM " + format_fixed(q.ssim, 3) +
         interval_text(q.ssim_interval, 3) + " n=" + std::to_string(q.n);
}

const Stage* stage_at(const PlannedCandidate& c, size_t machine) { return machine < c.stages.size() ? &c.stages[machine] : nullptr; }

std::string computes(const Stage& stage) { return stage.first.empty() ? "nothing of the model" : stage.first + " .. " + stage.last; }

/// The parts of a candidate's time as named numbers, the same names for any two candidates over the same machines.
struct Part {
  std::string name;
  double us;
};
std::vector<Part> parts_of(const PlannedCandidate& c, const std::vector<std::string>& machines) {
  std::vector<Part> parts;
  for (size_t m = 0; m < machines.size(); ++m) {
    const Stage none, *found = stage_at(c, m);
    const Stage& stage = found ? *found : none;
    parts.push_back({machines[m] + (m == 0 ? ": preprocess" : ": decode"), stage.decode_us});
    parts.push_back({machines[m] + ": slice", stage.compute_us});
    parts.push_back({machines[m] + ": encode", stage.encode_us});
    if (m + 1 < machines.size()) parts.push_back({"wire to " + machines[m + 1], stage.wire_us});
  }
  parts.push_back({"answer back", c.answer_us});
  parts.push_back({"offloader", c.overhead_us});
  return parts;
}

std::string link_line(const Plan& plan, size_t link) {
  std::string text = plan.machines[link] + " -> " + plan.machines[link + 1] + "  " + format_rate(plan.link_up_bps[link]) + " up, " +
                     format_rate(plan.link_down_bps[link]) + " down, round trip " + format_us(plan.link_rtt_us[link]);
  return text;
}

std::string feasible_text(const PlannedCandidate& c) { return c.feasible ? "meets every constraint" : "does not qualify: " + c.infeasible_reason; }

}  // namespace

std::string candidate_table(const std::vector<PlannedCandidate>& candidates, const std::vector<std::string>& machines) {
  Row header{"candidate", "latency ms"};
  for (size_t m = 0; m < machines.size(); ++m) {
    header.push_back(machines[m]);
    if (m + 1 < machines.size()) header.push_back("wire");
  }
  const bool has_rebuilt = std::any_of(candidates.begin(), candidates.end(), [](const PlannedCandidate& c) { return c.rebuilt.has_value(); });
  for (const auto* name : {"answer", "bytes", "images/s", "agreement"}) header.emplace_back(name);
  if (has_rebuilt) header.emplace_back("rebuilt dB, SSIM");
  header.emplace_back("");
  std::vector<Row> rows{header};
  for (const auto& c : candidates) {
    Row row{c.key, ms(c.latency_us) + (c.predicted_us > 0 ? " measured" : "")};
    for (size_t m = 0; m < machines.size(); ++m) {
      const auto* stage = stage_at(c, m);
      row.push_back(stage ? ms(stage->decode_us + stage->compute_us + stage->encode_us) : "-");
      if (m + 1 < machines.size()) row.push_back(stage && stage->bytes > 0 ? ms(stage->wire_us) : "-");
    }
    row.push_back(c.stages.size() > 1 ? ms(c.answer_us + c.overhead_us) : "-");
    row.push_back(format_fixed(c.bytes, 0));
    row.push_back(format_fixed(c.throughput_ips, 1));
    row.push_back(agreement_text(c));
    if (has_rebuilt) row.push_back(c.rebuilt ? format_fixed(c.rebuilt->psnr_db, 2) + ", " + format_fixed(c.rebuilt->ssim, 3) : "-");
    row.push_back(c.feasible ? "" : c.infeasible_reason);
    rows.push_back(row);
  }
  return format_table(rows);
}

std::string explain_text(const PlannedCandidate& c, const Plan& plan) {
  std::string text = c.key + " (" + c.family + ")\n";
  for (const auto& stage : c.stages) text += "  " + stage.machine + " computes " + computes(stage) + "\n";
  std::vector<Row> rows{{"part", "ms", "share %"}};
  for (const auto& part : parts_of(c, plan.machines))
    if (part.us > 0) rows.push_back({part.name, ms(part.us), format_fixed(c.latency_us > 0 ? 100 * part.us / c.latency_us : 0, 1)});
  if (c.predicted_us > 0) rows.push_back({"predicted", ms(c.predicted_us), format_fixed(100 * c.predicted_us / c.latency_us, 1)});
  rows.push_back({c.predicted_us > 0 ? "measured latency" : "latency", ms(c.latency_us), "100.0"});
  text += format_table(rows);
  text +=
      "bytes " + format_fixed(c.bytes, 0) + ", agreement " + agreement_text(c) + ", pipelined " + format_fixed(c.throughput_ips, 1) + " images/s\n";
  if (c.rebuilt) text += "picture rebuilt from it: " + rebuilt_text(c) + "\n";
  if (!c.note.empty()) text += "note: " + c.note + "\n";
  const auto place = std::find_if(plan.top.begin(), plan.top.end(), [&](const PlannedCandidate& other) { return other.key == c.key; });
  if (place != plan.top.end()) text += "place " + std::to_string(place - plan.top.begin() + 1) + " by " + plan.objective + "\n";
  else if (c.feasible) text += "not among the best " + std::to_string(plan.top.size()) + " by " + plan.objective + "\n";
  return text + feasible_text(c) + "\n";
}

std::string versus_text(const PlannedCandidate& a, const PlannedCandidate& b, const Plan& plan) {
  std::vector<Row> rows{{"ms", a.key, b.key, "difference"}};
  const auto left = parts_of(a, plan.machines), right = parts_of(b, plan.machines);
  const auto row = [&](const std::string& name, double x, double y, int decimals) {
    const std::string sign = y - x > 0 ? "+" : "";
    rows.push_back({name, format_fixed(x, decimals), format_fixed(y, decimals), sign + format_fixed(y - x, decimals)});
  };
  for (size_t i = 0; i < left.size(); ++i)
    if (left[i].us > 0 || right[i].us > 0) row(left[i].name, left[i].us / 1e3, right[i].us / 1e3, 2);
  row("latency", a.latency_us / 1e3, b.latency_us / 1e3, 2);
  row("bytes", a.bytes, b.bytes, 0);
  row("images/s", a.throughput_ips, b.throughput_ips, 1);
  if (a.agreement >= 0 && b.agreement >= 0) row("agreement", a.agreement, b.agreement, 3);
  if (a.rebuilt && b.rebuilt) row("rebuilt dB", a.rebuilt->psnr_db, b.rebuilt->psnr_db, 2), row("rebuilt SSIM", a.rebuilt->ssim, b.rebuilt->ssim, 3);
  std::string text = format_table(rows);
  for (const auto* c : {&a, &b})
    text += c->key + ": agreement " + agreement_text(*c) + ", " + feasible_text(*c) + (c->note.empty() ? "" : ", " + c->note) + "\n";
  return text;
}

std::string break_even_table(const Plan& plan) {
  if (plan.break_evens.empty()) return "The same plan is fastest at every rate of the first link.\n";
  std::vector<Row> rows{{"from", "to", "fastest"}};
  std::string from = "0";
  for (const auto& point : plan.break_evens) {
    rows.push_back({from, format_rate(point.bandwidth_bps), point.below});
    from = format_rate(point.bandwidth_bps);
  }
  rows.push_back({from, "any", plan.break_evens.back().above});
  return format_table(rows);
}

std::string plan_text(const Plan& plan) {
  std::string text = "model      " + plan.model_name + "\n";
  for (size_t link = 0; link < plan.link_up_bps.size(); ++link) text += "link       " + link_line(plan, link) + "\n";
  text += "objective  " + plan.objective + ", " + std::to_string(plan.candidates_considered) + " candidates in " + format_us(plan.planning_us) + "\n";
  for (const auto& c : plan.constraints) text += "constraint " + c + "\n";
  const auto& best = plan.chosen;
  text += "chosen     " + best.key + ": " + format_us(best.latency_us) +
          (best.predicted_us > 0 ? " (measured; predicted " + format_us(best.predicted_us) + ")" : "") + ", " + format_bytes(best.bytes) +
          ", agreement " + agreement_text(best) + "\n";
  if (best.rebuilt) text += "rebuilt    " + rebuilt_text(best) + "\n";
  text += "\nThe best " + std::to_string(plan.top.size()) + " (times in ms)\n" + candidate_table(plan.top, plan.machines);
  text += "\nThe best of every family\n" + candidate_table(plan.families, plan.machines);
  text += "\nPareto front of latency, bytes and agreement\n" + candidate_table(plan.pareto, plan.machines);
  text += "\nFastest plan by up rate of the first link, all else as it is\n" + break_even_table(plan);
  return text;
}

std::string scissiontl_text(const ScissionTlData& data, const ScissionTlLink& link, const std::vector<ScissionTlPlan>& plans, size_t top) {
  std::string text = data.device.name + " -> " + data.edge.name + ", ping " + format_fixed(link.ping_ms, 1) + " ms, " + format_fixed(link.mbps, 1) +
                     " Mbit/s; layers on device | on edge\n";
  for (size_t i = 0; i < std::min(top, plans.size()); ++i)
    text += plans[i].ranges + "  " + format_fixed(plans[i].seconds, 4) + " s  " + format_fixed(plans[i].megabytes, 4) + " MB\n";
  return text;
}

Json scissiontl_json(const ScissionTlData& data, const ScissionTlLink& link, const std::vector<ScissionTlPlan>& plans, size_t top) {
  Json json{{"schema", "scissionlite.scissiontl/1"},
            {"device", data.device.name},
            {"edge", data.edge.name},
            {"ping_ms", link.ping_ms},
            {"mbps", link.mbps},
            {"plans", Json::array()}};
  for (size_t i = 0; i < std::min(top, plans.size()); ++i) {
    const auto& p = plans[i];
    json["plans"].push_back({{"ranges", p.ranges},
                             {"seconds", p.seconds},
                             {"megabytes", p.megabytes},
                             {"device_s", p.device_s},
                             {"edge_s", p.edge_s},
                             {"network_s", p.network_s},
                             {"tl_s", p.tl_s}});
  }
  return json;
}

}  // namespace scissionlite::planner
