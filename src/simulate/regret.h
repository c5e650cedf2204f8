// How much the controller gives away on a trace.
#pragma once

#include "simulate/world.h"

namespace scissionlite::simulate {

struct Regret {
  double ours_us = 0, oracle_us = 0;  // mean latencies
  std::vector<double> fixed_us;       // of each plan when it is never left
  int64_t switches = 0;
  Summary summary;
  [[nodiscard]] double best_fixed_us() const;
  [[nodiscard]] double vs_oracle() const { return ours_us / oracle_us; }
  /// All latencies over those of the best fixed plan, to which each switch may add a dwell time.
  double vs_fixed = 0;
};
[[nodiscard]] Regret regret_of(const WorldOptions& options, const Trace& trace);

}  // namespace scissionlite::simulate
