// One image on its way into the workspace.
#pragma once

#include <span>

#include "coding/codec.h"

namespace scissionlite::coding {

/// @throws InvalidArgument unless `count` is what the shape asks for.
void check_count(const ModelData& data, size_t count);
/// Copies codes into `symbols` and finds their intervals. Returns whether quiet groups must be coded.
/// @throws InvalidArgument for another count and for a symbol beyond its channel's levels.
bool analyse_image(const ModelData& data, const Codec& codec, std::span<const uint8_t> codes, Workspace& work, bool with_steps = false);
/// 16 bits that nearly all other codes do not share.
[[nodiscard]] uint16_t check_of(std::span<const uint8_t> codes);
/// Zero symbols, and zero neighbours, in quiet groups.
void clear_quiet(const ModelData& data, Workspace& work);

}  // namespace scissionlite::coding
