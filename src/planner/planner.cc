#include "planner/planner.h"

#include <map>

#include "base/error.h"
#include "base/text.h"
#include "planner/break_even.h"
#include "planner/pareto.h"
#include "planner/unmeetable.h"

namespace scissionlite::planner {
namespace {

void check_scores(const CostModel& model, const Scores* scores, const PlanOptions& options) {
  const auto& profile = model.machine(0);
  if (scores && scores->model_sha256 != profile.model_sha256)
    throw InvalidArgument("[plan] the scores are of another model (" + scores->model_sha256.substr(0, 12) + ") than the profile of '" +
                          profile.machine_name + "' (" + profile.model_sha256.substr(0, 12) + "); score the same file");
  for (const auto& c : options.constraints)
    if (c.needs_scores() && !scores)
      throw InvalidArgument("[plan] '" + c.text + "' needs scores; run `scissionlite score` and give its file with --scores");
  for (const auto& c : options.constraints)
    if (c.needs_privacy() && !options.privacy)
      throw InvalidArgument("[plan] '" + c.text + "' needs to know what can be rebuilt; run `scissionlite privacy` and give its file with --privacy");
}

}  // namespace

/// Keeps what the tables need while candidates pass by.
class Planner::Collector {
 public:
  explicit Collector(const Planner& planner) : planner_(&planner) {
    std::map<std::string, int> numbers;
    for (const auto& hop : planner.model_->hops())
      family_.push_back(numbers.emplace(hop.candidate.family(), static_cast<int>(numbers.size()) + 1).first->second);
    family_count_ = numbers.size() + 1;  // 0: no hop
    feasible_.resize(family_count_ * family_count_);
    infeasible_.resize(feasible_.size());
    lines_.resize(planner.model_->hops().size() + 1);
  }

  void operator()(const Outcome& outcome) {
    ++count_;
    const uint64_t missed = planner_->checker_.missed(outcome);
    keep_best(missed == 0 ? feasible_ : infeasible_, family(outcome.choice), outcome);
    if (!(missed & ~planner_->checker_.link_mask())) keep_line(outcome);
    if (missed) return;
    front_.offer(outcome);
    keep_top(outcome);
  }

  [[nodiscard]] const std::vector<Outcome>& top() const { return top_; }
  void fill(Plan& plan) const {
    plan.candidates_considered = count_;
    for (const auto& outcome : top_) plan.top.push_back(planner_->describe_checked(outcome));
    plan.chosen = plan.top.front();
    for (const auto& outcome : front_.sorted()) plan.pareto.push_back(planner_->describe_checked(outcome));
    fill_families(plan);
    std::vector<RateLine> lines;
    for (const auto& line : lines_)
      if (line) lines.push_back(*line);
    for (const auto& bend : lower_envelope(std::move(lines)))
      plan.break_evens.push_back({planner_->model_->key(bend.below), planner_->model_->key(bend.above), bend.rate_bps});
  }

 private:
  using Slots = std::vector<std::optional<Outcome>>;

  [[nodiscard]] size_t family(const Choice& choice) const {
    const auto number = [&](int hop) { return hop == CostModel::kNone ? size_t{0} : static_cast<size_t>(family_[static_cast<size_t>(hop)]); };
    return number(choice.first) * family_count_ + number(choice.second);
  }
  void keep_best(Slots& slots, size_t slot, const Outcome& outcome) {
    if (!slots[slot] || planner_->is_better(outcome, *slots[slot])) slots[slot] = outcome;
  }
  /// Of all candidates with the same first hop, only the one with the least fixed time can lie on the envelope.
  void keep_line(const Outcome& outcome) {
    const auto line = rate_line(*planner_->model_, outcome);
    auto& slot = lines_[static_cast<size_t>(outcome.choice.first + 1)];
    if (!slot || line.fixed_us < slot->fixed_us) slot = line;
  }
  void keep_top(const Outcome& outcome) {
    const auto limit = static_cast<size_t>(std::max(1, planner_->options_.top));
    if (top_.size() == limit && !planner_->is_better(outcome, top_.back())) return;
    const auto place =
        std::upper_bound(top_.begin(), top_.end(), outcome, [&](const Outcome& a, const Outcome& b) { return planner_->is_better(a, b); });
    top_.insert(place, outcome);
    if (top_.size() > limit) top_.pop_back();
  }
  /// Best first; families without a feasible candidate come last, with the reason.
  void fill_families(Plan& plan) const {
    std::vector<Outcome> good, bad;
    for (size_t slot = 0; slot < feasible_.size(); ++slot) {
      if (feasible_[slot]) good.push_back(*feasible_[slot]);
      else if (infeasible_[slot]) bad.push_back(*infeasible_[slot]);
    }
    for (auto* list : {&good, &bad}) {
      std::stable_sort(list->begin(), list->end(), [&](const Outcome& a, const Outcome& b) { return planner_->is_better(a, b); });
      for (const auto& outcome : *list) plan.families.push_back(planner_->describe_checked(outcome));
    }
  }

