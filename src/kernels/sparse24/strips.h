// 2:4 weights in strips, as VectorLoops reads them (TwoFourRowsArguments in kernels/vector/arguments.h).
#pragma once

#include "kernels/sparse24/weights.h"
#include "kernels/vector/arguments.h"

namespace scissionlite::kernels {

constexpr int64_t kStripInputs = kTwoFourGroup * kTwoFourStrip;

/// (blocks of `lanes` outputs, strips, words, lanes): places, then values; a word is 32 bits. Inputs and outputs beyond the last are zeros.
struct StripLayout {
  int64_t outputs = 0, inputs = 0, lanes = 0;
  bool is_bf16 = false;  // the two values of a group are one word, the first one its lower half
  [[nodiscard]] int64_t strips() const;
  [[nodiscard]] int64_t strip_floats() const;
  [[nodiscard]] int64_t block_floats() const { return strips() * strip_floats(); }
  [[nodiscard]] int64_t floats() const { return (outputs + lanes - 1) / lanes * block_floats(); }
};

/// Writes layout.floats() words into zeros; rounds to nearest even where the layout is of bf16.
void pack_strips(const MatrixView& matrix, const StripLayout& layout, float* packed);

}  // namespace scissionlite::kernels
