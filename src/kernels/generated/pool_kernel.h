// A generated kernel as a pooling.
#pragma once

#include "kernels/generated/kernel_store.h"
#include "kernels/generated/pool_plan.h"

namespace scissionlite::kernels {

/// Numerics: the largest value is exact; a mean is a sum times 1 / rows times 1 / columns.
/// @throws InvalidArgument when the kernel is of another plan than the problem's with these knobs.
[[nodiscard]] std::unique_ptr<Pooling> make_generated_pooling(const PoolProblem& problem, const Knobs& knobs,
                                                              std::shared_ptr<const KernelObject> kernel, const VectorLoops& loops);

}  // namespace scissionlite::kernels
