// How much the controller gives away on a trace.
#pragma once

#include <optional>

#include "simulate/world.h"

namespace scissionlite::simulate {

struct Regret {
  double ours_us = 0, oracle_us = 0;  // mean latencies of what is answered; the oracle's is infinite where nobody ever answers
  std::vector<Summary> fixed;         // of each plan when it is never left
  int64_t switches = 0;
  Summary summary;  // broken promises of the fixed plans too
  /// Of the plans that leave the fewest images without an answer, the least mean; nothing: no plan answers.
  [[nodiscard]] std::optional<double> best_fixed_us() const;
  [[nodiscard]] std::optional<double> vs_oracle() const;
  /// All latencies over those of the best fixed plan, to which each switch may add a dwell time.
  std::optional<double> vs_fixed;
};
[[nodiscard]] Regret regret_of(const WorldOptions& options, const Trace& trace);

}  // namespace scissionlite::simulate
