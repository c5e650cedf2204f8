// A generated kernel as a convolution. The row `generated` of conv.inc computes with kernels that the process has (kernel_store.h).
#pragma once

#include "kernels/generated/conv_plan.h"
#include "kernels/generated/kernel_store.h"

namespace scissionlite::kernels {

/// A convolution that runs the kernel. @throws InvalidArgument when it is of another plan.
[[nodiscard]] std::unique_ptr<Convolution> make_generated(const ConvPlan& plan, std::shared_ptr<const KernelObject> kernel,
                                                          const ConvWeights& weights, const ConvEnd& end, const VectorLoops& loops);

}  // namespace scissionlite::kernels
