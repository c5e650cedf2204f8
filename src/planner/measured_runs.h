// What bench measured, in the place of what the model predicts: profiles are taken hours before and alone, trial runs now and
// through the real processes, so between candidates that are predicted alike the trial decides.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "planner/candidates.h"

namespace scissionlite::planner {

/// One candidate as it ran.
struct MeasuredRun {
  std::string key;
  double latency_us = 0;      // median
  double throughput_ips = 0;  // pipelined; 0: not measured
};

class MeasuredRuns {
 public:
  /// Runs of candidates that the profiles do not hold are left out: nothing is planned with them.
  /// @throws InvalidArgument: a latency that is not above 0, or a candidate twice.
  MeasuredRuns(const CostModel& model, const std::vector<MeasuredRun>& runs);

  /// The outcome with the measured latency and throughput, if it ran.
  [[nodiscard]] Outcome applied(Outcome outcome) const;

 private:
  std::unordered_map<uint64_t, MeasuredRun> runs_;  // by choice
};

}  // namespace scissionlite::planner
