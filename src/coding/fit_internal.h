// The steps of a fit, in the order in which they run. Each fills fields of the model from codes in coder order.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "coding/codec.h"

namespace scissionlite::coding {

/// Symbols of all images, and what the steps learn about each.
struct Samples {
  int64_t images = 0, positions = 0, padded = 0;
  std::vector<uint8_t> symbols;  // (images, positions, padded)
  std::vector<int16_t> means;    // (images, positions, padded)
  std::vector<uint16_t> around;  // (images, positions), T
  std::vector<uint16_t> before;  // (images, positions, groups), P
  [[nodiscard]] const uint8_t* at(int64_t image, int64_t position) const { return symbols.data() + (image * positions + position) * padded; }
};

/// Terms, weights, multipliers and biases by ridge regression; its strength is chosen on every fifth image.
void fit_means(ModelData& data, const Samples& samples, int terms);
/// `means`, then mean errors, then `around` and `before`.
void measure(ModelData& data, Samples& samples);
/// Spreads: for each channel the mean error as a combination of 1, T and P, none negative.
void fit_spreads(ModelData& data, const Samples& samples);
/// The curves of rates and shape.
void fit_curves(ModelData& data, const Samples& samples);
/// The scale of a double exponential whose values, rounded, have that mean |value|.
[[nodiscard]] double scale_of(double mean_error);

}  // namespace scissionlite::coding
