#include "tune/tune_pool.h"

#include "kernels/generated/pool_kernel.h"
#include "tune/pool_trial.h"

namespace scissionlite::tune {

Ways pool_ways(const kernels::PoolProblem& problem, const MeasureOptions& options) {
  const auto& loops = *options.trial.loops;
  const Way own{kLoops, {}};
  Ways ways{.key = key_of(problem.text(), loops, options.trial.threads),
            .all = {own},
            .usual = own,
            .baseline = own,
            .generated = searched_kernel(problem.text(), loops),
            .make = {}};
  ways.make = [problem, trial = options.trial] {
    const auto shared = std::make_shared<PoolTrial>(problem, trial);
    return [shared, problem, trial](const Way& way) {
      const auto& loops = *trial.loops;
      if (way.implementation == kLoops) return shared->run(*kernels::make_pooling(problem, loops));
      return shared->run(
          *kernels::make_generated_pooling(problem, way.knobs, kernels::kernel_of({problem.text(), way.knobs, kernels::target_of(loops)}), loops));
    };
  };
  return ways;
}

}  // namespace scissionlite::tune
