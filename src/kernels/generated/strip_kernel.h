// A generated kernel as a strip.
#pragma once

#include "kernels/generated/kernel_store.h"
#include "kernels/generated/strip_plan.h"
#include "kernels/strip/strip.h"

namespace scissionlite::kernels {

/// Numerics: each step rounds once, as its operator; HardSwish multiplies by 1 / 6.
/// @throws InvalidArgument when the kernel is of another plan than the problem's with these knobs.
[[nodiscard]] std::unique_ptr<Strip> make_generated_strip(const StripProblem& problem, const Knobs& knobs, std::shared_ptr<const KernelObject> kernel,
                                                          const VectorLoops& loops);

}  // namespace scissionlite::kernels
