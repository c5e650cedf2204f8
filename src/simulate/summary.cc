#include "simulate/summary.h"

#include "base/stats.h"

namespace scissionlite::simulate {

void Summary::violated(std::string what) {
  constexpr size_t kMostViolations = 20;
  if (violations.size() < kMostViolations) violations.push_back(std::move(what));
}

void Summary::add(const Summary& other) {
  images += other.images, refused += other.refused, edge += other.edge, local += other.local, errors += other.errors, late += other.late,
      lost += other.lost, dropped += other.dropped;
  switches += other.switches, checks += other.checks, probes += other.probes, events += other.events;
  latency_sum_us += other.latency_sum_us, simulated_us += other.simulated_us;
  latencies_us.insert(latencies_us.end(), other.latencies_us.begin(), other.latencies_us.end());
  for (const auto& one : other.violations) violated(one);
}

Json to_json(const Summary& summary) {
  Json out{{"images", summary.images},
           {"refused", summary.refused},
           {"edge", summary.edge},
           {"local", summary.local},
           {"errors", summary.errors},
           {"lost", summary.lost},
           {"late", summary.late},
           {"dropped", summary.dropped},
           {"switches", summary.switches},
           {"checks", summary.checks},
           {"probes", summary.probes},
           {"simulated_us", summary.simulated_us},
           {"mean_latency_us", summary.answered() > 0 ? Json(summary.mean_latency_us()) : Json()},
           {"violations", summary.violations}};
  if (!summary.latencies_us.empty()) {
    const std::vector<double> sorted(summary.latencies_us.begin(), summary.latencies_us.end());
    for (const auto& [name, share] : {std::pair{"p50_latency_us", 50.0}, std::pair{"p99_latency_us", 99.0}}) out[name] = percentile(sorted, share);
  }
  return out;
}

}  // namespace scissionlite::simulate
