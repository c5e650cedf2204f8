// 2:4 sparsity: in every group of four weights along the input channels two are zero.
//
// Rules and masks are those of NVIDIA's ASP: Mishra et al., Accelerating Sparse Deep Neural Networks, 2021 (arXiv 2104.08378).
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace scissionlite::compress {

/// Weights of one layer, as rows of input channels: of a convolution (outputs, inputs, kernel_h, kernel_w) a row for each output and
/// place of the kernel.
struct SparseLayer {
  std::string node;                           // label
  std::string weights;                        // the constant
  std::string op_type;                        // Conv, Gemm or MatMul
  bool is_transposed = false;                 // (inputs, outputs): MatMul, and Gemm without transB
  int64_t outputs = 0, inputs = 0, taps = 1;  // inputs of a group
  std::string not_eligible;                   // why ASP leaves it dense, or empty
};

/// How far weights satisfy 2:4.
struct TwoFourShare {
  int64_t groups = 0;     // of four; the last inputs of a row that make no whole group are not counted
  int64_t satisfied = 0;  // with two zeros or more
  int64_t zeros = 0, values = 0;
  [[nodiscard]] double share() const { return groups > 0 ? static_cast<double>(satisfied) / static_cast<double>(groups) : 0; }
};

/// Every Conv, Gemm and MatMul with constant float32 weights, in the order of the graph. Eligible are those whose outputs are a multiple of 8
/// and whose inputs (of a group) are one of 16.
[[nodiscard]] std::vector<SparseLayer> find_sparse_layers(const Graph& graph);

[[nodiscard]] TwoFourShare two_four_share(const SparseLayer& layer, const Tensor& weights);

/// Ones where the two largest magnitudes of each group stand, the first ones where they are equal, and zeros elsewhere. Shape of the weights.
[[nodiscard]] Tensor two_four_mask(const SparseLayer& layer, const Tensor& weights);

/// Weights where the mask is one.
[[nodiscard]] Tensor masked(const Tensor& weights, const Tensor& mask);

}  // namespace scissionlite::compress
