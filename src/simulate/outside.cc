#include "simulate/outside.h"

#include <algorithm>

namespace scissionlite::simulate {
namespace {

constexpr double kKnownUs = 15e6;       // the longest wait for a check, and some
constexpr double kForgottenUs = 120e6;  // a queue fades, and a link that probes were lost on is measured again
constexpr double kMargin = 1.25;

}  // namespace

void Outside::set_link(const LinkChange& change, double now_us) {
  if (change.loss == link_.loss && change.link == link_.link) return;
  if (link_.loss > 0 || link_.link.black_hole) believed_us_ = now_us;
  link_ = change, changed_us_ = now_us;
}

void Outside::apply(const Happening& happening, double now_us) {
  const bool is_so = happening.value > 0;
  switch (happening.event) {
    case Event::kEdgeKilled: is_up_ = false; break;
    case Event::kEdgeStarted: is_up_ = true, is_busy_ = false, edge_slower_ = 1; break;
    case Event::kEdgeSlower: edge_slower_ = happening.value, believed_us_ = now_us; break;
    case Event::kEdgeBusy: is_busy_ = is_so; break;
    case Event::kTailReplaced: is_replaced_ = is_so; break;
    case Event::kTailWrong: is_wrong_ = is_so; break;
    case Event::kConnectionDead:
    case Event::kDeviceSuspended: believed_us_ = now_us; break;
    case Event::kDeviceGone: break;
    case Event::kFlood: is_flooded_ = is_so, believed_us_ = now_us; break;
    case Event::kDeviceSlower: speed_changed_us_ = now_us; return;
    case Event::kDuplicates: return;
  }
  changed_us_ = now_us;
}

bool Outside::is_speed_known(double now_us) const { return now_us - speed_changed_us_ > kKnownUs; }

bool Outside::is_known(double now_us) const { return now_us - changed_us_ > kKnownUs && now_us - believed_us_ > kForgottenUs; }

double Outside::most_us(size_t plan, double slower) const {
  const auto& link = link_.link;
  if (!is_up_ || is_busy_ || is_wrong_ || is_replaced_ || is_flooded_ || link.black_hole || link.jitter_us > 0 || link_.loss > 0)
    return std::numeric_limits<double>::infinity();
  const auto moving_us = [](double bytes, double bps) { return bps > 0 ? bytes * 8e6 / bps : 0; };
  double checks_bytes = 0, longest_us = 0;  // of each plan one may be under way
  for (const auto& one : options_.plans) checks_bytes += one.up_bytes, longest_us = std::max(longest_us, one.edge_us);
  const double moves_us = 2 * link.rtt_us + 2 * link.stall_for_us +  // a probe takes as long as a round trip
                          moving_us(checks_bytes + options_.plans[plan].up_bytes, link.up_bps) + moving_us(2 * options_.answer_bytes, link.down_bps);
  const double jobs = static_cast<double>(options_.plans.size() + 1) * options_.devices;
  return kMargin * (options_.plans[plan].head_us * slower + moves_us + jobs * longest_us * edge_slower_);
}

}  // namespace scissionlite::simulate
