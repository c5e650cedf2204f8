#include "tune/tune.h"

#include <algorithm>
#include <set>

#include "base/clock.h"
#include "base/error.h"
#include "base/stats.h"

namespace scissionlite::tune {
namespace {

constexpr size_t kFinalists = 4;

class Search {
 public:
  Search(const ConvWithEnd& conv, const TuneOptions& options, MeasurementLog& log, const std::function<void(const TuneStep&)>& told)
      : conv_(conv),
        options_(options),
        log_(log),
        told_(told),
        key_(key_of(conv, loops(), options.measure.trial.threads)),
        space_(conv.problem, loops()),
        searcher_(make_searcher(options.method, space_.space(), options.seed)),
        measurer_(conv, options.measure),
        usual_(usual_config()) {}

  Tuned run() {
    recall();
    if (!is_measured_.count(usual_)) measure(usual_);
    bool is_finished = true;
    while (measured() < options_.budget) {
      if (is_late(options_)) {
        is_finished = false;
        break;
      }
      const auto config = searcher_->next();
      if (!config) break;
      measure(*config);
    }
    return result(is_finished);
  }

 private:
  struct Measured {
    Config config;
    double us = 0;
  };
  [[nodiscard]] const kernels::VectorLoops& loops() const { return *options_.measure.trial.loops; }
  [[nodiscard]] int64_t measured() const { return static_cast<int64_t>(is_measured_.size()); }

  [[nodiscard]] Config usual_config() const {
    const auto choice = kernels::usual_conv(conv_.problem, loops());
    const auto config = space_.find(choice.implementation->name, choice.knobs);
    if (!config)
      throw InternalError("[tune] the space of " + conv_.text() + " lacks the usual choice " +
                          kernels::describe(choice.implementation->name, choice.knobs));
    return space_.simplest(*config);
  }

  /// Lines of knobs that this version does not have are left out.
  void recall() {
    for (const auto& line : log_.of(key_))
      if (const auto config = space_.find(line.implementation, line.knobs)) take(*config, line.outcome);
  }

  void take(const Config& config, const Outcome& outcome) {
    is_measured_.insert(config);
    searcher_->tell(config, outcome);
    if (outcome.is_ok()) best_.push_back({config, outcome.median_us});
    else ++failed_, last_failure_ = outcome.failure;
    std::stable_sort(best_.begin(), best_.end(), [](const Measured& a, const Measured& b) { return a.us < b.us; });
  }

  void measure(const Config& config) {
    const auto choice = space_.choice(config);
    const auto outcome = measurer_.measure(choice);
    log_.add(key_, {choice.implementation->name, choice.knobs, outcome});
    take(config, outcome);
    if (told_) told_({kernels::describe(choice.implementation->name, choice.knobs), outcome, best_.empty() ? 0 : best_[0].us});
  }

  /// Medians of the best few and of the usual one, which comes first.
  [[nodiscard]] std::vector<Measured> finals() {
    std::vector<Measured> out{{usual_, 0}};
    for (const auto& one : best_)
      if (one.config != usual_ && out.size() <= kFinalists) out.push_back(one);
    std::vector<std::vector<double>> times(out.size());
    for (int round = 0; round < kFinalRounds; ++round)
      for (size_t i = 0; i < out.size(); ++i)
        if (const auto outcome = measurer_.measure(space_.choice(out[i].config)); outcome.is_ok()) times[i].push_back(outcome.median_us);
    for (size_t i = 0; i < out.size(); ++i) out[i].us = median(times[i]);
    out.erase(std::remove_if(out.begin(), out.end(), [](const Measured& one) { return one.us <= 0; }), out.end());
    return out;
  }

  [[nodiscard]] Tuned result(bool is_finished) {
    const auto all = finals();
    if (all.empty()) throw Unsupported("[tune] no choice for " + conv_.text() + " could be measured; the last one failed: " + last_failure_);
    const auto* best = &all[0];
    const double usual_us = all[0].config == usual_ ? all[0].us : 0;
    for (const auto& one : all)
      if (one.us < best->us && (usual_us == 0 || one.us < usual_us * (1 - kLeastGain))) best = &one;
    const auto choice = space_.choice(best->config);
    return {key_, {choice.implementation->name, choice.knobs, best->us, usual_us, measured(), options_.method}, failed_, is_finished};
  }

  ConvWithEnd conv_;
  TuneOptions options_;
  MeasurementLog& log_;
  const std::function<void(const TuneStep&)>& told_;
  TuningKey key_;
  ConvSpace space_;
  std::unique_ptr<Searcher> searcher_;
  Measurer measurer_;
  Config usual_;
  std::set<Config> is_measured_;
  std::vector<Measured> best_;
  int64_t failed_ = 0;
  std::string last_failure_;
};

}  // namespace

bool is_late(const TuneOptions& options) { return options.until_us > 0 && Clock::steady().now_us() >= options.until_us; }

Tuned tune_conv(const ConvWithEnd& conv, const TuneOptions& options, MeasurementLog& log, const std::function<void(const TuneStep&)>& told) {
  return Search(conv, options, log, told).run();
}

}  // namespace scissionlite::tune
