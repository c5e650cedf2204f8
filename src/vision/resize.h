// Resampling as Pillow does it, so that a model sees what it saw in training.
#pragma once

#include "vision/vision.h"

namespace scissionlite::vision {

enum class Filter { kNearest, kBilinear, kBicubic };

/// A rectangle of pixels.
struct Window {
  int x = 0, y = 0, width = 0, height = 0;
};

/// The part `window` of `image` resized to width x height; only that part is computed. Bilinear (triangle) and bicubic
/// (a = -0.5) widen by the scale when shrinking, which averages; edges renormalise. First across, then down.
/// Numerics: the coefficients have 22 fraction bits and each pass rounds to 8 bits, as in Pillow's Image.resize, whose
/// results this equals. Cost: reads the rows that the window needs once.
/// @throws InvalidArgument when a size is below 1 or the window reaches outside.
[[nodiscard]] Image resize(const Image& image, int width, int height, Filter filter, const Window& window);
[[nodiscard]] inline Image resize(const Image& image, int width, int height, Filter filter) {
  return resize(image, width, height, filter, {0, 0, width, height});
}

/// `window` of `image`; what lies outside the image is black.
[[nodiscard]] Image crop(const Image& image, const Window& window);

/// The window of width x height in the middle of something image_width x image_height; x and y are negative where it
/// is larger. Odd differences leave the extra pixel right and below.
[[nodiscard]] Window centre_window(int image_width, int image_height, int width, int height);

}  // namespace scissionlite::vision
