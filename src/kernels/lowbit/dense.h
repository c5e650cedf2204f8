// Products of a few rows of bytes with constant weights of 1 to 7 bits, as of Int8Dense. Weights are read packed, which is what such a product waits for.
#pragma once

#include "kernels/int8/dense.h"
#include "kernels/lowbit/packed_weights.h"

namespace scissionlite::kernels {

class LowBitDense {
 public:
  /// Whether it computes that.
  [[nodiscard]] static bool takes(const Int8DenseProblem& problem, const WeightCode& code) { return code.can_be_packed() && problem.k <= kMostInputsOfDense; }
  /// @param w  as Int8Weights has it, (n, k), of `code`.
  LowBitDense(const Int8DenseProblem& problem, const Int8Weights& weights, const WeightCode& code, const LowBitLoops& loops);
  [[nodiscard]] int64_t scratch_bytes(int threads) const;
  /// @param y  bytes, or floats.
  void run(const uint8_t* x, int64_t m, void* y, std::byte* scratch, int threads) const;
  [[nodiscard]] int64_t weight_bytes() const { return weights_.bytes(); }

 private:
  Int8DenseProblem problem_;
  const LowBitLoops& loops_;
  int64_t units_;           // of eight inputs
  PackedWeights weights_;   // (panels of `outputs`, units)
  Buffer<int32_t> bias_;    // (panels, outputs)
  Buffer<float> scale_, offset_;  // likewise
};

}  // namespace scissionlite::kernels
