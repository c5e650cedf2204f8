// Where the slots of a program lie in its arena: slots that live at different times share memory.
#pragma once

#include "engine/backends/native/program.h"

namespace scissionlite::native {

/// Sets `offset` of the arena's slots, `arena_bytes`, `scratch_bytes` and `values_bytes`. Largest slots first, each at the lowest
/// offset that is free as long as it lives (Pisarchyk and Lee, Efficient Memory Management for Deep Neural Net Inference, 2020).
/// Offsets are multiples of 64. O(slots^2).
void plan_memory(Program& program);

}  // namespace scissionlite::native
