// What makes bytes of sums of few-bit values: bias and scale of each output, in whole vectors of a conv group.
#pragma once

#include "kernels/int8/buffer.h"
#include "kernels/lowbit/few_bits.h"
#include "kernels/lowbit/loops.h"

namespace scissionlite::kernels {

class LowBitOutputs {
 public:
  LowBitOutputs(const Int8Problem& problem, const Int8Weights& weights, const LowBitLoops& loops);

  [[nodiscard]] int64_t of_group() const { return of_group_; }
  /// Vectors of LowBitLoops::outputs that hold a group's.
  [[nodiscard]] int64_t vectors() const { return vectors_; }
  /// Whether ending needs the sums of x over windows.
  [[nodiscard]] bool needs_windows() const { return problem_.w_least != 0; }
  /// To bytes or planes: sums of u * x of a vector of a group's outputs: (pixels, outputs).
  /// @param windows  sums of x: (pixels), read if they are needed.
  /// @param y        the result, of which `pixel` is the first one.
  void end(int64_t group, int64_t vector, const int32_t* sums, int64_t pixels, const int32_t* windows, uint8_t* y, int64_t pixel) const;

 private:
  Int8Problem problem_;
  const LowBitLoops& loops_;
  int64_t of_group_, vectors_;
  Buffer<int32_t> bias_;  // (groups, vectors, outputs), less what the zero point of x adds
  Buffer<float> scale_;   // likewise
};

}  // namespace scissionlite::kernels
