// Generated kernels that this process has: the row `generated` of conv.inc computes with these only.
//
// Rows of the table are plain functions, so what they may draw on is of the process: objects that a tuning database brought
// (tune/objects.h), and, while tuning, a maker that generates what is not there yet.
#pragma once

#include <functional>
#include <memory>

#include "kernels/conv/kernel_object.h"
#include "kernels/conv/kernel_plan.h"

namespace scissionlite::kernels {

/// Any thread may call these.
void offer_kernel(std::shared_ptr<const KernelObject> kernel);

/// Makes a kernel of a plan that is valid. @throws InvalidArgument, Unsupported, ResourceError with the reason it cannot.
using KernelMaker = std::function<std::shared_ptr<const KernelObject>(const KernelPlan&)>;
/// Null: none any more.
void set_kernel_maker(KernelMaker maker);

/// A convolution that runs the kernel. @throws InvalidArgument when it is of another plan.
[[nodiscard]] std::unique_ptr<Convolution> make_generated(const KernelPlan& plan, std::shared_ptr<const KernelObject> kernel, const ConvWeights& weights, const ConvEnd& end, const VectorLoops& loops);

}  // namespace scissionlite::kernels
