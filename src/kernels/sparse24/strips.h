// 2:4 weights in strips, as VectorLoops reads them (TwoFourRowsArguments in kernels/vector/arguments.h).
#pragma once

#include "kernels/sparse24/weights.h"
#include "kernels/vector/arguments.h"

namespace scissionlite::kernels {

constexpr int64_t kStripInputs = kTwoFourGroup * kTwoFourStrip;

/// (blocks of `lanes` outputs, strips, 1 + 2 kTwoFourStrip, lanes): places, then values. Inputs and outputs beyond the last are zeros.
struct StripLayout {
  int64_t outputs = 0, inputs = 0, lanes = 0;
  [[nodiscard]] int64_t strips() const;
  [[nodiscard]] int64_t strip_floats() const;
  [[nodiscard]] int64_t block_floats() const { return strips() * strip_floats(); }
  [[nodiscard]] int64_t floats() const { return (outputs + lanes - 1) / lanes * block_floats(); }
};

/// Writes StripLayout::floats() floats into zeros.
void pack_strips(const MatrixView& matrix, int64_t lanes, float* packed);

}  // namespace scissionlite::kernels
