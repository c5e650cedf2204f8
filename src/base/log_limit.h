// What happens again and again is logged once an interval, with how often it happened meanwhile.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "base/clock.h"

namespace scissionlite {

/// Safe to use from several threads.
class LogLimit {
 public:
  explicit LogLimit(double interval_us = 60e6, Clock& clock = Clock::steady()) : interval_us_(interval_us), clock_(clock) {}

  /// Whether what is called `key` is to be logged now, and in `note` " (and 12 times before)" for those left out since the last line.
  [[nodiscard]] bool admits(const std::string& key, std::string& note);

 private:
  struct Entry {
    double logged_us = 0;
    int64_t left_out = 0;
  };
  const double interval_us_;
  Clock& clock_;
  std::mutex mutex_;  // guards entries_
  std::map<std::string, Entry> entries_;
};

}  // namespace scissionlite
