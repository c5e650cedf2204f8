#include "planner/candidates.h"

#include "base/text.h"

namespace scissionlite::planner {
namespace {

constexpr int kNone = CostModel::kNone;

Agreement of_score(const Score& score) { return {score.agreement, score.interval, score.n}; }
const Agreement kExact{1, {1, 1}, 0};

/// Names for people: where a share begins and ends.
std::string boundary(const CostModel& model, int bound) {
  if (bound == Share::kNothing) return "input";
  if (bound == Share::kAll) return "output";
  return join(model.cuts()[static_cast<size_t>(bound)].tensors, "+");
}

}  // namespace

Agreements::Agreements(const CostModel& model, const Scores* scores)
    : model_(&model), by_hop_(model.hops().size()), exact_(model.hops().size(), false) {
  if (!scores) return;
  const auto* local = scores->find("local");
  local_ = local ? of_score(*local) : kExact;
  std::unordered_map<std::string, const Score*> by_key;  // scores of a 2,000-cut model would be slow to search one by one
  for (const auto& score : scores->scores) by_key[score.candidate] = &score;
  std::unordered_map<std::string, int> hop_numbers;
  for (size_t h = 0; h < by_hop_.size(); ++h) {
    const auto& candidate = model.hops()[h].candidate;
    const auto key = candidate.key();
    hop_numbers[key] = static_cast<int>(h);
    exact_[h] = is_exact(candidate);
    const auto found = by_key.find(key);
    if (found != by_key.end()) by_hop_[h] = of_score(*found->second);
    else if (exact_[h]) by_hop_[h] = kExact;
  }
  for (const auto& score : scores->scores) {
    const auto parts = split(score.candidate, '|');
    if (parts.size() != 2 || !hop_numbers.count(parts[0]) || !hop_numbers.count(parts[1])) continue;
    by_pair_[pair_key(hop_numbers[parts[0]], hop_numbers[parts[1]])] = of_score(score);
  }
}

Agreement Agreements::of(const Choice& choice) const {
  if (choice.first == kNone) return local_;
  const auto& first = by_hop_[static_cast<size_t>(choice.first)];
  if (choice.second == kNone || choice.first == choice.second) return first;
  if (!by_pair_.empty())
    if (const auto found = by_pair_.find(pair_key(choice.first, choice.second)); found != by_pair_.end()) return found->second;
  if (exact_[static_cast<size_t>(choice.first)]) return by_hop_[static_cast<size_t>(choice.second)];
  return exact_[static_cast<size_t>(choice.second)] ? first : Agreement{};
}

std::optional<Outcome> outcome_of(const CostModel& model, const Agreements& agreements, const Choice& choice) {
  Path path;
  for (size_t m = 0; m < model.machine_count(); ++m) {
    const int from = m == 0 ? kNone : choice.hop(m - 1);
    const int to = m + 1 < model.machine_count() ? choice.hop(m) : kNone;
    const auto cost = model.slice(m, from, to);
    if (!cost.possible) return std::nullopt;
    path = path.then_compute(cost, to == kNone ? 0 : model.links()[m].per_call_us);
    if (to == kNone) break;
    path = path.then_send(model, m, model.hops()[static_cast<size_t>(to)].bytes);
  }
  return Outcome{choice, path.latency_us, path.slowest_us, path.bytes, agreements.of(choice)};
}

std::string family_of(const CostModel& model, const Choice& choice) {
  if (choice.first == kNone) return "local";
  const auto first = model.hops()[static_cast<size_t>(choice.first)].candidate.family();
  return choice.second == kNone ? first : first + " | " + model.hops()[static_cast<size_t>(choice.second)].candidate.family();
}

PlannedCandidate describe(const CostModel& model, const Outcome& outcome) {
  PlannedCandidate out;
  out.key = model.key(outcome.choice);
  out.family = family_of(model, outcome.choice);
  for (size_t m = 0; m < model.machine_count(); ++m) {
    const int from = m == 0 ? kNone : outcome.choice.hop(m - 1);
    const int to = m + 1 < model.machine_count() ? outcome.choice.hop(m) : kNone;
    const auto cost = model.slice(m, from, to);
    const auto share = model.share(m, outcome.choice);
    Stage stage{.machine = model.machine(m).machine_name,
                .decode_us = cost.decode_us,
                .compute_us = cost.compute_us,
                .encode_us = cost.encode_us,
                .first = share.is_empty() ? "" : boundary(model, share.lower),
                .last = share.is_empty() ? "" : boundary(model, share.upper)};
    if (const auto note = model.estimate_note(m, from, to); !note.empty()) out.note += (out.note.empty() ? "" : "; ") + note;
    if (to != kNone) {
      const auto& hop = model.hops()[static_cast<size_t>(to)];
      stage.bytes = hop.bytes;
      stage.wire_us = model.send_us(m, hop.bytes);
      out.answer_us += model.answer_us(m);
      out.overhead_us += model.links()[m].per_call_us;
      out.cut_ids.push_back(hop.candidate.cut_id);
      out.tls.push_back(hop.cut < 0 ? hop.candidate.codec : hop.candidate.tl);
      out.tensors.push_back(hop.cut < 0 ? std::vector<std::string>{} : model.cuts()[static_cast<size_t>(hop.cut)].tensors);
    }
    out.stages.push_back(stage);
    if (to == kNone) break;
  }
  out.latency_us = outcome.latency_us;
  out.predicted_us = outcome.predicted_us;
  out.throughput_ips = outcome.slowest_us > 0 ? 1e6 / outcome.slowest_us : 0;
  out.bytes = outcome.bytes;
  out.agreement = outcome.agreement.mean;
  out.agreement_interval = outcome.agreement.mean < 0 ? Interval{} : outcome.agreement.interval;
  out.agreement_n = outcome.agreement.n;
  return out;
}

}  // namespace scissionlite::planner
