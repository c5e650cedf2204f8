// Codes as they are sent (channels, positions) to and from the coder's order (positions, padded channels).
#pragma once

#include <cstdint>

#include "coding/model_data.h"

namespace scissionlite::coding {

/// to[p * to_stride + c] = from[c * from_stride + p] for c < channels, p < positions.
void transpose(const uint8_t* from, int64_t channels, int64_t positions, int64_t from_stride, uint8_t* to, int64_t to_stride);

}  // namespace scissionlite::coding
