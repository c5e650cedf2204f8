#include "tune/tune_bytes.h"

#include "base/log.h"
#include "kernels/int8/problem_text.h"
#include "tune/bytes_trial.h"

namespace scissionlite::tune {

Ways byte_conv_ways(const kernels::Int8Problem& problem, const kernels::Int8Loops& loops, const MeasureOptions& options) {
  auto of_text = kernels::parse_int8_problem(kernels::text_of(problem));
  of_text.large_pairs = problem.large_pairs;
  const Way usual{kernels::usual_int8_conv(of_text, loops).name, {}};
  Ways ways{.key = key_of(problem, loops, options.trial.threads), .all = {}, .usual = usual, .baseline = usual, .generated = {}, .make = {}};
  for (const auto* row : kernels::int8_conv_candidates(of_text, loops)) ways.all.push_back({row->name, {}});
  ways.make = [of_text, &loops, trial = options.trial] {
    const auto shared = std::make_shared<BytesTrial>(of_text, loops, trial);
    return [shared](const Way& way) { return shared->run(*kernels::find_int8_conv(way.implementation)); };
  };
  return ways;
}

Tuned tune_byte_conv(const Ways& ways, const TuneOptions& options, MeasurementLog& log, const std::function<void(const TuneStep&)>& told) {
  return tune_ways(ways, options, log, [&](const TuneStep& step) {
    if (!step.outcome.is_ok()) log::warning("[tune] '" + step.choice + "' is left out for " + ways.key.problem + ": " + step.outcome.failure);
    if (told) told(step);
  });
}

}  // namespace scissionlite::tune
