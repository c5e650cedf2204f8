// Break-even bandwidths: as the up rate of the first link changes, each plan's latency is a line in seconds per bit, so
// the fastest plans form the lower envelope of lines, and plans change where it bends.
#pragma once

#include <vector>

#include "planner/candidates.h"

namespace scissionlite::planner {

/// One plan over the first link's up rate: latency_us = fixed_us + bits * 1e6 / rate_bps.
struct RateLine {
  Choice choice;
  double fixed_us = 0;
  double bits = 0;
};
[[nodiscard]] RateLine rate_line(const CostModel& model, const Outcome& outcome);

/// A bend of the envelope: `below` is faster under the rate, `above` over it.
struct RateBend {
  Choice below, above;
  double rate_bps = 0;
};
/// By rising rate. Cost: sorting the lines.
[[nodiscard]] std::vector<RateBend> lower_envelope(std::vector<RateLine> lines);

}  // namespace scissionlite::planner
