// Generated kernels that this process has, of all kinds.
//
// Rows of tables are plain functions, so what they may draw on is of the process: objects that a tuning database brought
// (tune/objects.h), and, while tuning, a maker that generates what is not there yet. Any thread may call these functions.
#pragma once

#include <functional>
#include <memory>

#include "kernels/generated/kernel_object.h"
#include "kernels/generated/kernel_plan.h"

namespace scissionlite::kernels {

void offer_kernel(std::shared_ptr<const KernelObject> kernel);

/// Makes a kernel of a plan that is valid. @throws InvalidArgument, Unsupported, ResourceError with the reason it cannot.
using KernelMaker = std::function<std::shared_ptr<const KernelObject>(const KernelPlan&)>;
/// Null: none any more.
void set_kernel_maker(KernelMaker maker);
[[nodiscard]] bool has_kernel_maker();

/// Whether there is some kernel of the problem, or a maker.
[[nodiscard]] bool may_have_kernel(const std::string& problem, const std::string& target);

/// The kernel that was offered, or is made now. @throws InvalidArgument for an invalid plan, Unsupported where there is none; as the maker.
[[nodiscard]] std::shared_ptr<const KernelObject> kernel_of(const KernelPlan& plan);

/// @throws InvalidArgument when the kernel is of another plan.
void check_identity(const KernelObject& kernel, const KernelPlan& plan);

}  // namespace scissionlite::kernels
