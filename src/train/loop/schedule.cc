#include "train/loop/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "base/text.h"

namespace scissionlite::train {

double learning_rate(const ScheduleOptions& options, int64_t step, int64_t steps, int64_t steps_per_epoch) {
  if (!(options.rate > 0) || !std::isfinite(options.rate))
    throw InvalidArgument("[train] the learning rate is " + std::to_string(options.rate) + ", expected a positive number");
  const double warmup = options.warmup_epochs * static_cast<double>(steps_per_epoch);
  const double at = static_cast<double>(step + options.epochs_before * steps_per_epoch);
  const double end = static_cast<double>(steps + (options.epochs_before + options.epochs_after) * steps_per_epoch);
  if (at < warmup) return options.rate * (at + 1) / (warmup + 1);
  if (options.kind == "constant") return options.rate;
  const double since = at - warmup;
  if (options.kind == "step")
    return options.rate * std::pow(options.gamma, std::floor(since / (options.step_epochs * static_cast<double>(steps_per_epoch))));
  if (options.kind != "cosine")
    throw InvalidArgument("[train] unknown schedule '" + options.kind + "'" + did_you_mean(options.kind, {"constant", "step", "cosine"}));
  const double share = std::min(1.0, since / std::max(1.0, end - warmup));
  return options.rate * (options.final_share + (1 - options.final_share) * 0.5 * (1 + std::cos(std::numbers::pi * share)));
}

}  // namespace scissionlite::train
