// Codes made up for tests and benchmarks: like those of a transfer layer, neighbours alike, high channels nearly always zero.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/rng.h"
#include "coding/code_model.h"

namespace scissionlite::coding {

/// One image; `rate` is the spread of channel 0 in symbols, later channels fall off.
inline Tensor made_codes(const CodeShape& shape, double rate, int zero, int levels, Rng& rng) {
  Tensor codes(Dtype::kU8, {shape.channels, shape.rows, shape.columns});
  auto out = codes.mutable_as<uint8_t>();
  const int64_t positions = shape.positions();
  std::vector<double> loudness(static_cast<size_t>(positions), 1);
  for (int64_t p = 1; p < positions; ++p) loudness[p] = std::clamp(0.8 * loudness[p - 1] + 0.2 * std::exp(rng.normal()), 0.1, 5.0);
  for (int64_t k = 0; k < shape.channels; ++k) {
    const double spread = rate * std::exp(-4.0 * static_cast<double>(k) / static_cast<double>(shape.channels));
    double last = 0;
    for (int64_t p = 0; p < positions; ++p) {
      last = 0.6 * last + spread * loudness[p] * rng.normal();
      out[k * positions + p] = static_cast<uint8_t>(std::clamp(static_cast<int>(std::lround(last)) + zero, 0, levels - 1));
    }
  }
  return codes;
}

inline std::vector<Tensor> made_images(size_t count, const CodeShape& shape, double rate, int zero, int levels, uint64_t seed) {
  Rng rng(seed);
  std::vector<Tensor> images;
  for (size_t i = 0; i < count; ++i) images.push_back(made_codes(shape, rate, zero, levels, rng));
  return images;
}

}  // namespace scissionlite::coding
