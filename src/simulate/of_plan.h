// A plan's candidates as what the controller may choose from.
#pragma once

#include <vector>

#include "control/controller.h"
#include "planner/plan.h"

namespace scissionlite::simulate {

/// The chosen candidate first, then the best of each other family on device and one edge. A candidate that sends something answers locally in the
/// rest of the local candidate's time. @throws InvalidArgument: a chain of more than two machines.
[[nodiscard]] std::vector<control::PlanTraits> plans_of(const Plan& plan);

}  // namespace scissionlite::simulate
