#include "simulate/scenario.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace scissionlite::simulate {
namespace {

constexpr double kSecond = 1e6, kMinute = 60e6;

/// Spread evenly over its orders of magnitude.
double decades(Rng& rng, double low, double high) { return low * std::pow(high / low, rng.uniform()); }

net::LinkOptions random_link_options(Rng& rng) {
  net::LinkOptions link{.up_bps = decades(rng, 0.3e6, 300e6), .down_bps = decades(rng, 1e6, 300e6), .rtt_us = decades(rng, 500, 200e3)};
  if (rng.uniform() < 0.3) link.jitter_us = rng.uniform(0, 0.5 * link.rtt_us);
  return link;
}

/// A fault, and what ends it.
class Faults {
 public:
  explicit Faults(uint64_t seed, double duration_us) : rng_(seed) {
    out_.duration_us = duration_us;
    link_ = random_link_options(rng_);
    out_.links.push_back({.at_us = 0, .link = link_});
  }
  Trace make() {
    for (double at_us = rng_.uniform(0, kMinute); at_us < out_.duration_us; at_us += rng_.uniform(0.2, 1) * kMinute)
      add_one(at_us, rng_.uniform(0.1, 40) * kSecond);
    std::stable_sort(out_.links.begin(), out_.links.end(), [](const auto& a, const auto& b) { return a.at_us < b.at_us; });
    std::stable_sort(out_.events.begin(), out_.events.end(), [](const auto& a, const auto& b) { return a.at_us < b.at_us; });
    return std::move(out_);
  }

 private:
  void event(double at_us, Event what, double value) { out_.events.push_back({.at_us = at_us, .event = what, .value = value}); }
  void pair(double at_us, double for_us, Event what, double value, double rest) { event(at_us, what, value), event(at_us + for_us, what, rest); }
  /// For a while; then what it was.
  void link_for(double at_us, double for_us, const std::function<void(LinkChange&)>& change) {
    LinkChange one{.at_us = at_us, .link = link_};
    change(one);
    out_.links.push_back(one);
    out_.links.push_back({.at_us = at_us + for_us, .link = link_});
  }
  void add_one(double at_us, double for_us) {
    switch (rng_.below(17)) {
      case 0: event(at_us, Event::kEdgeKilled, 0), event(at_us + for_us, Event::kEdgeStarted, 0); break;          // 1, 2, 3
      case 1: event(at_us, Event::kEdgeStarted, 0); break;                                                        // 3: at once
      case 2: link_for(at_us, for_us, [](auto& one) { one.link.black_hole = true; }); break;                      // 4
      case 3: event(at_us, Event::kConnectionDead, 0); break;                                                     // 5
      case 4: link_for(at_us, for_us, [](auto& one) { one.link.up_bps /= 10, one.link.down_bps /= 10; }); break;  // 6
      case 5: oscillate(at_us, for_us); break;                                                                    // 7
      case 6: link_for(at_us, for_us, [](auto& one) { one.loss = 0.2, one.link.jitter_us = 300e3; }); break;      // 8
      case 7: pair(at_us, for_us, Event::kDuplicates, rng_.uniform(), 0); break;                                  // 9
      case 8: pair(at_us, for_us, Event::kTailWrong, 1, 0); break;                                                // 10
      case 9: pair(at_us, for_us, Event::kTailReplaced, static_cast<double>(1 + rng_.below(3)), 0); break;        // 11, 12
      case 10: pair(at_us, for_us, Event::kEdgeBusy, 1, 0); break;                                                // 29
      case 11: pair(at_us, for_us, Event::kEdgeSlower, decades(rng_, 1, 1000), 1); break;                         // 29, 34
      case 12: pair(at_us, for_us, Event::kDeviceSlower, rng_.uniform(1, 4), 1); break;                           // 42
      case 13: suspend(at_us, for_us); break;                                                                     // 5
      case 14: event(at_us, Event::kDeviceGone, for_us / kSecond); break;                                         // 31
      case 15: pair(at_us, for_us, Event::kFlood, decades(rng_, 2, 50), 0); break;                                // 29, 30
      default: link_ = random_link_options(rng_), out_.links.push_back({.at_us = at_us, .link = link_}); break;   // another network
    }
  }
  /// Half of them come back over connections that are no more.
  void suspend(double at_us, double for_us) {
    event(at_us, Event::kDeviceSuspended, for_us / kSecond);
    if (rng_.uniform() < 0.5) event(at_us + for_us, Event::kConnectionDead, 0);
  }
  void oscillate(double at_us, double for_us) {
    const double period_us = decades(rng_, 50e3, 10e6);
    for (double t = 0; t < for_us; t += period_us) {
      LinkChange slow{.at_us = at_us + t, .link = link_};
      slow.link.up_bps = link_.up_bps / rng_.uniform(2, 20);
      out_.links.push_back(slow);
      out_.links.push_back({.at_us = at_us + t + period_us / 2, .link = link_});
    }
  }

