// What a device has done so far: for its metrics, and in short for the edge's live page.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "device/answer.h"

namespace scissionlite::device {

/// Upper bounds of the latency histogram, in microseconds; one bucket more takes the rest.
inline constexpr std::array<double, 12> kLatencyBoundsUs{1e3, 2.5e3, 5e3, 1e4, 2.5e4, 5e4, 1e5, 2.5e5, 5e5, 1e6, 2.5e6, 1e7};

struct CountsSnapshot {
  int64_t edge = 0, cloud = 0, local = 0, errors = 0;  // images, by who answered
  int64_t fallbacks = 0;                               // of local: the edge was to answer and did not
  int64_t late = 0, switches = 0;
  int64_t shadowed = 0;                                          // images that the uncut model answered too
  double agreed = 0;                                             // sum of their agreements, each in [0, 1]
  int64_t bytes_up = 0, bytes_down = 0;                          // messages of answered calls
  std::array<int64_t, kLatencyBoundsUs.size() + 1> latencies{};  // by bucket, not summed up
  double latency_sum_us = 0;
  std::string plan;  // of the last image
};

/// Safe to use from several threads; one lock an image.
class DeviceCounts {
 public:
  /// @param plan  candidate that it was answered by. @param has_edge  the plan uses one.
  void add(const Answer& answer, const std::string& plan, bool has_edge);
  /// An image that could not be read, so that no plan was asked.
  void add_unread();
  void add_switch();
  void add_shadow(double agreement);
  [[nodiscard]] CountsSnapshot snapshot() const;
  /// As protocol::kReportKey says, at most once a second.
  [[nodiscard]] std::optional<std::string> report(double now_us);

 private:
  std::atomic<double> reported_us_{0};
  mutable std::mutex mutex_;  // guards counts_
  CountsSnapshot counts_;
};

}  // namespace scissionlite::device
