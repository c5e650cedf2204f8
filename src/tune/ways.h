// The fastest of a few ways to compute something and of the configurations of a generated kernel: what the searches for chains,
// poolings and strips share.
#pragma once

#include <compare>
#include <optional>

#include "kernels/generated/kernel_plan.h"
#include "tune/tune.h"

namespace scissionlite::tune {

/// An implementation with knobs, as entries and logs have it.
struct Way {
  std::string implementation;
  kernels::Knobs knobs;
  auto operator<=>(const Way&) const = default;
};
/// The implementation of generated kernels.
constexpr const char* kGenerated = "generated";
/// Our own loops in entries and logs of poolings and strips.
constexpr const char* kLoops = "vectors";

struct Ways {
  TuningKey key;
  std::vector<Way> all;                          // each is measured once
  Way usual;                                     // one of them, which stays unless another one is faster by kLeastGain
  Way baseline;                                  // whose time is the entry's usual_us; one of them or none
  std::optional<kernels::KernelPlan> generated;  // a kernel whose knobs are searched as well; its own knobs count for nothing
  /// Runs in the child process, and gives what measures a way there: its median in us.
  std::function<std::function<double(const Way&)>()> make;
};

/// The plan of a kernel for what is tuned now: nothing where no kernel computes the problem, or none can be made (Generating).
[[nodiscard]] std::optional<kernels::KernelPlan> searched_kernel(const std::string& problem, const kernels::VectorLoops& loops);

/// Measurements after which nothing is left to do.
[[nodiscard]] int64_t measurements(const Ways& ways, int64_t budget);

/// What the log has is not measured again. In the end the baseline, the usual way and the fastest few run in turns.
/// @throws Unsupported when no way could be measured, with the reason; ResourceError.
[[nodiscard]] Tuned tune_ways(const Ways& ways, const TuneOptions& options, MeasurementLog& log,
                              const std::function<void(const TuneStep&)>& told = {});

}  // namespace scissionlite::tune
