#include "tune/ways.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/stats.h"
#include "kernels/generated/kernel_store.h"
#include "tune/child.h"
#include "tune/kernel_space.h"

namespace scissionlite::tune {
namespace {

constexpr size_t kFinalists = 2;          // besides the usual way and the baseline
constexpr size_t kFinalistsOfSearch = 4;  // where a kernel's configurations are among them

std::string text_of(const Way& way) { return kernels::describe(way.implementation, way.knobs); }
/// Of the ways, whose names may have spaces, else of a kernel.
Way way_of(const std::string& text, const std::vector<Way>& ways) {
  const auto known = std::find_if(ways.begin(), ways.end(), [&](const Way& way) { return text_of(way) == text; });
  if (known != ways.end()) return *known;
  const auto at = text.find(' ');
  return {text.substr(0, at), at == std::string::npos ? kernels::Knobs{} : kernels::parse_knobs(text.substr(at + 1))};
}

class Search {
 public:
  Search(const Ways& ways, const TuneOptions& options, MeasurementLog& log, const std::function<void(const TuneStep&)>& told)
      : ways_(ways), options_(options), log_(log), told_(told) {
    const auto make = [make = ways.make, all = ways.all]() -> Child::Serve {
      return [run = make(), all](const std::string& question) { return std::to_string(run(way_of(question, all))); };
    };
    child_ = std::make_unique<Child>(make, options.measure.limits);
    if (!ways.generated) return;
    space_ = std::make_unique<KernelSpace>(*ways.generated);
    searcher_ = make_searcher(options.method, space_->space(), options.seed);
  }

  Tuned run() {
    recall();
    const bool is_finished = measure_all() && search();
    return result(is_finished);
  }

 private:
  [[nodiscard]] Outcome ask(const Way& way) {
    const auto reply = child_->ask(text_of(way));
    if (!reply.failure.empty()) last_failure_ = reply.failure;
    return reply.failure.empty() ? Outcome{std::stod(reply.answer), ""} : Outcome{0, reply.failure};
  }

  /// Lines of ways that this version does not have are left out.
  void recall() {
    for (const auto& line : log_.of(ways_.key)) {
      const Way way{line.implementation, line.knobs};
      const auto config = space_ && way.implementation == kGenerated ? space_->find(way.knobs) : std::nullopt;
      if (config || std::find(ways_.all.begin(), ways_.all.end(), way) != ways_.all.end()) take(way, line.outcome);
    }
  }

  void take(const Way& way, const Outcome& outcome) {
    times_[way] = outcome;
    if (!space_ || way.implementation != kGenerated) return;
    ++searched_;
    searcher_->tell(*space_->find(way.knobs), outcome);
  }

  void measure(const Way& way) {
    const auto outcome = ask(way);
    log_.add(ways_.key, {way.implementation, way.knobs, outcome});
    take(way, outcome);
    const auto best = ranked();
    if (told_) told_({text_of(way), outcome, best.empty() ? 0 : times_.at(best[0]).median_us});
  }

  /// False when time ran out.
  bool measure_all() {
    for (const auto& way : ways_.all) {
      if (times_.count(way)) continue;
      if (is_late(options_) && !times_.empty()) return false;
      measure(way);
    }
    return true;
  }

  bool search() {
    if (!space_) return true;
    for (std::optional<Config> config = space_->usual(); config && searched_ < options_.budget; config = searcher_->next()) {
      if (is_late(options_)) return false;
      if (const Way way{kGenerated, space_->knobs(*config)}; !times_.count(way)) measure(way);
    }
    return true;
  }

  /// Those that could be measured, fastest first.
  [[nodiscard]] std::vector<Way> ranked() const {
    std::vector<Way> ways;
    for (const auto& [way, outcome] : times_)
      if (outcome.is_ok()) ways.push_back(way);
    std::stable_sort(ways.begin(), ways.end(), [&](const Way& a, const Way& b) { return times_.at(a).median_us < times_.at(b).median_us; });
    return ways;
  }

  /// Medians of the baseline, the usual way and the fastest few.
  [[nodiscard]] std::map<Way, double> finals(const std::vector<Way>& fastest) {
    std::vector<Way> ways{ways_.baseline};
    const auto add = [&](const Way& way) {
      if (std::find(ways.begin(), ways.end(), way) == ways.end()) ways.push_back(way);
    };
    add(ways_.usual);
    for (size_t i = 0; i < fastest.size() && i < (space_ ? kFinalistsOfSearch : kFinalists); ++i) add(fastest[i]);
    std::map<Way, std::vector<double>> times;
    for (int round = 0; round < kFinalRounds; ++round)
      for (const auto& way : ways)
        if (const auto outcome = ask(way); outcome.is_ok()) times[way].push_back(outcome.median_us);
    std::map<Way, double> out;
    for (const auto& [way, all] : times) out[way] = median(all);
    return out;
  }

  [[nodiscard]] Tuned result(bool is_finished) {
    const auto fastest = ranked();
    if (fastest.empty())
      throw Unsupported("[tune] no way to compute " + ways_.key.problem + " could be measured; the last one failed: " + last_failure_);
    auto us = finals(fastest);
    const double baseline_us = us.count(ways_.baseline) ? us.at(ways_.baseline) : 0;
    if (std::find(ways_.all.begin(), ways_.all.end(), ways_.baseline) == ways_.all.end()) us.erase(ways_.baseline);
    if (us.empty() || baseline_us == 0)
      throw Unsupported("[tune] " + ways_.key.problem + " could not be measured again; the last one failed: " + last_failure_);
    const auto usual = us.find(ways_.usual);
    const auto best = std::min_element(us.begin(), us.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
    const auto& [way, median_us] = usual != us.end() && best->second >= usual->second * (1 - kLeastGain) ? *usual : *best;
    const auto failed = std::count_if(times_.begin(), times_.end(), [](const auto& one) { return !one.second.is_ok(); });
    return {ways_.key,
            {way.implementation, way.knobs, median_us, baseline_us, static_cast<int64_t>(times_.size()), space_ ? options_.method : "all"},
            failed,
            is_finished};
  }

  const Ways& ways_;
  TuneOptions options_;
  MeasurementLog& log_;
  const std::function<void(const TuneStep&)>& told_;
  std::unique_ptr<Child> child_;
  std::unique_ptr<KernelSpace> space_;
  std::unique_ptr<Searcher> searcher_;
  std::map<Way, Outcome> times_;
  int64_t searched_ = 0;  // of the kernel's configurations
  std::string last_failure_;
};

}  // namespace

std::optional<kernels::KernelPlan> searched_kernel(const std::string& problem, const kernels::VectorLoops& loops) {
  if (problem.empty() || !kernels::has_kernel_maker() || !kernels::kernel_kind_of(problem).reason_against(problem).empty()) return std::nullopt;
  return kernels::KernelPlan{problem, {}, kernels::target_of(loops)};
}

int64_t measurements(const Ways& ways, int64_t budget) {
  const auto own = static_cast<int64_t>(ways.all.size());
  return ways.generated ? own + std::min(budget, static_cast<int64_t>(KernelSpace(*ways.generated).space().count_valid())) : own;
}

Tuned tune_ways(const Ways& ways, const TuneOptions& options, MeasurementLog& log, const std::function<void(const TuneStep&)>& told) {
  return Search(ways, options, log, told).run();
}

}  // namespace scissionlite::tune
