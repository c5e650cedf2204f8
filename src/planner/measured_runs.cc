#include "planner/measured_runs.h"

#include <map>

#include "base/error.h"

namespace scissionlite::planner {
MeasuredRuns::MeasuredRuns(const CostModel& model, const std::vector<MeasuredRun>& runs) {
  std::map<std::string, Choice> known{{"local", Choice{}}};
  for (size_t h = 0; h < model.hops().size(); ++h) known[model.hops()[h].candidate.key()] = Choice{static_cast<int>(h), CostModel::kNone};
  for (const auto& run : runs) {
    if (!(run.latency_us > 0))
      throw InvalidArgument("[plan] the measured latency of '" + run.key + "' is " + std::to_string(run.latency_us) + " us, expected more than 0");
    const auto found = known.find(run.key);
    if (found == known.end()) continue;
    if (!runs_.emplace(pair_key(found->second.first, found->second.second), run).second)
      throw InvalidArgument("[plan] '" + run.key + "' was measured twice; expected one row a candidate");
  }
}

Outcome MeasuredRuns::applied(Outcome outcome) const {
  const auto found = runs_.find(pair_key(outcome.choice.first, outcome.choice.second));
  if (found == runs_.end()) return outcome;
  outcome.predicted_us = outcome.latency_us;
  outcome.latency_us = found->second.latency_us;
  if (found->second.throughput_ips > 0) outcome.slowest_us = 1e6 / found->second.throughput_ips;
  return outcome;
}

}  // namespace scissionlite::planner
