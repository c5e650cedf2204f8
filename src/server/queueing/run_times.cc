#include "server/queueing/run_times.h"

#include <iterator>

namespace scissionlite::server {
namespace {

constexpr double kWeightOfNew = 0.2;

}  // namespace

/// A request of an empty batch is a run, too.
void RunTimes::add(int64_t items, int64_t run_ns, int64_t now_ns) {
  items = std::max<int64_t>(1, items);
  const auto measured = static_cast<double>(run_ns);
  const auto [it, is_first] = means_.try_emplace(items, Mean{.ns = measured, .added_ns = now_ns});
  const bool is_old = now_ns - it->second.added_ns > kStaleNs;  // as of before a stall
  if (!is_first) it->second.ns += (is_old ? 1 : kWeightOfNew) * (measured - it->second.ns);
  it->second.added_ns = added_ns_ = last_ns_ = now_ns;
}

double RunTimes::believed_ns(Means::const_iterator at) const {
  double ns = at->second.ns;
  if (is_recent(at->second)) return ns;
  const auto above = std::find_if(at, means_.end(), [&](const auto& one) { return is_recent(one.second); });
  if (above != means_.end()) ns = std::min(ns, above->second.ns);
  const auto below = std::find_if(std::make_reverse_iterator(at), means_.rend(), [&](const auto& one) { return is_recent(one.second); });
  if (below != means_.rend()) ns = std::min(ns, below->second.ns * static_cast<double>(at->first) / static_cast<double>(below->first));
  return ns;
}

int64_t RunTimes::predict_ns(int64_t items, int64_t now_ns) const {
  if (means_.empty() || now_ns - last_ns_ > kStaleNs) return 0;
  items = std::max<int64_t>(1, items);
  const auto above = means_.lower_bound(items);
  if (above != means_.end() && above->first == items) return static_cast<int64_t>(believed_ns(above));
  const auto n = static_cast<double>(items);
  if (above == means_.begin()) return static_cast<int64_t>(believed_ns(above) * n / static_cast<double>(above->first));
  const auto below = std::prev(above);
  const auto from = static_cast<double>(below->first);
  const double below_ns = believed_ns(below);
  if (above == means_.end()) return static_cast<int64_t>(below_ns * n / from);
  const double share = (n - from) / (static_cast<double>(above->first) - from);
  return static_cast<int64_t>(below_ns + share * (believed_ns(above) - below_ns));
}

}  // namespace scissionlite::server
