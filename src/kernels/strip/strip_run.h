// What the runs of strips share.
#pragma once

#include "kernels/strip/strip_walk.h"

namespace scissionlite::kernels {

/// @param pixels  of a per-channel or per-pixel operand: count / lanes.
void run_operation(const VectorLoops& loops, const StripOperation& o, const float* a, const float* b, const float* c, float* y, int64_t count,
                   int64_t pixels);

/// A vector of the last block's channels in `to`, with 1 where no channel is: it may be divided by.
const float* padded(const float* vector, int64_t channels, int64_t lanes, float* to);

/// Of the last block.
void clear_lanes(float* y, int64_t count, int64_t channels, int64_t lanes);

/// What does not go on from row to row is read anew for each.
[[nodiscard]] bool is_by_row(const StripWalk& walk, const StripOperation& o);

}  // namespace scissionlite::kernels
