// Products of bytes with constant weights: y (m, n) = requantised(x (m, k) * w + bias), or as floats: (x * w + bias) * scale + offset.
#pragma once

#include "kernels/int8/conv.h"

namespace scissionlite::kernels {

struct Int8DenseProblem {
  int64_t k = 1, n = 1;
  bool is_x_signed = false;
  int32_t x_zero = 0, y_zero = 0, low = 0, high = 255;
  bool is_y_float = false;  // neither zero nor bounds then
};

/// A few rows: each output is one dot product over weights that stay bytes in memory, which is what such a product waits for.
class Int8Dense {
 public:
  /// @param w  as Int8Weights has it, (n, k).
  Int8Dense(const Int8DenseProblem& problem, const Int8Weights& weights, const Int8Loops& loops);
  [[nodiscard]] int64_t scratch_bytes(int threads) const;
  /// @param y  bytes, or floats.
  void run(const uint8_t* x, int64_t m, void* y, std::byte* scratch, int threads) const;

 private:
  struct Packed;
  Int8DenseProblem problem_;
  const Int8Loops& loops_;
  int64_t padded_k_;
  std::shared_ptr<const Packed> packed_;
};

}  // namespace scissionlite::kernels
