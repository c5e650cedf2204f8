// Code made for one sparse matrix: where the non-zeros are is in the instructions, what they are streams beside them.
//
// The matrix is cut into blocks of 16 outputs and pieces of inputs. The code of one (block, piece) computes, for a tile of 16 pixels,
//   sums[output][pixel] (+)= the sum over the piece's inputs of w[output][input] * x[input][pixel],
// the 16 sums in registers, groups of four inputs one after the other: their rows of x are loaded once, and each non-zero is one
// vfmadd231ps with the weight as broadcast memory operand, 7 bytes of code and 4 of weights. Zeros cost nothing.
// Weights lie behind the code that reads them, in the order in which it does: a bias for each output before the first piece, then by group,
// first and second of a group, output. The last piece's sums are transposed in registers to (pixel, output), end as asked for and are
// stored: code that all blocks share and jump to. While a part runs it brings the next one's code and weights to L2.
// Bound: 2 multiply-adds a cycle while a piece's code stays in L1; 11 bytes a non-zero from beyond L2, once for all tiles in a row.
#pragma once

#include <algorithm>
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

/// How a part is run, for what it brings to L2 meanwhile.
struct ProductRuns {
  int64_t tiles = 1;        // for so many in a row, before the next part: each brings its share of that one's code and weights
  int64_t input_lines = 0;  // of 64 bytes, at Tile::next_x
};

class ProductCode {
 public:
  static constexpr int64_t kLanes = 16;  // outputs of a block, pixels of a tile

  /// @param bias          (outputs), or null.
  /// @param piece_groups  groups of four inputs of a piece; the last piece may be shorter.
  ProductCode(const TwoFourLayout& layout, const std::byte* packed, const float* bias, int64_t piece_groups, const ProductRuns& runs, const ProductEnd& end);

  [[nodiscard]] int64_t pieces() const { return pieces_; }
  struct Tile {
    const float* x = nullptr;         // (4 groups of the matrix, 16): the whole, of which a piece reads its rows
    float* sums = nullptr;            // (16 outputs, 16 pixels): what pieces but the first start from, and what pieces but the last leave
    float* y = nullptr;               // of the last piece: (16 pixels, 16 outputs)
    const float* residual = nullptr;  // as y, where the end has one
    const float* next_x = nullptr;    // what will soon be read
    int64_t number = 0;               // among the tiles in a row
  };
  void run(int64_t block, int64_t piece, const Tile& tile) const {
    const auto at = static_cast<size_t>(block * pieces_ + piece);
    const auto& part = parts_[at];
    const auto* const next = code_.at(parts_[std::min(at + 1, parts_.size() - 1)].code_at + tile.number * part.fetched_bytes);
    reinterpret_cast<Function*>(code_.at(part.code_at))(tile.x + piece * piece_groups_ * kTwoFourGroup * kLanes, reinterpret_cast<const float*>(code_.at(part.weights_at)), tile.sums, tile.y, tile.residual, next, tile.next_x);
  }
  [[nodiscard]] int64_t bytes() const { return code_.bytes(); }

 private:
  using Function = void(const float* x, const float* weights, float* sums, float* y, const float* residual, const uint8_t* next, const float* next_x);
  struct Part {
    int64_t code_at = 0, weights_at = 0;  // bytes
    int64_t fetched_bytes = 0;            // of the next part, in one run
  };
  int64_t piece_groups_, pieces_;
  std::vector<Part> parts_;  // by block and piece
  ExecutableCode code_;
};

}  // namespace scissionlite::kernels
