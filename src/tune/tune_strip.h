// Whether a strip is faster as a generated kernel than by our own loops.
#pragma once

#include "kernels/strip/strip_problem.h"
#include "tune/ways.h"

namespace scissionlite::tune {

/// Our own loops, which are the baseline, and, while kernels can be made (Generating), `budget` configurations of one.
[[nodiscard]] Ways strip_ways(const kernels::StripProblem& problem, const MeasureOptions& options);

}  // namespace scissionlite::tune
