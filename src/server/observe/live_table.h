// What the live page shows: the last two minutes second by second, and who has asked lately. Bounded, whoever calls and whatever names they give.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/json.h"

namespace scissionlite::server {

struct CallNotes;
struct RequestEnd;

/// Times in a histogram whose buckets are 9 % wide, from 10 us to 100 s.
class TimeHistogram {
 public:
  void add(double us);
  void add(const TimeHistogram& other);
  [[nodiscard]] uint64_t count() const { return count_; }
  /// The upper bound of the bucket that holds it; 0 when empty.
  [[nodiscard]] double percentile_us(double p) const;

 private:
  static constexpr size_t kBuckets = 188;
  std::array<uint32_t, kBuckets> counts_{};
  uint64_t count_ = 0;
};

/// Safe to use from several threads. One lock a request, held for well under a microsecond.
class LiveTable {
 public:
  static constexpr size_t kMostDevices = 256, kSeconds = 120, kLongestName = 64;
  void add(const CallNotes& notes, const RequestEnd& end);
  void add_turned_away(const std::string& identity);
  /// Members "seconds" (oldest first, the one that is going on left out), "last_minute", "totals", "devices" (seen last first), "forgotten_devices".
  [[nodiscard]] Json json() const;

 private:
  struct Second {
    int64_t number = -1;  // of the steady clock
    int64_t requests = 0, refused = 0, bytes_up = 0, bytes_down = 0, run_items = 0;
    TimeHistogram times;
  };
  struct Device {
    std::string identity, name, model, version, sha256, plan, report;
    int64_t requests = 0, refused = 0, bytes_up = 0, bytes_down = 0;
    double seen_us = 0, rate = 0, rated_us = 0;  // rate: requests a second lately
    std::deque<float> times_us;                  // the last few
  };
  Second& second_now(double now_us);
  Device& device_of(const std::string& identity, const std::string& name, double now_us);
  [[nodiscard]] static Json json_of(const Device& device, double now_us);
  [[nodiscard]] static Json json_of(const Second& second);

  mutable std::mutex mutex_;  // guards what follows
  std::vector<Second> seconds_{kSeconds};
  std::map<std::pair<std::string, std::string>, Device> devices_;
  int64_t requests_ = 0, refused_ = 0, bytes_up_ = 0, bytes_down_ = 0, forgotten_ = 0;
};

/// "plan=x;local=3" of a device as an object: numbers for what are counts, the plan as text, nothing else.
[[nodiscard]] Json report_json(const std::string& report);

}  // namespace scissionlite::server
