// Products of rows of bytes with constant weights of 1 to 7 bits, as of Int8Dense. Weights are read packed, which is what such a product waits for:
// row after row, or of several rows at once where the CPU multiplies tiles.
#pragma once

#include "kernels/int8/dense.h"
#include "kernels/lowbit/weight_panels.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {

class LowBitDense {
 public:
  /// Whether it computes that.
  [[nodiscard]] static bool takes(const Int8DenseProblem& problem, const WeightCode& code) {
    return code.can_be_packed() && problem.k <= kMostInputsOfDense;
  }
  /// @param w         as Int8Weights has it, (n, k), of `code`.
  /// @param in_tiles  several rows at once; without such instructions it is a test.
  LowBitDense(const Int8DenseProblem& problem, const Int8Weights& weights, const WeightCode& code, const LowBitLoops& loops, bool in_tiles);
  LowBitDense(const Int8DenseProblem& problem, const Int8Weights& weights, const WeightCode& code, const LowBitLoops& loops)
      : LowBitDense(problem, weights, code, loops, loops.has_tiles) {}
  [[nodiscard]] int64_t scratch_bytes(int threads) const { return threads * thread_bytes(); }
  /// @param y  bytes, or floats.
  void run(const uint8_t* x, int64_t m, void* y, std::byte* scratch, int threads) const;
  [[nodiscard]] int64_t weight_bytes() const { return panels_.weight_bytes(); }

 private:
  [[nodiscard]] int64_t thread_bytes() const;
  void run_rows(const uint8_t* x, int64_t m, void* y, std::byte* scratch, const Range& panels) const;
  void run_tiles(const uint8_t* x, int64_t m, void* y, std::byte* scratch, const Range& panels) const;
  /// Sums of a panel of rows from `first` on.
  void end(int64_t panel, const int32_t* sums, const int32_t* x_sums, int64_t first, int64_t rows, void* y) const;

  Int8DenseProblem problem_;
  const LowBitLoops& loops_;
  WeightPanels panels_;
  bool in_tiles_;
};

}  // namespace scissionlite::kernels
