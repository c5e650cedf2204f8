// Images of few-bit codes as bit planes (kernels/lowbit/arguments.h): which values lie so, and what reads and writes them. Private to the native
// backend.
#pragma once

#include "engine/backends/native/lowering/lowering.h"

namespace scissionlite::native {

/// Bits of the image's codes, which are 0 to 15 or fewer; 0 where it is no such image.
[[nodiscard]] int plane_bits(const Lowering& l, const std::string& value);

/// Whether all that read the value read planes, so that whatever makes it may write them.
[[nodiscard]] bool wants_planes(const Lowering& l, const std::string& value);

/// The same codes in the other form, as a step.
[[nodiscard]] SlotId bytes_of_planes(Lowering& l, const std::string& value, SlotId planes);
[[nodiscard]] SlotId planes_of_bytes(Lowering& l, const std::string& value, SlotId channels_last);

/// MaxPool of planes to planes; false where the value lies or is wanted otherwise.
bool lower_max_of_planes(Lowering& l, const Node& node);

/// ByteTable of an image to planes.
bool lower_table_to_planes(Lowering& l, const Node& node, const std::vector<uint8_t>& table);

}  // namespace scissionlite::native
