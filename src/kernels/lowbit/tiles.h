// Convolutions of bytes, and products of many rows, as products of tiles with weights that stay packed: each output pixel's window becomes a row.
#pragma once

#include <memory>

#include "kernels/int8/conv.h"
#include "kernels/lowbit/loops.h"

namespace scissionlite::kernels {

/// Why it does not compute that, whatever the CPU has, or empty.
[[nodiscard]] std::string reason_against_tiles(const Int8Problem& problem);
/// By these loops, with or without instructions for tiles.
[[nodiscard]] std::unique_ptr<Int8Convolution> make_tiles(const Int8Problem& problem, const Int8Weights& weights, const LowBitLoops& loops);

}  // namespace scissionlite::kernels
