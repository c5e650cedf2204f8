// What the three charts draw: bars by cut, points of latency and bytes, curves over bandwidth.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/text.h"
#include "planner/cost.h"
#include "report/view.h"

namespace scissionlite::report {
namespace {

constexpr size_t kMostCurves = 8;

bool is_split(const PlannedCandidate& candidate) { return candidate.key.rfind("split/", 0) == 0 && candidate.key.find('|') == std::string::npos; }

/// "12+9" -> {12, 9}: cuts stand in the order of the model.
std::vector<int64_t> cut_order(const std::string& id) {
  std::vector<int64_t> out;
  for (const auto& part : split(id, '+')) out.push_back(std::atoll(part.c_str()));
  return out;
}

/// Feasible before infeasible, then faster.
bool is_better(const PlannedCandidate& a, const PlannedCandidate& b) {
  if (a.feasible != b.feasible) return a.feasible;
  return a.latency_us < b.latency_us;
}

CutBar bar_of(const PlannedCandidate& candidate, const std::string& chosen_key, int compared) {
  CutBar bar{.key = candidate.key, .label = label_of(candidate.key)};
  const auto words = split(candidate.key, '/');
  bar.is_end = !is_split(candidate);
  if (!bar.is_end) bar.cut_id = words[1], bar.tl = words[2];
  bar.parts = parts_of(candidate);
  bar.bytes = candidate.bytes;
  bar.agreement = agreement_of(candidate);
  bar.is_chosen = candidate.key == chosen_key;
  bar.is_feasible = candidate.feasible;
  bar.candidates = compared;
  return bar;
}

struct Best {
  const PlannedCandidate* candidate = nullptr;
  int compared = 0;
  void offer(const PlannedCandidate& other, const std::string& chosen_key) {
    ++compared;
    const bool is_chosen = other.key == chosen_key;
    if (!candidate || (candidate->key != chosen_key && (is_chosen || is_better(other, *candidate)))) candidate = &other;
  }
};

bool dominates(const ParetoPoint& a, const ParetoPoint& b) {
  const bool no_worse = a.latency_us <= b.latency_us && a.bytes <= b.bytes && a.agreement.share >= b.agreement.share;
  return no_worse && (a.latency_us < b.latency_us || a.bytes < b.bytes || a.agreement.share > b.agreement.share);
}

/// First-link bits: what the bandwidth of that link acts on. A request is a little more than its payload.
double first_link_bits(const PlannedCandidate& candidate) {
  if (candidate.key == "local") return 0;
  return ((candidate.stages.empty() ? candidate.bytes : candidate.stages[0].bytes) + kMessageOverheadBytes) * 8;
}

/// Keys worth a curve, most important first: the choice, what breaks even with what, one of each family.
std::vector<std::string> curve_keys(const std::vector<PlannedCandidate>& candidates, const Plan& plan) {
  std::vector<std::string> keys{plan.chosen.key, "local"};
  for (const auto& point : plan.break_evens) keys.insert(keys.end(), {point.below, point.above});
  auto families = plan.families;
  std::stable_sort(families.begin(), families.end(), is_better);
  for (const auto& candidate : families) keys.push_back(candidate.key);
  if (plan.families.empty())
    for (const auto& candidate : candidates) keys.push_back(candidate.key);
  return keys;
}

/// Where the best curve changes as the bandwidth grows, between low and high. Any two curves cross at most once.
std::vector<Crossing> lower_envelope(const std::vector<Curve>& curves, double low_bps, double high_bps) {
  std::vector<Crossing> out;
  if (curves.empty()) return out;
  const auto best_at = [&](double bps) {
    return &*std::min_element(curves.begin(), curves.end(), [&](const Curve& a, const Curve& b) { return a.latency_us(bps) < b.latency_us(bps); });
  };
  const Curve* now = best_at(low_bps);
  double at = low_bps;
  for (size_t guard = 0; guard < curves.size(); ++guard) {  // bits fall along the envelope, so each curve comes once
    const Curve* next = nullptr;
    double next_bps = high_bps;
    for (const auto& other : curves) {
      if (other.fixed_us >= now->fixed_us || other.bits <= now->bits) continue;  // takes over with more bits, less fixed time
      const double bps = (other.bits - now->bits) * 1e6 / (now->fixed_us - other.fixed_us);
      if (bps > at && bps < next_bps) next = &other, next_bps = bps;
    }
    if (!next) break;
    out.push_back({now->key, next->key, next_bps, next->latency_us(next_bps)});
    now = next;
    at = next_bps;
  }
  return out;
}

}  // namespace

Parts parts_of(const PlannedCandidate& candidate) {
  Parts parts;
  for (size_t i = 0; i < candidate.stages.size(); ++i) {
    const auto& stage = candidate.stages[i];
    (i == 0 ? parts.device : parts.edge) += stage.compute_us;
    (i == 0 ? parts.device : parts.decode) += stage.decode_us;  // on the device: reading and preprocessing the image
    parts.encode += stage.encode_us;
    parts.wire += stage.wire_us;
  }
  parts.rest = std::max(0.0, candidate.latency_us - parts.total());
  return parts;
}

std::vector<CutBar> make_cut_bars(const std::vector<PlannedCandidate>& candidates, const std::string& chosen_key) {
  std::map<std::vector<int64_t>, Best> cuts;
  Best edge, local;
  for (const auto& candidate : candidates) {
    if (candidate.stages.empty()) continue;
    if (is_split(candidate)) cuts[cut_order(split(candidate.key, '/')[1])].offer(candidate, chosen_key);
    else if (candidate.key == "local") local.offer(candidate, chosen_key);
    else if (candidate.key.find('|') == std::string::npos) edge.offer(candidate, chosen_key);
  }
  std::vector<CutBar> bars;
  if (edge.candidate) bars.push_back(bar_of(*edge.candidate, chosen_key, edge.compared));
  for (const auto& [order, best] : cuts) bars.push_back(bar_of(*best.candidate, chosen_key, best.compared));
  if (local.candidate) bars.push_back(bar_of(*local.candidate, chosen_key, local.compared));
  return bars;
}

std::vector<ParetoPoint> make_points(const std::vector<PlannedCandidate>& candidates, const std::string& chosen_key) {
  std::vector<ParetoPoint> points;
  for (const auto& candidate : candidates) {
    if (candidate.latency_us <= 0) continue;
    points.push_back({candidate.key, candidate.family, label_of(candidate.key), candidate.latency_us, candidate.bytes, agreement_of(candidate), false,
                      candidate.key == chosen_key});
  }
  for (auto& point : points)
    point.on_front = std::none_of(points.begin(), points.end(), [&](const ParetoPoint& other) { return dominates(other, point); });
  return points;
}

BandwidthView make_bandwidth_view(const std::vector<PlannedCandidate>& candidates, const Plan& plan) {
  BandwidthView view;
  if (plan.link_up_bps.empty() || plan.link_up_bps[0] <= 0) return view;
  view.link_bps = plan.link_up_bps[0];
  std::set<std::string> taken;
  for (const auto& key : curve_keys(candidates, plan)) {
    const auto found = std::find_if(candidates.begin(), candidates.end(), [&](const PlannedCandidate& c) { return c.key == key; });
    if (found == candidates.end() || !found->feasible || view.curves.size() >= kMostCurves || !taken.insert(key).second) continue;
    const double bits = first_link_bits(*found);
    view.curves.push_back({key, found->family, label_of(key), found->latency_us - bits * 1e6 / view.link_bps, bits, key == plan.chosen.key});
  }
  const auto at_link = [&](const Curve& curve) { return curve.latency_us(view.link_bps); };
  std::stable_sort(view.curves.begin(), view.curves.end(), [&](const Curve& a, const Curve& b) { return at_link(a) < at_link(b); });
  constexpr double kLowest = 1e3, kHighest = 1e12;
  view.crossings = lower_envelope(view.curves, kLowest, kHighest);
  return view;
}

}  // namespace scissionlite::report
