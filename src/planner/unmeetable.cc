#include "planner/unmeetable.h"

#include <bit>
#include <optional>

namespace scissionlite::planner {
namespace {

struct Nearest {
  std::optional<Outcome> outcome;
  double miss = 0;
  void offer(const Outcome& candidate, double by) {
    if (!outcome || by < miss) {
      outcome = candidate;
      miss = by;
    }
  }
};

/// What one pass over the candidates learns about each constraint.
struct Findings {
  std::vector<Nearest> alone, with_others;  // the least miss: of all candidates; of those that meet all others
  std::vector<uint64_t> met_with;           // bit j: some candidate meets both k and j
  int64_t candidates = 0;
};

Findings look(const CostModel& model, const Agreements& agreements, const Checker& checker) {
  const size_t count = checker.constraints().size();
  Findings f{std::vector<Nearest>(count), std::vector<Nearest>(count), std::vector<uint64_t>(count, 0), 0};
  for_each_candidate(model, agreements, [&](const Outcome& outcome) {
    ++f.candidates;
    const uint64_t missed = checker.missed(outcome);
    for (size_t k = 0; k < count; ++k) {
      const uint64_t bit = uint64_t{1} << k;
      const double by = checker.miss(k, outcome);
      f.alone[k].offer(outcome, by);
      if (!(missed & ~bit)) f.with_others[k].offer(outcome, by);
      if (!(missed & bit)) f.met_with[k] |= ~missed;
    }
  });
  return f;
}

std::string nearest_text(const CostModel& model, const Checker& checker, size_t k, const Nearest& nearest) {
  const auto kind = checker.constraints()[k].kind;
  const std::string key = model.key(nearest.outcome->choice);
  if (kind == Constraint::Kind::kLayers || kind == Constraint::Kind::kMachine || kind == Constraint::Kind::kImages)
    return checker.missed(*nearest.outcome) & ~(uint64_t{1} << k) ? "" : "; without it '" + key + "' is possible";
  if (checker.constraints()[k].needs_scores() && nearest.outcome->agreement.mean < 0) return ": '" + key + "' and all others were not scored";
  if (nearest.miss > Checker::kNotMeasured) return ": '" + key + "' " + checker.sentence(k, *nearest.outcome) + ", and no other comes nearer";
  return ": the nearest is '" + key + "', whose " + checker.sentence(k, *nearest.outcome);
}

}  // namespace

std::string explain_unmeetable(const CostModel& model, const Agreements& agreements, const Checker& checker) {
  const auto f = look(model, agreements, checker);
  const auto& constraints = checker.constraints();
  if (f.candidates == 0)
    return "[plan] the profiles hold no complete candidate: the device needs the whole model, or a cut measured with the same transfer layer on both "
           "sides of a link; run `scissionlite profile` on each machine";
  std::string text;
  for (size_t k = 0; k < constraints.size(); ++k)
    if (f.alone[k].miss > 0) text += "\n  no candidate meets '" + constraints[k].text + "'" + nearest_text(model, checker, k, f.alone[k]);
  if (!text.empty()) return "[plan] the constraints cannot be met:" + text;
  for (size_t k = 0; k < constraints.size(); ++k)
    if (f.with_others[k].outcome)
      text += "\n  '" + constraints[k].text + "' fails among those that meet the others" + nearest_text(model, checker, k, f.with_others[k]);
  if (!text.empty()) return "[plan] the constraints cannot be met together; relaxing one of these is enough:" + text;
  for (size_t k = 0; k < constraints.size(); ++k)
    for (size_t j = k + 1; j < constraints.size(); ++j)
      if (!(f.met_with[k] >> j & 1)) text += "\n  '" + constraints[k].text + "' and '" + constraints[j].text + "' exclude each other";
  return "[plan] the constraints cannot be met together; more than one must go" + (text.empty() ? std::string("; try them one by one") : ":" + text);
}

}  // namespace scissionlite::planner