  Rng rng_;
  Trace out_;
  net::LinkOptions link_;
};

}  // namespace

Trace random_faults(uint64_t seed, double hours) { return Faults(seed, hours * 60 * kMinute).make(); }

Trace random_link(uint64_t seed, double duration_us) {
  Rng rng(seed);
  Trace out{.links = {}, .events = {}, .duration_us = duration_us};
  auto link = random_link_options(rng);
  for (double at_us = 0; at_us < duration_us; at_us += decades(rng, 0.2, 60) * kSecond) {
    if (rng.uniform() < 0.5) link.up_bps = std::clamp(link.up_bps * decades(rng, 0.5, 2), 0.1e6, 1e9);
    else link = random_link_options(rng);
    link.black_hole = rng.uniform() < 0.1;
    out.links.push_back({.at_us = at_us, .link = link});
  }
  return out;
}

Trace adversarial_link(uint64_t seed, double duration_us, double dwell_us) {
  Rng rng(seed);
  Trace out{.links = {}, .events = {}, .duration_us = duration_us};
  net::LinkOptions link{.up_bps = 0, .down_bps = 100e6, .rtt_us = decades(rng, 1e3, 50e3)};
  const double high_bps = decades(rng, 5e6, 200e6), low_bps = high_bps / decades(rng, 2, 100), period_us = dwell_us * decades(rng, 0.3, 4);
  const bool has_holes = rng.uniform() < 0.3;
  bool is_high = true;
  for (double at_us = 0; at_us < duration_us; at_us += period_us * rng.uniform(0.9, 1.1), is_high = !is_high) {
    link.up_bps = is_high ? high_bps : low_bps, link.black_hole = has_holes && !is_high;
    out.links.push_back({.at_us = at_us, .link = link});
  }
  return out;
}

WorldOptions random_world(uint64_t seed) {
  Rng rng(seed ^ 0x5eed);
  WorldOptions out;
  const double whole_us = decades(rng, 10e3, 400e3), edge_share = decades(rng, 0.02, 0.5), share = rng.uniform(0.1, 0.6),
               file_bytes = decades(rng, 10e3, 200e3), codes_bytes = decades(rng, 1e3, 20e3);
  const bool has_local = rng.uniform() < 0.9;
  out.plans = {{.key = "split",
                .uses_edge = true,
                .answers_locally = has_local,
                .head_us = share * whole_us,
                .local_us = (1 - share) * whole_us,
                .edge_us = (1 - share) * whole_us * edge_share,
                .up_bytes = codes_bytes},
               {.key = "edge",
                .uses_edge = true,
                .answers_locally = has_local,
                .head_us = 0.02 * whole_us,
                .local_us = whole_us,
                .edge_us = whole_us * edge_share,
                .up_bytes = file_bytes}};
  if (has_local)
    out.plans.push_back(
        {.key = "local", .uses_edge = false, .answers_locally = true, .head_us = whole_us, .local_us = 0, .edge_us = 0, .up_bytes = 0});
  out.period_us = std::min(1e6, std::max(whole_us * 2, decades(rng, 100e3, 1e6)));  // at least an image a second
  if (has_local && rng.uniform() < 0.8) out.controller.deadline_us = whole_us * rng.uniform(1.6, 6) + 20e3;
  out.controller.dwell_us = decades(rng, 0.5e6, 10e6);
  out.devices = static_cast<int>(1 + rng.below(3));
  out.seed = seed;
  return out;
}

}  // namespace scissionlite::simulate
