// The ideal link: when does a byte that enters now leave? Pure arithmetic over a given time, no sockets, no clock.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "base/rng.h"
#include "net/link.h"

namespace scissionlite::net {

/// Never: the departure of bytes in a black hole, until it is lifted.
constexpr double kNever = 1e300;

/// Bytes in transit in one direction. Times in microseconds on one monotonic clock.
struct Transit {
  double left_bytes = 0;     // that have not entered the link at start_us
  double jitter_share = -1;  // of the link's jitter; below 0: not drawn yet
  double start_us = 0;       // the first of them enters the link
  double serialised_us = 0;  // last bit has entered the link
  double departs_us = 0;     // last bit leaves at the far end
  bool gone = false;         // delivered; the model forgets it
};

/// What one direction takes from LinkOptions.
struct LaneOptions {
  double rate_bps = 0;  // 0 = unlimited
  double delay_us = 0;
  double jitter_us = 0;
  double stall_every_us = 0, stall_for_us = 0;
  bool black_hole = false;
};

/// One direction of a link, shared by all its connections: first come, first served.
/// departure = max(arrival, link free) + bytes * 8 / rate (not counting stalls) + delay + jitter, never before the one ahead.
/// Not thread-safe: the owner holds a lock.
class LinkModel {
 public:
  LinkModel(LaneOptions options, double now_us, uint64_t seed);
  /// Puts `bytes` that arrived at `now_us` behind everything in transit.
  std::shared_ptr<Transit> enter(double bytes, double now_us);
  /// New options apply to every bit that has not entered the link at `now_us`; departures in transit are recomputed.
  void set_options(LaneOptions options, double now_us);
  [[nodiscard]] const LaneOptions& options() const { return options_; }
  /// Bytes that one connection may have in transit before its sender must wait: what the link holds, plus a small queue.
  [[nodiscard]] double capacity_bytes() const;
  /// Largest piece to shape at once: about a millisecond of the link, within one packet and 64 KiB.
  [[nodiscard]] size_t chunk_bytes() const;

 private:
  void schedule(Transit& transit, double earliest_us);
  [[nodiscard]] double after_work(double from_us, double work_us) const;
  [[nodiscard]] double work_until(double from_us, double until_us) const;
  LaneOptions options_;
  double origin_us_;    // stalls are counted from here
  double free_us_ = 0;  // the link's sending end is idle from here on
  double last_departs_us_ = 0;
  Rng rng_;
  std::deque<std::shared_ptr<Transit>> transits_;  // in link order
};

}  // namespace scissionlite::net
