// How tiles that generated code has summed become pixels of a blocked output: each is ended by the code of the next one (ProductCode), and what code
// does not do is done here.
#pragma once

#include <span>

#include "kernels/conv/conv.h"
#include "kernels/sparse24/product_code.h"

namespace scissionlite::kernels {

/// What code does of a convolution's end: the residual, Relu and Clip.
[[nodiscard]] ProductEnd product_end(const ConvEnd& end);

/// Neighbouring places of a tile that are neighbouring pixels of the output; places in no run are nothing of it.
struct OutputRun {
  int64_t place = 0, count = 0, pixel = 0;
};

/// Of one thread: the tile whose sums are complete, until the code of the next one has ended it.
class TileEnds {
 public:
  static constexpr int64_t kTileFloats = ProductCode::kLanes * ProductCode::kLanes, kFloats = 2 * kTileFloats;
  /// A block of the output, (pixels, lanes).
  struct Block {
    float* y = nullptr;
    const float* residual = nullptr;
  };

  /// @param scratch  kFloats of working memory.
  TileEnds(const ProductCode& code, const ConvEnd& end, const VectorLoops& loops, float* scratch)
      : code_(code), end_(end), loops_(loops), y_(scratch), residual_(scratch + kTileFloats) {
    clear();
  }
  /// What the code of a last piece is to end.
  [[nodiscard]] const ProductCode::Complete& before() const { return tile_; }
  /// That was ended; now `sums` are complete, and they and `runs` stay until they are ended.
  void next(const float* sums, const Block& block, std::span<const OutputRun> runs);
  /// Ends the last one.
  void finish();

 private:
  void clear() { tile_ = {y_, y_, residual_}, runs_ = {}; }
  void store() const;
  const ProductCode& code_;
  const ConvEnd& end_;
  const VectorLoops& loops_;
  float *y_, *residual_;  // of a tile that is no 16 pixels one after the other
  ProductCode::Complete tile_;
  Block block_;
  std::span<const OutputRun> runs_;  // none: there is no tile
};

}  // namespace scissionlite::kernels
