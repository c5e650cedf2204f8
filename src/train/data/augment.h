// Random views of an image, so that a model sees more than was photographed. Free of libtorch.
#pragma once

#include "base/rng.h"
#include "vision/input_spec.h"

namespace scissionlite::train {

struct AugmentOptions {
  bool flip = false;  // left and right, half of the time
  double crop = 1;    // smallest share of the image's area that is looked at; 1: as input.json says
  int shift = 0;      // move by up to so many pixels each way; black comes in
  double jitter = 0;  // brightness, contrast and saturation change by up to this share
};
/// Whether a view depends on more than what is resized as at inference.
[[nodiscard]] inline bool crops(const AugmentOptions& options) { return options.crop < 1; }
[[nodiscard]] inline bool changes_images(const AugmentOptions& options) {
  return options.flip || crops(options) || options.shift > 0 || options.jitter > 0;
}
/// Of an image of the input's size: what of the options needs no other one. @throws InvalidArgument: options out of range.
[[nodiscard]] vision::Image vary(vision::Image image, const AugmentOptions& options, Rng& rng);
/// An image of the spec's size. All that is random comes from `rng`. @throws InvalidArgument: options out of range.
[[nodiscard]] vision::Image augment(const vision::Image& image, const vision::InputSpec& spec, const AugmentOptions& options, Rng& rng);

}  // namespace scissionlite::train
