// Orders of input channels in which 2:4 keeps more of the weights.
//
// A permutation changes which channels share a group of four, and so what a mask keeps. Source: Pool and Yu, Channel Permutations for N:M
// Sparsity, 2021.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace scissionlite::compress {

/// Magnitudes of weights: columns are input channels, `rows` values each, one column behind the other.
struct Magnitudes {
  int64_t rows = 0, columns = 0;  // columns: a multiple of 4
  std::vector<float> values;      // columns x rows
  [[nodiscard]] const float* column(int64_t i) const { return values.data() + i * rows; }
};

/// Sum of what 2:4 keeps with columns in that order, and of the larger half of each row: no order keeps more.
[[nodiscard]] double kept_by_two_four(const Magnitudes& matrix, const std::vector<int>& order);
[[nodiscard]] double kept_by_half(const Magnitudes& matrix);

struct PermutationOptions {
  std::string method = "stripes";  // swaps: of two columns, the best one first; stripes: all ways to divide eight columns into two groups
  int64_t escapes = 1000;          // random changes from the best order found, each searched on from
  double seconds = 60;             // at most
  uint64_t seed = 1;
};
/// The best order found, of column numbers; as it is where nothing is better. The same for the same seed where time does not run out.
/// Cost: rows x columns^2 / 16 x 35 x 2 additions a round of stripes; what an accepted change does not touch is not computed again.
/// @throws InvalidArgument for an unknown method or columns that are no multiple of 4.
[[nodiscard]] std::vector<int> best_order(const Magnitudes& matrix, const PermutationOptions& options);

/// Share of the gap between the order as it is and what no order exceeds that `order` closes.
[[nodiscard]] double efficacy(const Magnitudes& matrix, const std::vector<int>& order);

}  // namespace scissionlite::compress
