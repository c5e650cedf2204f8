// Gemm and MatMul.
#include "train/op/support.h"

namespace scissionlite::train::op {

/// Debian's libtorch multiplies matrices with the BLAS it finds, which is the reference one by default (1 GFLOP/s);
/// convolutions always run in oneDNN. Small products stay where they are: a convolution costs 20 us to set up.
torch::Tensor product(const torch::Tensor& a, const torch::Tensor& b) {
  constexpr int64_t kSmall = 1 << 18;
  const int64_t n = a.size(0), k = a.size(1), m = b.size(1);
  if (a.scalar_type() != torch::kFloat || b.scalar_type() != torch::kFloat || n * k * m < kSmall) return at::mm(a, b);
  return at::conv2d(a.reshape({n, k, 1, 1}), b.t().reshape({m, k, 1, 1})).view({n, m});
}

Tensors gemm(const OpContext& c, const Tensors& in) {
  const auto a = c.node.int_attribute("transA", 0) ? in[0].t() : in[0];
  const auto b = c.node.int_attribute("transB", 0) ? in[1].t() : in[1];
  if (a.dim() != 2 || b.dim() != 2 || a.size(1) != b.size(0))
    fail(c, "cannot multiply " + to_string(shape_of(in[0])) + " by " + to_string(shape_of(in[1])) + " with transA=" +
                std::to_string(c.node.int_attribute("transA", 0)) + ", transB=" + std::to_string(c.node.int_attribute("transB", 0)));
  auto y = product(a, b);
  if (const double alpha = c.node.float_attribute("alpha", 1); alpha != 1) y = y * alpha;
  if (!given(in, 2)) return {y};
  const double beta = c.node.float_attribute("beta", 1);
  return {y + (beta == 1 ? in[2] : in[2] * beta)};
}

/// Numpy's rules. One matrix for all batches is one product.
Tensors matmul(const OpContext& c, const Tensors& in) {
  const auto &a = in[0], &b = in[1];
  if (!a.is_floating_point() || a.dim() < 2 || b.dim() != 2) return {at::matmul(a, b)};
  if (a.size(-1) != b.size(0)) fail(c, "cannot multiply " + to_string(shape_of(a)) + " by " + to_string(shape_of(b)));
  auto shape = a.sizes().vec();
  shape.back() = b.size(1);
  return {product(a.reshape({-1, a.size(-1)}), b).view(shape)};
}

}  // namespace scissionlite::train::op
