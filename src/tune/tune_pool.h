// Whether a pooling is faster as a generated kernel than by our own loops.
#pragma once

#include "kernels/pool/pool.h"
#include "tune/ways.h"

namespace scissionlite::tune {

/// Our own loops, which are the baseline, and, while kernels can be made (Generating), `budget` configurations of one.
[[nodiscard]] Ways pool_ways(const kernels::PoolProblem& problem, const MeasureOptions& options);

}  // namespace scissionlite::tune
