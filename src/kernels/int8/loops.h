// Which int8 loops this CPU can run.
#pragma once

#include <vector>

#include "kernels/int8/arguments.h"

namespace scissionlite::kernels {

/// Fastest first; the last one runs everywhere.
[[nodiscard]] std::vector<const Int8Loops*> all_int8_loops();
/// The fastest; no wider than what the environment variable SCISSIONLITE_ISA names (see vector/loops.h).
[[nodiscard]] const Int8Loops& best_int8_loops();

}  // namespace scissionlite::kernels
