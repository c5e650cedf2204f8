// Pixels of blocked images moved to other places: a pixel is a vector of `lanes` floats, steps and indices count pixels.
#pragma once

#include <cstdint>

namespace scissionlite::kernels {

/// to[p * to_step] = from[p * from_step].
void copy_pixels(const float* from, int64_t from_step, float* to, int64_t to_step, int64_t count, int64_t lanes);

/// The same where each lane comes from a place of its own, its first float given; zeros where that is null.
void gather_pixels(const float* const* from, int64_t from_step, float* to, int64_t to_step, int64_t count, int64_t lanes);

/// to[p] = from[index[p]].
void choose_pixels(const float* from, const int32_t* index, float* to, int64_t count, int64_t lanes);

}  // namespace scissionlite::kernels