  const Planner* planner_;
  std::vector<int> family_;  // by hop, from 1
  size_t family_count_ = 1;
  Slots feasible_, infeasible_;
  std::vector<std::optional<RateLine>> lines_;  // by first hop + 1; 0 is local
  std::vector<Outcome> top_;
  ParetoFront front_;
  int64_t count_ = 0;
};

Planner::Planner(const CostModel& model, const Scores* scores, PlanOptions options, const Graph* graph)
    : model_(&model),
      options_(std::move(options)),
      agreements_(model, scores),
      layers_(model.cuts(), graph),
      checker_(model, options_.constraints, layers_, Exposures(model, options_.privacy)),
      measured_(model, options_.measured) {
  const std::vector<std::string> known{"latency", "throughput", "bytes"};
  if (std::find(known.begin(), known.end(), options_.objective) == known.end())
    throw InvalidArgument("[plan] unknown objective '" + options_.objective + "'" + did_you_mean(options_.objective, known));
  check_scores(model, scores, options_);
}

bool Planner::is_better(const Outcome& a, const Outcome& b) const {
  if (options_.objective == "throughput" && a.slowest_us != b.slowest_us) return a.slowest_us < b.slowest_us;
  if (options_.objective == "bytes" && a.bytes != b.bytes) return a.bytes < b.bytes;
  return a.latency_us != b.latency_us ? a.latency_us < b.latency_us : a.bytes < b.bytes;
}

PlannedCandidate Planner::describe_checked(const Outcome& outcome) const {
  auto out = describe(*model_, outcome);
  if (const auto exposure = checker_.exposures().of(outcome.choice); exposure.kind == Exposure::Kind::kMeasured) out.rebuilt = exposure.quality;
  const uint64_t missed = checker_.missed(outcome);
  out.feasible = missed == 0;
  std::vector<std::string> reasons;
  for (size_t k = 0; k < checker_.constraints().size(); ++k)
    if (missed >> k & 1) reasons.push_back(checker_.sentence(k, outcome));
  out.infeasible_reason = join(reasons, "; ");
  return out;
}

Plan Planner::plan() const {
  Collector collector(*this);
  for_each_candidate(*model_, agreements_, [&](const Outcome& outcome) { collector(measured_.applied(outcome)); });
  if (collector.top().empty()) throw InvalidArgument(explain_unmeetable(*model_, agreements_, checker_));
  Plan plan;
  plan.model_name = model_->machine(0).model_name;
  plan.model_sha256 = model_->machine(0).model_sha256;
  plan.objective = options_.objective;
  for (size_t m = 0; m < model_->machine_count(); ++m) plan.machines.push_back(model_->machine(m).machine_name);
  for (const auto& link : model_->links()) {
    plan.link_rtt_us.push_back(link.rtt_us);
    plan.link_up_bps.push_back(link.up_bps);
    plan.link_down_bps.push_back(link.down_bps);
  }
  for (const auto& c : checker_.constraints()) plan.constraints.push_back(c.text);
  collector.fill(plan);
  return plan;
}

PlannedCandidate Planner::candidate(const std::string& key) const {
  const auto outcome = outcome_of(*model_, agreements_, model_->choice_of(key));
  if (!outcome)
    throw InvalidArgument("[plan] candidate '" + key +
                          "' was not measured on every machine it needs; profile them again with this cut and transfer layer");
  return describe_checked(measured_.applied(*outcome));
}

}  // namespace scissionlite::planner
