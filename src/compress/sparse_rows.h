// Weights as rows of input channels, wherever they lie. Private to compress/.
#pragma once

#include <array>

#include "compress/two_four.h"

namespace scissionlite::compress {

class SparseRows {
 public:
  explicit SparseRows(const SparseLayer& layer)
      : inputs_(layer.inputs),
        outputs_(layer.outputs),
        taps_(layer.taps),
        of_input_(layer.is_transposed ? layer.outputs : layer.taps),
        of_output_(layer.is_transposed ? 1 : layer.inputs * layer.taps) {}
  [[nodiscard]] int64_t count() const { return outputs_ * taps_; }
  [[nodiscard]] size_t place(int64_t row, int64_t input) const {
    return static_cast<size_t>(row / taps_ * of_output_ + row % taps_ + input * of_input_);
  }

  /// Calls `visit` with the places of four neighbouring inputs, for every whole group of every row.
  template <typename Visit>
  void for_each_group(Visit&& visit) const {
    for (int64_t row = 0; row < count(); ++row)
      for (int64_t i = 0; i + 4 <= inputs_; i += 4)
        visit(std::array<size_t, 4>{place(row, i), place(row, i + 1), place(row, i + 2), place(row, i + 3)});
  }

 private:
  int64_t inputs_, outputs_, taps_, of_input_, of_output_;
};

}  // namespace scissionlite::compress
