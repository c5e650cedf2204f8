// A picture for when there is none at hand.
#pragma once

#include <cstdint>

#include "vision/vision.h"

namespace scissionlite {

/// Waves whose amplitudes fall with frequency, as in photos, with a little noise; made from the seed alone.
[[nodiscard]] vision::Image synthetic_image(int width, int height, uint64_t seed = 1);

}  // namespace scissionlite
