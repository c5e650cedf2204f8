#include "profile/measure.h"

#include <algorithm>

#include "base/text.h"

namespace scissionlite {
namespace {

class Turns {
 public:
  Turns(std::span<const MeasureItem> items, const MeasureOptions& options, Clock& clock)
      : items_(items), options_(options), clock_(clock), states_(items.size()) {}

  std::vector<Timing> run(const std::function<void(const MeasureItem&)>& finished) {
    for (const auto& item : items_)
      for (int i = 0; i < options_.warm_up; ++i) (void)item.run_us();
    bool any_left = true;
    while (any_left) {
      any_left = false;
      for (size_t i = 0; i < items_.size(); ++i) {
        if (states_[i].done) continue;
        turn(i);
        states_[i].done = is_done(states_[i]);
        if (states_[i].done && finished) finished(items_[i]);
        any_left = any_left || !states_[i].done;
      }
    }
    std::vector<Timing> timings;
    for (const auto& state : states_) timings.push_back(make_timing(state.samples_us));
    return timings;
  }

 private:
  struct State {
    std::vector<double> samples_us;
    double spent_us = 0;
    bool done = false;
  };

  void turn(size_t i) {
    auto& state = states_[i];
    const bool is_paced = options_.pause_us > 0;
    for (int k = 0; k < options_.burst; ++k) {
      if (is_paced) clock_.sleep_us(options_.pause_us);
      const double us = items_[i].run_us();
      state.spent_us += us + options_.pause_us;
      if (k > 0 || is_paced || options_.burst == 1) state.samples_us.push_back(us);
    }
  }

  [[nodiscard]] bool is_done(const State& state) const {
    const int n = static_cast<int>(state.samples_us.size());
    if (n < options_.min_repeats) return false;
    if (n >= options_.max_repeats || state.spent_us >= options_.max_item_us) return true;
    if (options_.deadline_us > 0 && clock_.now_us() >= options_.deadline_us) return true;
    return is_settled(make_timing(state.samples_us), options_.max_ci);
  }

  std::span<const MeasureItem> items_;
  const MeasureOptions& options_;
  Clock& clock_;
  std::vector<State> states_;
};

}  // namespace

bool is_settled(const Timing& timing, double max_ci) { return timing.ci.high - timing.ci.low <= max_ci * timing.median_us; }

std::vector<Timing> measure(std::span<const MeasureItem> items, const MeasureOptions& options, Clock& clock,
                            const std::function<void(const MeasureItem&)>& finished) {
  return Turns(items, options, clock).run(finished);
}

}  // namespace scissionlite
