#include "server/queueing/run_times.h"

namespace scissionlite::server {
namespace {

constexpr double kWeightOfNew = 0.2;

}  // namespace

/// A request of an empty batch is a run, too.
void RunTimes::add(int64_t items, int64_t run_ns, int64_t now_ns) {
  items = std::max<int64_t>(1, items);
  const auto measured = static_cast<double>(run_ns);
  const auto [it, is_first] = mean_ns_.try_emplace(items, measured);
  if (!is_first) it->second += kWeightOfNew * (measured - it->second);
  added_ns_ = last_ns_ = now_ns;
}

int64_t RunTimes::predict_ns(int64_t items, int64_t now_ns) const {
  if (mean_ns_.empty() || now_ns - last_ns_ > kStaleNs) return 0;
  items = std::max<int64_t>(1, items);
  const auto above = mean_ns_.lower_bound(items);
  if (above != mean_ns_.end() && above->first == items) return static_cast<int64_t>(above->second);
  const auto n = static_cast<double>(items);
  if (above == mean_ns_.begin()) return static_cast<int64_t>(above->second * n / static_cast<double>(above->first));
  const auto below = std::prev(above);
  const auto from = static_cast<double>(below->first);
  if (above == mean_ns_.end()) return static_cast<int64_t>(below->second * n / from);
  const double share = (n - from) / (static_cast<double>(above->first) - from);
  return static_cast<int64_t>(below->second + share * (above->second - below->second));
}

}  // namespace scissionlite::server
