#include "simulate/regret.h"

#include <algorithm>
#include <cmath>

namespace scissionlite::simulate {

std::optional<double> Regret::best_fixed_us() const {
  const auto better = [](const Summary& a, const Summary& b) {
    return a.errors != b.errors ? a.errors < b.errors : a.mean_latency_us() < b.mean_latency_us();
  };
  const Summary* best = nullptr;
  for (const auto& one : fixed)
    if (one.answered() > 0 && (!best || better(one, *best))) best = &one;
  return best ? std::optional(best->mean_latency_us()) : std::nullopt;
}

std::optional<double> Regret::vs_oracle() const {
  return summary.answered() > 0 && std::isfinite(oracle_us) ? std::optional(ours_us / oracle_us) : std::nullopt;
}

Regret regret_of(const WorldOptions& options, const Trace& trace) {
  Regret out;
  out.summary = simulate(options, trace);
  out.ours_us = out.summary.mean_latency_us(), out.switches = out.summary.switches;
  out.oracle_us = oracle_latency_us(options, trace), out.fixed = fixed_runs(options, trace);
  for (size_t plan = 0; plan < out.fixed.size(); ++plan)
    for (const auto& one : out.fixed[plan].violations) out.summary.violated("always " + options.plans[plan].key + ", " + one);
  const auto images = static_cast<double>(out.summary.answered());
  if (const auto best_us = out.best_fixed_us(); best_us && images > 0)
    out.vs_fixed = out.ours_us * images / (*best_us * images + static_cast<double>(out.switches) * options.controller.dwell_us);
  return out;
}

}  // namespace scissionlite::simulate
