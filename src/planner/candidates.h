// Every candidate that the profiles allow, with the few numbers that choosing needs; details are made later for the few
// that are shown. Order: local, images by codec, cuts by position; so ties are broken the same way every time.
#pragma once

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "planner/cost.h"
#include "planner/plan.h"

namespace scissionlite::planner {

/// Agreement of a candidate with the uncut model; mean -1: not scored.
struct Agreement {
  double mean = -1;
  Interval interval{-1, -1};
  int64_t n = 0;
};

/// A choice of hops as one number, to look things up by.
[[nodiscard]] inline uint64_t pair_key(int first, int second) { return static_cast<uint64_t>(first) << 32 | static_cast<uint32_t>(second); }

/// Looks agreements up. Without scores nothing is known. With scores, what is exact by construction and was not scored
/// has 1 with n = 0. A chain with two hops takes the score under its own key if there is one, else the other hop's when
/// one hop is exact or only passes on; otherwise it is not scored.
class Agreements {
 public:
  Agreements(const CostModel& model, const Scores* scores);
  [[nodiscard]] Agreement of(const Choice& choice) const;

 private:
  const CostModel* model_;
  Agreement local_;
  std::vector<Agreement> by_hop_;
  std::vector<bool> exact_;
  std::unordered_map<uint64_t, Agreement> by_pair_;
};

struct Outcome {
  Choice choice;
  double latency_us = 0;
  double slowest_us = 0;  // of machines and wires: throughput is its inverse
  double bytes = 0;
  Agreement agreement;
  double predicted_us = 0;  // where latency_us is measured: what the model says; else 0
};

/// Adds one link and the machine after it to what came before.
struct Path {
  double latency_us = 0, slowest_us = 0, bytes = 0;
  [[nodiscard]] Path then_send(const CostModel& model, size_t link, double payload) const {
    const auto& l = model.links()[link];
    return {latency_us + model.send_us(link, payload) + l.per_call_us + model.answer_us(link),
            std::max({slowest_us, model.transfer_us(link, payload), model.answer_transfer_us(link)}), bytes + payload};
  }
  /// `per_call_us` is the sender's work for the request; its latency is counted with the link.
  [[nodiscard]] Path then_compute(const SliceCost& cost, double per_call_us) const {
    return {latency_us + cost.total_us(), std::max(slowest_us, cost.total_us() + per_call_us), bytes};
  }
};

template <typename Visit>
void visit_chains(const CostModel& model, const Agreements& agreements, int first, const Path& arrived, Visit&& visit) {
  const auto& hops = model.hops();
  for (int second = first; second < static_cast<int>(hops.size()); ++second) {
    if (!model.may_follow(first, second)) continue;
    const auto middle = model.slice(1, first, second), end = model.slice(2, second, CostModel::kNone);
    if (!middle.possible || !end.possible) continue;
    const auto path =
        arrived.then_compute(middle, model.links()[1].per_call_us).then_send(model, 1, hops[static_cast<size_t>(second)].bytes).then_compute(end, 0);
    const Choice choice{first, second};
    visit(Outcome{choice, path.latency_us, path.slowest_us, path.bytes, agreements.of(choice)});
  }
}

/// Calls `visit(const Outcome&)` for every candidate. Cost: linear in hops for two machines, quadratic for three.
template <typename Visit>
void for_each_candidate(const CostModel& model, const Agreements& agreements, Visit&& visit) {
  constexpr int kNone = CostModel::kNone;
  if (const auto local = model.slice(0, kNone, kNone); local.possible) {
    const auto path = Path{}.then_compute(local, 0);
    visit(Outcome{{}, path.latency_us, path.slowest_us, path.bytes, agreements.of({})});
  }
  for (int first = 0; first < static_cast<int>(model.hops().size()); ++first) {
    const auto start = model.slice(0, kNone, first);
    if (!start.possible) continue;
    const auto arrived = Path{}.then_compute(start, model.links()[0].per_call_us).then_send(model, 0, model.hops()[static_cast<size_t>(first)].bytes);
    if (const auto end = model.slice(1, first, kNone); end.possible) {
      const auto path = arrived.then_compute(end, 0);
      const Choice choice{first, kNone};
      visit(Outcome{choice, path.latency_us, path.slowest_us, path.bytes, agreements.of(choice)});
    }
    if (model.machine_count() == 3) visit_chains(model, agreements, first, arrived, visit);
  }
}

/// The numbers of one candidate, or nothing when something it needs was not measured.
[[nodiscard]] std::optional<Outcome> outcome_of(const CostModel& model, const Agreements& agreements, const Choice& choice);
/// Everything about it, for tables and plan.json.
[[nodiscard]] PlannedCandidate describe(const CostModel& model, const Outcome& outcome);
/// "plain uint8"; of a chain both, joined with " | ".
[[nodiscard]] std::string family_of(const CostModel& model, const Choice& choice);

}  // namespace scissionlite::planner
