#include "device/counts.h"

#include <algorithm>
#include <cmath>

#include "protocol/device_keys.h"

namespace scissionlite::device {
namespace {

constexpr double kReportEveryUs = 1e6;

}  // namespace

void DeviceCounts::add(const Answer& answer, const std::string& plan, bool has_edge) {
  const std::lock_guard lock(mutex_);
  if (counts_.plan != plan) counts_.plan = plan;
  counts_.bytes_up += answer.message_bytes;
  counts_.bytes_down += answer.response_bytes;
  if (!answer.error.empty()) {
    ++counts_.errors;
    return;
  }
  ++(answer.origin == Origin::kEdge ? counts_.edge : answer.origin == Origin::kCloud ? counts_.cloud : counts_.local);
  if (answer.origin == Origin::kLocal && has_edge) ++counts_.fallbacks;
  if (answer.is_late) ++counts_.late;
  const auto bucket = std::lower_bound(kLatencyBoundsUs.begin(), kLatencyBoundsUs.end(), answer.latency_us);
  ++counts_.latencies[static_cast<size_t>(bucket - kLatencyBoundsUs.begin())];
  counts_.latency_sum_us += answer.latency_us;
}

void DeviceCounts::add_unread() {
  const std::lock_guard lock(mutex_);
  ++counts_.errors;
}

void DeviceCounts::add_switch() {
  const std::lock_guard lock(mutex_);
  ++counts_.switches;
}

void DeviceCounts::add_shadow(double agreement) {
  const std::lock_guard lock(mutex_);
  ++counts_.shadowed;
  counts_.agreed += agreement;
}

CountsSnapshot DeviceCounts::snapshot() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::optional<std::string> DeviceCounts::report(double now_us) {
  double last_us = reported_us_;
  if (last_us != 0 && now_us - last_us < kReportEveryUs) return std::nullopt;
  if (!reported_us_.compare_exchange_strong(last_us, now_us)) return std::nullopt;
  const auto c = snapshot();
  const auto part = [](const char* key, int64_t value) { return std::string(";") + key + "=" + std::to_string(value); };
  std::string plan = protocol::printable_ascii(c.plan);
  std::replace(plan.begin(), plan.end(), ';', '?');
  const std::string shadow = c.shadowed > 0 ? part("shadowed", c.shadowed) + part("agreed", std::llround(c.agreed)) : "";
  return "plan=" + plan + part("edge", c.edge + c.cloud) + part("local", c.local) + part("fallbacks", c.fallbacks) + part("errors", c.errors) +
         part("late", c.late) + part("switches", c.switches) + shadow;
}

}  // namespace scissionlite::device
