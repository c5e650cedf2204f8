#include "server/observe/live_table.h"

#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "base/stats.h"
#include "base/text.h"
#include "server/observe/observer.h"

namespace scissionlite::server {
namespace {

constexpr double kLowestUs = 10, kRatio = 1.09;
constexpr size_t kKeptTimes = 64, kLongestReport = 512;
constexpr double kRateForgetUs = 5e6;

double now_us() { return Clock::steady().now_us(); }

std::string shortened(const std::string& text, size_t longest) { return text.size() <= longest ? text : text.substr(0, longest); }

/// Requests a second, forgotten exponentially.
double decayed(double rate, double since_us) { return rate * std::exp(-since_us / kRateForgetUs); }

}  // namespace

void TimeHistogram::add(double us) {
  const double at = us <= kLowestUs ? 0 : std::ceil(std::log(us / kLowestUs) / std::log(kRatio));
  ++counts_[static_cast<size_t>(std::min(at, static_cast<double>(kBuckets - 1)))];
  ++count_;
}

void TimeHistogram::add(const TimeHistogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
}

double TimeHistogram::percentile_us(double p) const {
  if (count_ == 0) return 0;
  const auto wanted = static_cast<uint64_t>(std::max(1.0, std::ceil(p / 100 * static_cast<double>(count_))));
  uint64_t seen = 0;
  for (size_t i = 0; i < kBuckets; ++i)
    if ((seen += counts_[i]) >= wanted) return kLowestUs * std::pow(kRatio, static_cast<double>(i));
  return kLowestUs * std::pow(kRatio, static_cast<double>(kBuckets - 1));
}

/// Under the lock.
LiveTable::Second& LiveTable::second_now(double now_us) {
  const auto number = static_cast<int64_t>(now_us * 1e-6);
  auto& second = seconds_[static_cast<size_t>(number) % kSeconds];
  if (second.number != number) {
    second = {};
    second.number = number;
  }
  return second;
}

/// Under the lock. The one that was seen longest ago makes room.
LiveTable::Device& LiveTable::device_of(const std::string& identity, const std::string& name, double now_us) {
  const std::pair key{shortened(identity, kLongestName), shortened(name, kLongestName)};
  auto found = devices_.find(key);
  if (found == devices_.end()) {
    if (devices_.size() >= kMostDevices) {
      devices_.erase(
          std::min_element(devices_.begin(), devices_.end(), [](const auto& a, const auto& b) { return a.second.seen_us < b.second.seen_us; }));
      ++forgotten_;
    }
    found = devices_.emplace(key, Device{}).first;
    found->second.identity = key.first, found->second.name = key.second;
  }
  found->second.seen_us = now_us;
  return found->second;
}

void LiveTable::add(const CallNotes& notes, const RequestEnd& end) {
  const double now = now_us(), took_us = static_cast<double>(end.end_ns - end.arrived_ns) * 1e-3;
  const bool is_ok = end.code == Code::kOk;
  const std::lock_guard lock(mutex_);
  ++requests_, refused_ += is_ok ? 0 : 1, bytes_up_ += notes.bytes, bytes_down_ += end.response_bytes;
  auto& second = second_now(now);
  ++second.requests, second.refused += is_ok ? 0 : 1, second.bytes_up += notes.bytes, second.bytes_down += end.response_bytes,
      second.run_items += end.run_items;
  auto& device = device_of(end.identity, notes.device, now);
  ++device.requests, device.refused += is_ok ? 0 : 1, device.bytes_up += notes.bytes, device.bytes_down += end.response_bytes;
  device.rate = decayed(device.rate, now - std::exchange(device.rated_us, now)) + 1e6 / kRateForgetUs;
  if (!notes.report.empty()) device.report = shortened(notes.report, kLongestReport);
  if (!is_ok) return;
  second.times.add(took_us);
  device.times_us.push_back(static_cast<float>(took_us));
  if (device.times_us.size() > kKeptTimes) device.times_us.pop_front();
  if (device.model != end.model || device.sha256 != end.sha256)
    device.model = end.model, device.version = end.version, device.sha256 = end.sha256, device.plan = end.plan;
}

void LiveTable::add_turned_away(const std::string& identity) {
  const double now = now_us();
  const std::lock_guard lock(mutex_);
  ++requests_, ++refused_;
  auto& second = second_now(now);
  ++second.requests, ++second.refused;
  auto& device = device_of(identity, "", now);
  ++device.requests, ++device.refused;
}

Json LiveTable::json_of(const Device& device, double now_us) {
  const std::vector<double> times(device.times_us.begin(), device.times_us.end());
  return {{"identity", device.identity},
          {"name", device.name},
          {"model", device.model},
          {"version", device.version},
          {"sha256", device.sha256},
          {"plan", device.plan},
          {"requests", device.requests},
          {"refused", device.refused},
          {"per_second", decayed(device.rate, now_us - device.rated_us)},
          {"bytes_up", device.bytes_up},
          {"bytes_down", device.bytes_down},
          {"p50_us", percentile(times, 50)},
          {"p95_us", percentile(times, 95)},
          {"seen_s", (now_us - device.seen_us) * 1e-6},
          {"report", report_json(device.report)}};
}

Json LiveTable::json_of(const Second& second) {
  const int64_t answered = second.requests - second.refused;
  return {{"requests", second.requests},
          {"refused", second.refused},
          {"bytes_up", second.bytes_up},
          {"bytes_down", second.bytes_down},
          {"p50_us", second.times.percentile_us(50)},
          {"p95_us", second.times.percentile_us(95)},
          {"p99_us", second.times.percentile_us(99)},
          {"batch", answered > 0 ? static_cast<double>(second.run_items) / static_cast<double>(answered) : 0}};
}

Json LiveTable::json() const {
  constexpr int64_t kMinute = 60;
  const double now = now_us();
  std::vector<Second> seconds;
  std::vector<Device> devices;
  Json out;
  {
    const std::lock_guard lock(mutex_);
    seconds = seconds_;
    for (const auto& [key, device] : devices_) devices.push_back(device);
    out["totals"] = {{"requests", requests_}, {"refused", refused_}, {"bytes_up", bytes_up_}, {"bytes_down", bytes_down_}};
    out["forgotten_devices"] = forgotten_;
  }
  const auto last = static_cast<int64_t>(now * 1e-6) - 1;
  Second minute;
  Json list = Json::array();
  for (int64_t number = last - static_cast<int64_t>(kSeconds) + 2; number <= last; ++number) {
    const auto& kept = number >= 0 ? seconds[static_cast<size_t>(number) % kSeconds] : seconds[0];
    const Second second = kept.number == number ? kept : Second{};
    list.push_back(json_of(second));
    if (number <= last - kMinute) continue;
    minute.requests += second.requests, minute.refused += second.refused, minute.bytes_up += second.bytes_up, minute.bytes_down += second.bytes_down,
        minute.run_items += second.run_items;
    minute.times.add(second.times);
  }
  out["last_minute"] = json_of(minute);
  out["seconds"] = std::move(list);
  std::sort(devices.begin(), devices.end(), [](const auto& a, const auto& b) { return a.seen_us > b.seen_us; });
  Json rows = Json::array();
  for (const auto& device : devices) rows.push_back(json_of(device, now));
  out["devices"] = std::move(rows);
  return out;
}

Json report_json(const std::string& report) {
  static constexpr const char* kCounts[] = {"edge", "local", "fallbacks", "errors", "late", "switches", "shadowed", "agreed"};
  Json out = Json::object();
  for (const auto& part : split(report, ';')) {
    const auto equals = part.find('=');
    if (equals == std::string::npos) continue;
    const auto key = part.substr(0, equals), value = part.substr(equals + 1);
    if (key == "plan") out["plan"] = value;
    const bool is_count = std::find(std::begin(kCounts), std::end(kCounts), key) != std::end(kCounts);
    if (is_count && !value.empty() && value.size() <= 15 && value.find_first_not_of("0123456789") == std::string::npos) out[key] = std::stoll(value);
  }
  return out;
}

}  // namespace scissionlite::server
