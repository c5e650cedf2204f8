// Which loops of bit planes this CPU can run.
#pragma once

#include "kernels/bitserial/arguments.h"
#include "kernels/int8/loops.h"

namespace scissionlite::kernels {

/// The fastest that need no wider instructions than those loops of bytes do.
[[nodiscard]] const BitSerialLoops& bit_serial_loops_beside(const Int8Loops& loops);

}  // namespace scissionlite::kernels
