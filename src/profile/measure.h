// Measuring: repeats until the median is known well enough, items taking turns so that drift of the machine hits all alike.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "profile/profile.h"

namespace scissionlite {

struct MeasureOptions {
  double max_ci = 0.03;      // the 95 % interval of the median, over the median
  double max_item_us = 2e6;  // time of one item with its pauses; it ends there even when the interval is wider
  int min_repeats = 7;       // below that there is no 95 % interval of the median
  int max_repeats = 400;
  int warm_up = 2;  // runs of each item before the first turn, not counted
  int burst = 5;    // runs in one turn; back to back, the first finds cold caches and is not counted
  // Idle before each run, as between the images of a service: caches cool down and the core sleeps. MobileNetV2 takes 2.6 ms
  // back to back and 3.3 ms after any pause of 5 ms or more on one core of an EPYC. 0 = back to back, a saturated pipeline.
  double pause_us = 20e3;
  double deadline_us = 0;  // by the clock: no further turn begins after it, once every item has min_repeats; 0 = none
};

/// One thing to time.
struct MeasureItem {
  std::string name;
  std::function<double()> run_us;  // does it once, returns how long it took
};

/// Cost: at most max_item_us an item, plus, back to back, one uncounted run a turn.
[[nodiscard]] std::vector<Timing> measure(std::span<const MeasureItem> items, const MeasureOptions& options, Clock& clock = Clock::steady(),
                                          const std::function<void(const MeasureItem&)>& finished = {});

/// Whether the interval is as narrow as asked for.
[[nodiscard]] bool is_settled(const Timing& timing, double max_ci);

/// Runs `body` and returns its duration on a machine `factor` times slower: that of this one plus (factor - 1) times the CPU
/// time of this thread, as the engine wrapper `slow` does for slices.
template <typename Body>
double timed_us(Clock& clock, double factor, Body&& body) {
  const double start_us = clock.now_us(), cpu_us = thread_cpu_us();
  body();
  const double wall_us = clock.now_us() - start_us;
  return wall_us + (factor - 1) * (thread_cpu_us() - cpu_us);
}

}  // namespace scissionlite
