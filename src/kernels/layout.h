// Between the plain layout (n, c, pixels) and the blocked one (n, blocks, pixels, lanes).
#pragma once

#include <cstdint>

namespace scissionlite::kernels {

/// Lanes beyond the last channel become 0. One read and one write of the image.
void to_blocked(const float* plain, float* blocked, int64_t images, int64_t channels, int64_t pixels, int64_t lanes, int threads = 1);
void to_plain(const float* blocked, float* plain, int64_t images, int64_t channels, int64_t pixels, int64_t lanes, int threads = 1);

/// A run of pixels of one block, `channels` of them there: the plain side has a channel `channel_step` floats after the other.
void run_to_blocked(const float* plain, int64_t channel_step, float* blocked, int64_t channels, int64_t pixels, int64_t lanes);
void run_to_plain(const float* blocked, float* plain, int64_t channel_step, int64_t channels, int64_t pixels, int64_t lanes);

/// One block of an image: lane i of `to` is what lies at from[i], every `lanes` floats; zeros where from[i] is null.
void gather_lanes(const float* const* from, float* to, int64_t pixels, int64_t lanes);

}  // namespace scissionlite::kernels
