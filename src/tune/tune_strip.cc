#include "tune/tune_strip.h"

#include "kernels/generated/strip_kernel.h"
#include "tune/strip_trial.h"

namespace scissionlite::tune {

Ways strip_ways(const kernels::StripProblem& problem, const MeasureOptions& options) {
  const auto& loops = *options.trial.loops;
  const Way own{kLoops, {}};
  Ways ways{.key = key_of(problem.text(), loops, options.trial.threads),
            .all = {own},
            .usual = own,
            .baseline = own,
            .generated = searched_kernel(problem.text(), loops),
            .make = {}};
  ways.make = [problem, trial = options.trial] {
    const auto shared = std::make_shared<StripTrial>(problem, trial);
    return [shared, problem, trial](const Way& way) {
      const auto& loops = *trial.loops;
      if (way.implementation == kLoops) return shared->run_own();
      return shared->run(
          *kernels::make_generated_strip(problem, way.knobs, kernels::kernel_of({problem.text(), way.knobs, kernels::target_of(loops)}), loops));
    };
  };
  return ways;
}

}  // namespace scissionlite::tune
