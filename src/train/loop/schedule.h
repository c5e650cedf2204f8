// Learning rate over time. Free of libtorch.
#pragma once

#include <cstdint>
#include <string>

namespace scissionlite::train {

struct ScheduleOptions {
  std::string kind = "constant";  // constant, step (times `gamma` every `step_epochs`), cosine (down to `final_share`)
  double rate = 0.01;
  double warmup_epochs = 0;  // rises linearly from 0, then the schedule starts
  double step_epochs = 10, gamma = 0.1;
  double final_share = 0;
  int64_t epochs_before = 0, epochs_after = 0;  // of runs beside this one that follow the same schedule
};
/// Rate of step `step` (from 0) of `steps`, with `steps_per_epoch` to an epoch.
/// @throws InvalidArgument for an unknown kind or a rate that is not positive.
[[nodiscard]] double learning_rate(const ScheduleOptions& options, int64_t step, int64_t steps, int64_t steps_per_epoch);

}  // namespace scissionlite::train
