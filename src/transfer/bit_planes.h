// Packing whole numbers of 1 to 7 bits into bytes with standard operators.
//
// A number is cut into planes of 4, 2 and 1 bits, as its bits ask for (5 = 4 + 1), the lowest bits first. A plane of w bits
// puts 8 / w numbers into a byte: byte i holds numbers i, i + p, i + 2p, ... of its p bytes, the first in its lowest bits.
// So each plane is a few slices and multiply-adds, and every bit is used.
#pragma once

#include <string>

#include "transfer/graph_builder.h"

namespace scissionlite::transfer {

/// Bytes of `count` numbers: the sum over planes of ceil(count * w / 8).
[[nodiscard]] int64_t packed_bytes(int64_t count, int bits);

/// @param levels  float32 whole numbers in 0 .. 2^bits - 1 of any shape with the batch first, `count` an image.
/// @return float32 (n, packed_bytes), whole numbers in 0 .. 255.
[[nodiscard]] std::string pack_bits(GraphBuilder& build, const std::string& levels, int64_t count, int bits);
/// The inverse. @return float32 (n, count).
[[nodiscard]] std::string unpack_bits(GraphBuilder& build, const std::string& bytes, int64_t count, int bits);

}  // namespace scissionlite::transfer
