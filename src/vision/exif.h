// The one EXIF field that changes pixels: the orientation, read by a small bounded parser and applied.
#pragma once

#include <string_view>

#include "vision/vision.h"

namespace scissionlite::vision {

/// Orientation (1..8) from a TIFF block ("II*\0" or "MM\0*" ...), with or without "Exif\0\0" before it. 1 when there is
/// none or the block is damaged: a broken tag should not cost the picture.
[[nodiscard]] int exif_orientation(std::string_view block);

/// Turns and mirrors so that row 0 is the top. 1 and unknown values return the image unchanged.
[[nodiscard]] Image apply_orientation(Image image, int orientation);

}  // namespace scissionlite::vision
