#include "tune/tune_chain.h"

#include <algorithm>

#include "base/clock.h"
#include "base/error.h"
#include "base/stats.h"
#include "tune/chain_trial.h"

namespace scissionlite::tune {
namespace {

constexpr size_t kFinalists = 2;

class ChainSearch {
 public:
  ChainSearch(const ChainOfConvs& chain, const std::vector<kernels::ConvChoice>& separate, const TuneOptions& options, MeasurementLog& log, const std::function<void(const TuneStep&)>& told)
      : chain_(chain), options_(options), log_(log), told_(told), key_(key_of(chain.text(), *options.measure.trial.loops, options.measure.trial.threads)) {
    const auto make = [chain, separate, trial = options.measure.trial]() -> Child::Serve {
      const auto shared = std::make_shared<ChainTrial>(chain, separate, trial);
      return [shared](const std::string& rows) { return std::to_string(rows == kSeparate ? shared->run_separate() : shared->run(std::stoll(rows))); };
    };
    child_ = std::make_unique<Child>(make, options.measure.limits);
  }

  Tuned run() {
    recall();
    bool is_finished = true;
    for (const int64_t rows : chain_.band_rows(*options_.measure.trial.loops, options_.measure.trial.threads)) {
      if (times_.count(rows)) continue;
      if (is_late(options_) && !times_.empty()) {
        is_finished = false;
        break;
      }
      measure(rows);
    }
    return result(is_finished);
  }

 private:
  [[nodiscard]] Outcome ask(const std::string& question) {
    const auto reply = child_->ask(question);
    return reply.failure.empty() ? Outcome{std::stod(reply.answer), ""} : Outcome{0, reply.failure};
  }

  void recall() {
    for (const auto& line : log_.of(key_))
      if (const auto rows = line.knobs.find(kRows); line.implementation == kChain && rows != line.knobs.end()) times_[rows->second] = line.outcome;
  }

  void measure(int64_t rows) {
    const auto outcome = ask(std::to_string(rows));
    times_[rows] = outcome;
    log_.add(key_, {kChain, {{kRows, rows}}, outcome});
    const auto best = ranked();
    if (told_) told_({kernels::describe(kChain, {{kRows, rows}}), outcome, best.empty() ? 0 : times_.at(best[0]).median_us});
  }

  /// Heights that could be measured, fastest first.
  [[nodiscard]] std::vector<int64_t> ranked() const {
    std::vector<int64_t> rows;
    for (const auto& [height, outcome] : times_)
      if (outcome.is_ok()) rows.push_back(height);
    std::stable_sort(rows.begin(), rows.end(), [&](int64_t a, int64_t b) { return times_.at(a).median_us < times_.at(b).median_us; });
    return rows;
  }

  [[nodiscard]] Tuned result(bool is_finished) {
    auto rows = ranked();
    if (rows.empty()) throw Unsupported("[tune] no band of " + chain_.text() + " could be measured; the last one failed: " + times_.rbegin()->second.failure);
    if (rows.size() > kFinalists) rows.resize(kFinalists);
    const int64_t usual = kernels::usual_band_rows(chain_.problem(), *options_.measure.trial.loops, options_.measure.trial.threads);
    std::erase(rows, usual);
    rows.insert(rows.begin(), usual);
    std::vector<std::string> questions{kSeparate};
    for (const auto height : rows) questions.push_back(std::to_string(height));
    std::vector<std::vector<double>> times(questions.size());
    for (int round = 0; round < kFinalRounds; ++round)
      for (size_t i = 0; i < questions.size(); ++i)
        if (const auto outcome = ask(questions[i]); outcome.is_ok()) times[i].push_back(outcome.median_us);
        else last_failure_ = outcome.failure;
    size_t best = 0;
    for (size_t i = 1; i < times.size(); ++i)
      if (!times[i].empty() && (best == 0 || median(times[i]) < median(times[best]) * (best == 1 ? 1 - kLeastGain : 1))) best = i;
    if (best == 0 || times[0].empty()) throw Unsupported("[tune] " + chain_.text() + " could not be measured again; the last one failed: " + last_failure_);
    const auto failed = std::count_if(times_.begin(), times_.end(), [](const auto& one) { return !one.second.is_ok(); });
    return {key_, {kChain, {{kRows, rows[best - 1]}}, median(times[best]), median(times[0]), static_cast<int64_t>(times_.size()), "all"}, failed, is_finished};
  }

  ChainOfConvs chain_;
  TuneOptions options_;
  MeasurementLog& log_;
  const std::function<void(const TuneStep&)>& told_;
  TuningKey key_;
  std::unique_ptr<Child> child_;
  std::map<int64_t, Outcome> times_;
  std::string last_failure_;
};

}  // namespace

Tuned tune_chain(const ChainOfConvs& chain, const std::vector<kernels::ConvChoice>& separate, const TuneOptions& options, MeasurementLog& log, const std::function<void(const TuneStep&)>& told) {
  return ChainSearch(chain, separate, options, log, told).run();
}

}  // namespace scissionlite::tune
