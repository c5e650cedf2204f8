// Code made for one sparse matrix: where the non-zeros are is in the instructions, what they are streams beside them.
//
// The matrix is cut into blocks of 16 outputs and pieces of its groups of four inputs. The code of one (block, piece) computes, for a tile of 16
// pixels,
//   sums[output][pixel] (+)= the sum over the piece's inputs of w[output][input] * x[at[input] + pixel],
// the 16 sums in registers, groups one after the other: their rows of x are loaded once, and each non-zero is one
// vfmadd231ps with the weight as broadcast memory operand, 7 bytes of code and 4 of weights. Zeros cost nothing.
// Weights lie behind the code that reads them, in the order in which it does: a bias for each output before the first piece, then by group,
// first and second of a group, output. The last piece's sums go to memory, are transposed to (pixel, output), end as asked for and are
// stored: by the code of a part while it computes the next tile, between its multiply-adds (48 of 80 operations need no unit that only
// shuffles). While a part runs it brings the next one's code and weights to L2.
// Bound: 2 multiply-adds a cycle while a piece's code stays in L1; 11 bytes a non-zero from beyond L2, once for all tiles in a row.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "kernels/sparse24/assembler.h"
#include "kernels/sparse24/weights.h"

namespace scissionlite::kernels {

/// What is done with a tile's sums when they are complete.
struct ProductEnd {
  bool has_residual = false;
  bool is_bounded = false;  // to [lower, upper]
  float lower = 0, upper = 0;
};

/// Four inputs that are multiplied together, and where their rows lie.
struct GroupInputs {
  int64_t group = 0;                        // of the layout
  std::array<int64_t, kTwoFourGroup> at{};  // floats from a tile's x, of any alignment
};

/// In which order the matrix is multiplied.
struct ProductOrder {
  std::vector<GroupInputs> groups;  // each of the layout's once
  int64_t piece_groups = 1;         // the last piece may be shorter
  int64_t tiles_in_row = 0;  // that a part is run for before the next: each brings its share of that one's code and weights to L2; 0: none of it
  bool is_block_by_block = false;  // the next part is the block's next piece, else the piece's next block
  bool are_rows = false;           // x of a piece is (4 groups, 16): places ascend, which takes shorter code
};
/// Pieces of x as rows, groups as they are.
[[nodiscard]] ProductOrder order_of_rows(const TwoFourLayout& layout, int64_t piece_groups, int64_t tiles_in_row);

class ProductCode {
 public:
  static constexpr int64_t kLanes = 16;  // outputs of a block, pixels of a tile

  /// @param bias  (outputs), or null.
  ProductCode(const TwoFourLayout& layout, const std::byte* packed, const float* bias, const ProductOrder& order, const ProductEnd& end);

  [[nodiscard]] int64_t pieces() const { return pieces_; }
  /// Complete sums and what becomes of them.
  struct Complete {
    const float* sums = nullptr;      // (16 outputs, 16 pixels)
    float* y = nullptr;               // (16 pixels, 16 outputs)
    const float* residual = nullptr;  // as y, where the end has one
  };
  struct Tile {
    const float* x = nullptr;  // what ProductOrder's places are counted from
    float* sums = nullptr;     // (16 outputs, 16 pixels): written, and what pieces but the first start from
    int64_t number = 0;        // among the tiles in a row
  };
  /// @param before  finished meanwhile where the piece is the last one: not this tile's.
  void run(int64_t block, int64_t piece, const Tile& tile, const Complete& before) const {
    const auto at = index_of(block, piece);
    const auto& part = parts_[at];
    call(part, tile, code_.at(parts_[std::min(at + 1, parts_.size() - 1)].code_at + tile.number * part.fetched_bytes), before);
  }
  void finish(const Complete& tile) const { call(finish_, {}, nullptr, tile); }
  [[nodiscard]] int64_t bytes() const { return code_.bytes(); }

 private:
  using Function = void(const float* x, const float* weights, float* sums, const uint8_t* next, const float* complete, float* y,
                        const float* residual);
  struct Part {
    int64_t code_at = 0, weights_at = 0;  // bytes
    int64_t fetched_bytes = 0;            // of the next part, in one run
  };
  void call(const Part& part, const Tile& tile, const uint8_t* next, const Complete& complete) const {
    reinterpret_cast<Function*>(reinterpret_cast<uintptr_t>(code_.at(part.code_at)))(
        tile.x, reinterpret_cast<const float*>(code_.at(part.weights_at)), tile.sums, next, complete.sums, complete.y, complete.residual);
  }
  [[nodiscard]] size_t index_of(int64_t block, int64_t piece) const {
    return static_cast<size_t>(is_block_by_block_ ? block * pieces_ + piece : piece * blocks_ + block);
  }
  int64_t pieces_, blocks_;
  bool is_block_by_block_;
  Part finish_;
  std::vector<Part> parts_;  // in the order in which they are run
  ExecutableCode code_;
};

}  // namespace scissionlite::kernels
