// Products with a constant matrix that is 2:4 sparse: fully connected layers for a few rows, which are bound by reading their weights.
#pragma once

#include "kernels/dense/dense.h"
#include "kernels/precision.h"
#include "kernels/sparse24/strips.h"

namespace scissionlite::kernels {

/// Dense for weights of which each output reads two at most of every four consecutive inputs: 8.5 bytes of them instead of 16, or 4.5 instead of 8
/// where the weights, and only they, are rounded to bf16.
/// Immutable. Reads w once for each kMostTwoFourRows rows of x.
class TwoFourDense {
 public:
  TwoFourDense(int64_t k, int64_t n, const Dense::Weights& weights, const ActivationArguments& activation, const VectorLoops& loops,
               Precision precision = Precision::kF32);
  /// Whether it is faster than Dense for m rows: more of them are bound by multiply-adds, of which it saves none.
  [[nodiscard]] static bool pays(int64_t m, const VectorLoops& loops) { return loops.lanes > 4 && m <= kMostTwoFourRows; }
  void run(const float* x, int64_t m, float* y, int threads) const;
  [[nodiscard]] int64_t packed_bytes() const { return weights_.size() * static_cast<int64_t>(sizeof(float)); }

 private:
  void run_block(int64_t block, const float* x, const float* rest, int rows, float* y) const;
  int64_t k_, n_;
  StripLayout layout_;
  ActivationArguments activation_;
  const VectorLoops& loops_;
  Packed<float> weights_;
  AlignedFloats bias_;
};

}  // namespace scissionlite::kernels
