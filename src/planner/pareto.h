// The candidates that no other beats in latency, bytes and agreement at once.
#pragma once

#include <algorithm>
#include <vector>

#include "planner/candidates.h"

namespace scissionlite::planner {

/// At least as good in everything; of equals, the one met first stays. Not scored counts as the worst agreement.
[[nodiscard]] inline bool covers(const Outcome& a, const Outcome& b) {
  return a.latency_us <= b.latency_us && a.bytes <= b.bytes && a.agreement.mean >= b.agreement.mean;
}

class ParetoFront {
 public:
  /// Cost: linear in the front, but most candidates are covered by the first member looked at, since a member that
  /// covered one is looked at first next time.
  void offer(const Outcome& outcome) {
    for (auto& member : front_)
      if (covers(member, outcome)) {
        std::swap(member, front_.front());
        return;
      }
    std::erase_if(front_, [&](const Outcome& member) { return covers(outcome, member); });
    front_.push_back(outcome);
  }
  /// Fastest first.
  [[nodiscard]] std::vector<Outcome> sorted() const {
    auto out = front_;
    std::sort(out.begin(), out.end(), [](const Outcome& a, const Outcome& b) {
      return a.latency_us != b.latency_us ? a.latency_us < b.latency_us
             : a.bytes != b.bytes         ? a.bytes < b.bytes
                                          : a.agreement.mean > b.agreement.mean;
    });
    return out;
  }

 private:
  std::vector<Outcome> front_;
};

}  // namespace scissionlite::planner
