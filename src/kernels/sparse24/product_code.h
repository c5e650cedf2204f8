// Code made for one sparse matrix: where the non-zeros are is in the instructions, what they are streams beside them.
//
// The matrix is cut into blocks of 16 outputs and pieces of inputs. The code of one (block, piece) computes, for a tile of 16 pixels,
//   sums[output][pixel] (+)= the sum over the piece's inputs of w[output][input] * x[input][pixel],
// the 16 sums in registers, groups of four inputs one after the other: their rows of x are loaded once, and each non-zero is one
// vfmadd231ps with the weight as broadcast memory operand, 7 bytes of code and 4 of weights. Zeros cost nothing.
// Weights lie in the order in which the code reads them: by block, a bias for each output, then by piece, group, first and second of a
// group, output. The last piece's sums are transposed in registers to (pixel, output), end as asked for and are stored: code that all blocks
// share and jump to. Bound: 2 multiply-adds a cycle while a piece's code stays in L1.
#pragma once

#include <vector>

#include "kernels/packed.h"
#include "kernels/sparse24/assembler.h"
#include "kernels/sparse24/weights.h"

namespace scissionlite::kernels {

/// What is done with a tile's sums when they are complete.
struct ProductEnd {
  bool has_residual = false;
  bool is_bounded = false;  // to [lower, upper]
  float lower = 0, upper = 0;
};

class ProductCode {
 public:
  static constexpr int64_t kLanes = 16;  // outputs of a block, pixels of a tile

  /// @param bias          (outputs), or null.
  /// @param piece_groups  groups of four inputs of a piece; the last piece may be shorter.
  ProductCode(const TwoFourLayout& layout, const std::byte* packed, const float* bias, int64_t piece_groups, const ProductEnd& end);

  [[nodiscard]] int64_t blocks() const { return blocks_; }
  [[nodiscard]] int64_t pieces() const { return pieces_; }
  /// @param x         a tile, (4 groups of the matrix, 16): the whole, of which the piece reads its rows.
  /// @param sums      (16 outputs, 16 pixels): what pieces but the first start from, and what pieces but the last leave.
  /// @param y         of the last piece: (16 pixels, 16 outputs).
  /// @param residual  as y, where the end has one.
  void run(int64_t block, int64_t piece, const float* x, float* sums, float* y, const float* residual) const {
    const auto& part = parts_[static_cast<size_t>(block * pieces_ + piece)];
    reinterpret_cast<Function*>(code_.at(part.code_at))(x + piece * piece_groups_ * kTwoFourGroup * kLanes, weights_.data() + part.weights_at, sums, y, residual);
  }
  [[nodiscard]] int64_t bytes() const { return code_.bytes() + weights_.size() * static_cast<int64_t>(sizeof(float)); }

 private:
  using Function = void(const float* x, const float* weights, float* sums, float* y, const float* residual);
  struct Part {
    int64_t code_at = 0, weights_at = 0;  // bytes, floats
  };
  int64_t piece_groups_, blocks_, pieces_;
  std::vector<Part> parts_;
  ExecutableCode code_;
  Packed<float> weights_;
};

}  // namespace scissionlite::kernels
