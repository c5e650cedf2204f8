// The two ways to multiply by 2:4 sparse weights, and what they share: tiles of pixels, as many as a vector has lanes, with a row a channel.
#pragma once

#include <algorithm>

#include "kernels/conv/panels.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {

/// Code that is generated for the weights, where the CPU has AVX-512: sparse24_code.cc.
std::unique_ptr<Convolution> make_sparse24_code(const ConvProblem& p, const ConvWeights& weights, const ConvEnd& end, const Knobs& knobs,
                                                const VectorLoops& loops);
[[nodiscard]] bool can_generate_sparse24(const VectorLoops& loops);
/// Loops over places, of a vector of outputs where pixels are few: sparse24_strips.cc.
std::unique_ptr<Convolution> make_sparse24_strips(const ConvProblem& p, const ConvWeights& weights, const ConvEnd& end, const VectorLoops& loops);

/// Of a blocked image (blocks, pixels, lanes).
class PixelTiles {
 public:
  PixelTiles(int64_t channels, int64_t pixels, const VectorLoops& loops) : channels_(channels), pixels_(pixels), loops_(loops) {}
  [[nodiscard]] int64_t pixels() const { return pixels_; }
  [[nodiscard]] int64_t pixels_of(int64_t tile) const { return std::min<int64_t>(loops_.lanes, pixels_ - tile * loops_.lanes); }
  [[nodiscard]] int64_t blocks() const { return blocks_of(channels_, loops_.lanes); }
  [[nodiscard]] int64_t image_floats() const { return blocks() * pixels_ * loops_.lanes; }
  [[nodiscard]] int64_t at(int64_t block, int64_t tile) const { return (block * pixels_ + tile * loops_.lanes) * loops_.lanes; }
  /// A block of a tile, (lanes of channels, lanes of pixels); zeros for channels and pixels beyond the last.
  void transpose(const float* image, int64_t block, int64_t tile, float* to) const {
    const int64_t lanes = loops_.lanes, channels = std::min<int64_t>(lanes, channels_ - block * lanes);
    loops_.block_to_tile(image + at(block, tile), pixels_of(tile), to);
    std::fill(to + channels * lanes, to + lanes * lanes, 0.F);
  }
  /// To L2, so that it comes while something else is computed.
  void fetch(const float* image, int64_t block, int64_t tile) const {
    constexpr int64_t kLineFloats = 16;
    constexpr int kToL2 = 2;
    const float* const from = image + at(block, tile);
    for (int64_t i = 0; i < pixels_of(tile) * loops_.lanes; i += kLineFloats) __builtin_prefetch(from + i, 0, kToL2);
  }

 private:
  int64_t channels_, pixels_;
  const VectorLoops& loops_;
};

}  // namespace scissionlite::kernels
