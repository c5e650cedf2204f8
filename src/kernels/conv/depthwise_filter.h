// A depthwise convolution's weights as the row loop reads them, and rows computed with them: what the plain depthwise convolution and the
// chains around one share.
#pragma once

#include "kernels/conv/panels.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {

/// From (c, taps) to (blocks, taps, lanes). @param to  zeros.
void pack_depthwise(int64_t c, int64_t taps, int64_t lanes, const float* w, float* to);

class DepthwiseFilter {
 public:
  DepthwiseFilter(const ConvProblem& problem, const ConvWeights& weights, const ActivationArguments& activation, const VectorLoops& loops);
  [[nodiscard]] int64_t packed_bytes() const { return weights_.size() * static_cast<int64_t>(sizeof(float)); }

  /// Output rows of a channel block.
  /// @param x         pixel (0, 0) of the block in the whole image, (h, w, lanes); rows that the windows do not reach need not exist.
  /// @param y         of the first of the rows: (rows, out_w, lanes).
  /// @param residual  as y, or null.
  void run_rows(int64_t block, Range rows, const float* x, float* y, const float* residual) const;

 private:
  ConvProblem problem_;
  ActivationArguments activation_;
  const VectorLoops& loops_;
  Packed<float> weights_;  // (blocks, taps, lanes)
  AlignedFloats bias_;     // (blocks, lanes)
};

}  // namespace scissionlite::kernels
