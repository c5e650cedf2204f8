// What came out of a simulated run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"

namespace scissionlite::simulate {

struct Summary {
  int64_t images = 0, refused = 0;  // accepted; not accepted as the device's queue was full
  int64_t edge = 0, local = 0, errors = 0;
  int64_t lost = 0;     // with their device, which was switched off
  int64_t late = 0;     // past the deadline, with a cause that no controller could help: the device had become slower, or was busy
  int64_t dropped = 0;  // answers that came late or twice
  int64_t switches = 0, checks = 0, probes = 0, events = 0;
  double latency_sum_us = 0, simulated_us = 0;
  std::vector<float> latencies_us;      // of answered images, when they are kept
  std::vector<std::string> violations;  // at most 20; empty when all promises were kept

  [[nodiscard]] int64_t answered() const { return edge + local; }
  /// Of answered images; 0 where there are none.
  [[nodiscard]] double mean_latency_us() const { return answered() > 0 ? latency_sum_us / static_cast<double>(answered()) : 0; }
  void add(const Summary& other);
  void violated(std::string what);  // kept up to the limit
};
[[nodiscard]] Json to_json(const Summary& summary);

}  // namespace scissionlite::simulate
