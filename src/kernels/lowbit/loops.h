// Which loops of few-bit values this CPU can run.
#pragma once

#include "kernels/int8/loops.h"
#include "kernels/lowbit/arguments.h"

namespace scissionlite::kernels {

/// Those that this CPU can run, fastest first.
[[nodiscard]] std::vector<const LowBitLoops*> all_low_bit_loops();
/// The fastest that need no wider instructions than those loops of bytes do.
[[nodiscard]] const LowBitLoops& low_bit_loops_beside(const Int8Loops& loops);

}  // namespace scissionlite::kernels
