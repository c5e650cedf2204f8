// How long runs of so many items take, learnt from those that were.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>

namespace scissionlite::server {

class RunTimes {
 public:
  void add(int64_t items, int64_t run_ns, int64_t now_ns);
  /// A run is under way, which will tell: until it has ended, what was known when it began is not old.
  void run_is_under_way(int64_t since_ns, int64_t now_ns) {
    if (since_ns - added_ns_ <= kStaleNs) last_ns_ = std::max(last_ns_, now_ns);
  }
  /// Of one run of `items`, between and beyond the sizes that were seen in proportion; 0 when none was, or none for kStaleNs: what was
  /// slow once may be fast again, and only a run can tell. A size that did not run while others did is believed as far as these leave it
  /// possible: more items take no less time, and no more than in proportion.
  [[nodiscard]] int64_t predict_ns(int64_t items, int64_t now_ns) const;

  static constexpr int64_t kStaleNs = 1'000'000'000;

 private:
  struct Mean {
    double ns = 0;  // recent runs weighing more
    int64_t added_ns = 0;
  };
  using Means = std::map<int64_t, Mean>;  // by items
  [[nodiscard]] bool is_recent(const Mean& mean) const { return added_ns_ - mean.added_ns <= kStaleNs; }
  [[nodiscard]] double believed_ns(Means::const_iterator at) const;

  Means means_;
  int64_t added_ns_ = 0, last_ns_ = 0;
};

}  // namespace scissionlite::server
