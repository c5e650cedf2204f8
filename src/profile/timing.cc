// Timing: from samples, to and from JSON.
#include "base/error.h"
#include "base/interval_json.h"
#include "profile/profile.h"

namespace scissionlite {

Timing make_timing(const std::vector<double>& samples_us) {
  Timing timing;
  if (samples_us.empty()) return timing;
  timing.median_us = median(samples_us);
  timing.p95_us = percentile(samples_us, 95);
  timing.ci = median_interval(samples_us);
  timing.n = static_cast<int64_t>(samples_us.size());
  return timing;
}

Json to_json(const Timing& timing) {
  if (!timing.measured()) return nullptr;
  return {{"median_us", timing.median_us}, {"p95_us", timing.p95_us}, {"ci_us", Json::array({timing.ci.low, timing.ci.high})}, {"n", timing.n}};
}

Timing timing_from_json(const JsonReader& json) {
  if (json.raw().is_null()) return {};
  if (json.raw().is_number()) {
    const double value = json.number_at_least(0);
    return {.median_us = value, .p95_us = value, .ci = {value, value}, .n = 1};
  }
  json.allow_only({"median_us", "p95_us", "ci_us", "n"});
  Timing timing;
  timing.median_us = json.at("median_us").number_at_least(0);
  timing.p95_us = json.has("p95_us") ? json.at("p95_us").number_at_least(0) : timing.median_us;
  timing.n = json.integer_or("n", 1);
  if (timing.n < 1) json.at("n").fail("a count of at least 1; write null for a time that was not measured");
  timing.ci = {timing.median_us, timing.median_us};
  if (json.has("ci_us")) { timing.ci = interval_from_json(json.at("ci_us")); }
  return timing;
}

}  // namespace scissionlite
