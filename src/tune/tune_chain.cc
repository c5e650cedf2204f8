#include "tune/tune_chain.h"

#include "kernels/generated/chain_plan.h"
#include "tune/chain_trial.h"

namespace scissionlite::tune {

Ways chain_ways(const ChainOfConvs& chain, const std::vector<kernels::ConvChoice>& separate, const MeasureOptions& options) {
  const auto& loops = *options.trial.loops;
  const int threads = options.trial.threads;
  const auto of_rows = [](int64_t rows) { return Way{kChain, {{kRows, rows}}}; };
  Ways ways{.key = key_of(chain.text(), loops, threads),
            .all = {},
            .usual = of_rows(kernels::usual_band_rows(chain.problem(), loops, threads)),
            .baseline = {kSeparate, {}},
            .generated = searched_kernel(kernels::generated_problem(chain.problem()), loops),
            .make = {}};
  for (const auto rows : chain.band_rows(loops, threads)) ways.all.push_back(of_rows(rows));
  ways.make = [chain, separate, trial = options.trial] {
    const auto shared = std::make_shared<ChainTrial>(chain, separate, trial);
    return [shared](const Way& way) {
      if (way.implementation == kSeparate) return shared->run_separate();
      return way.implementation == kGenerated ? shared->run_generated(way.knobs) : shared->run(way.knobs.at(kRows));
    };
  };
  return ways;
}

}  // namespace scissionlite::tune
