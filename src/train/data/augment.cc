#include "train/data/augment.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "vision/resize.h"

namespace scissionlite::train {
namespace {

using vision::Image;
using vision::Window;

vision::Filter filter_of(const vision::InputSpec& spec) {
  return spec.filter == "nearest" ? vision::Filter::kNearest : spec.filter == "bicubic" ? vision::Filter::kBicubic : vision::Filter::kBilinear;
}

/// A window of a random share of the area and a proportion between 3:4 and 4:3 of the wanted one, anywhere.
Window random_window(const Image& image, double smallest, double proportion, Rng& rng) {
  constexpr int kTries = 10;
  for (int i = 0; i < kTries; ++i) {
    const double area = image.width * static_cast<double>(image.height) * rng.uniform(smallest, 1),
                 shape = proportion * std::exp(rng.uniform(-1, 1) * std::log(4.0 / 3));
    const int width = static_cast<int>(std::lround(std::sqrt(area * shape))), height = static_cast<int>(std::lround(std::sqrt(area / shape)));
    if (width < 1 || height < 1 || width > image.width || height > image.height) continue;
    const auto x = static_cast<int>(rng.below(static_cast<uint64_t>(image.width - width + 1))),
               y = static_cast<int>(rng.below(static_cast<uint64_t>(image.height - height + 1)));
    return {x, y, width, height};
  }
  return {0, 0, image.width, image.height};
}

Image random_crop(const Image& image, const vision::InputSpec& spec, double smallest, Rng& rng) {
  const Image whole = spec.precrop == 0 ? image : vision::crop(image, vision::centre_window(image.width, image.height, spec.precrop, spec.precrop));
  const auto window = random_window(whole, smallest, static_cast<double>(spec.width) / spec.height, rng);
  return vision::resize(vision::crop(whole, window), spec.width, spec.height, filter_of(spec));
}

void flip(Image& image) {
  for (int y = 0; y < image.height; ++y) {
    uint8_t* row = image.rgb.data() + static_cast<size_t>(y) * static_cast<size_t>(image.width) * 3;
    for (int left = 0, right = image.width - 1; left < right; ++left, --right)
      for (int c = 0; c < 3; ++c) std::swap(row[left * 3 + c], row[right * 3 + c]);
  }
}

/// Black where the image ends.
Image shifted(const Image& image, int dx, int dy) {
  Image out{image.width, image.height, std::vector<uint8_t>(image.rgb.size())};
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x) {
      const int from_x = x + dx, from_y = y + dy;
      if (from_x < 0 || from_y < 0 || from_x >= image.width || from_y >= image.height) continue;
      const auto from = (static_cast<size_t>(from_y) * static_cast<size_t>(image.width) + static_cast<size_t>(from_x)) * 3,
                 to = (static_cast<size_t>(y) * static_cast<size_t>(out.width) + static_cast<size_t>(x)) * 3;
      std::copy_n(image.rgb.begin() + static_cast<std::ptrdiff_t>(from), 3, out.rgb.begin() + static_cast<std::ptrdiff_t>(to));
    }
  return out;
}

Image random_shift(const Image& image, int most, Rng& rng) {
  const auto draw = [&] { return static_cast<int>(rng.below(static_cast<uint64_t>(2 * most + 1))) - most; };
  const int dx = draw(), dy = draw();
  return shifted(image, dx, dy);
}

/// v' = contrast * (brightness * (grey + saturation * (v - grey)) - middle) + middle, grey and middle of the image.
void jitter(Image& image, double strength, Rng& rng) {
  const double brightness = 1 + rng.uniform(-strength, strength), contrast = 1 + rng.uniform(-strength, strength),
               saturation = 1 + rng.uniform(-strength, strength);
  double middle = 0;
  for (const uint8_t v : image.rgb) middle += v;
  middle = middle / static_cast<double>(std::max<size_t>(1, image.rgb.size())) * brightness;
  for (size_t i = 0; i + 2 < image.rgb.size(); i += 3) {
    const double grey = 0.299 * image.rgb[i] + 0.587 * image.rgb[i + 1] + 0.114 * image.rgb[i + 2];
    for (size_t c = 0; c < 3; ++c) {
      const double v = contrast * (brightness * (grey + saturation * (image.rgb[i + c] - grey)) - middle) + middle;
      image.rgb[i + c] = static_cast<uint8_t>(std::lround(std::clamp(v, 0.0, 255.0)));
    }
  }
}

void check(const AugmentOptions& options) {
  if (!(options.crop > 0 && options.crop <= 1))
    throw InvalidArgument("[augment] crop is " + std::to_string(options.crop) + ", expected a share above 0, up to 1");
  if (!(options.jitter >= 0 && options.jitter < 1))
    throw InvalidArgument("[augment] jitter is " + std::to_string(options.jitter) + ", expected at least 0 and below 1");
  if (options.shift < 0) throw InvalidArgument("[augment] shift is " + std::to_string(options.shift) + " pixels, expected at least 0");
}

}  // namespace

Image vary(Image image, const AugmentOptions& options, Rng& rng) {
  check(options);
  if (options.flip && rng.uniform() < 0.5) flip(image);
  if (options.shift > 0) image = random_shift(image, options.shift, rng);
  if (options.jitter > 0) jitter(image, options.jitter, rng);
  return image;
}

Image augment(const Image& image, const vision::InputSpec& spec, const AugmentOptions& options, Rng& rng) {
  check(options);
  return vary(crops(options) ? random_crop(image, spec, options.crop, rng) : vision::resize_and_crop(image, spec), options, rng);
}

}  // namespace scissionlite::train
