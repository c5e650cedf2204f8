#include "simulate/regret.h"

#include <algorithm>

namespace scissionlite::simulate {

double Regret::best_fixed_us() const { return *std::min_element(fixed_us.begin(), fixed_us.end()); }

Regret regret_of(const WorldOptions& options, const Trace& trace) {
  Regret out;
  out.summary = simulate(options, trace);
  out.ours_us = out.summary.mean_latency_us(), out.switches = out.summary.switches;
  out.oracle_us = oracle_latency_us(options, trace), out.fixed_us = fixed_latencies_us(options, trace);
  const auto images = static_cast<double>(out.summary.edge + out.summary.local);
  out.vs_fixed = out.ours_us * images / (out.best_fixed_us() * images + static_cast<double>(out.switches) * options.controller.dwell_us);
  return out;
}

}  // namespace scissionlite::simulate
