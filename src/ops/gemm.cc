// Gemm and MatMul: products with a fixed order of summation along k.
#include "ops/support.h"

namespace scissionlite::ops {
namespace {

/// c (m, n) += a (m, k) * b (k, n), row strides given; columns are the vectorised inner loop.
void multiply(const float* a, int64_t a_row, int64_t a_col, const float* b, int64_t b_row, int64_t b_col, float* c, int64_t m, int64_t n, int64_t k) {
  for (int64_t i = 0; i < m; ++i)
    for (int64_t l = 0; l < k; ++l) {
      const float v = a[i * a_row + l * a_col];
      const float* row = b + l * b_row;
      float* out = c + i * n;
      if (b_col == 1)
        for (int64_t j = 0; j < n; ++j) out[j] += v * row[j];
      else
        for (int64_t j = 0; j < n; ++j) out[j] += v * row[j * b_col];
    }
}

struct GemmSizes {
  int64_t m, n, k;
  bool ta, tb;
};
GemmSizes gemm_sizes(const Context& c, const Shape& a, const Shape& b) {
  if (a.size() != 2 || b.size() != 2) fail(c, "needs two matrices, got " + to_string(a) + " and " + to_string(b));
  const bool ta = c.node.int_attribute("transA", 0) != 0, tb = c.node.int_attribute("transB", 0) != 0;
  const GemmSizes s{ta ? a[1] : a[0], tb ? b[0] : b[1], ta ? a[0] : a[1], ta, tb};
  const int64_t kb = tb ? b[1] : b[0];
  if (s.k >= 0 && kb >= 0 && s.k != kb)
    fail(c,
         "inner sizes differ: " + to_string(a) + " and " + to_string(b) + " (transA=" + std::to_string(ta) + ", transB=" + std::to_string(tb) + ")");
  return s;
}

/// It repeats along the product, and not the other way round.
void check_bias(const Context& c, const Shape& bias, const Shape& product) {
  const auto sum = broadcast(c, bias, product);
  if (sum.size() != 2 || (is_static(bias) && is_static(product) && sum != product))
    fail(c, "the bias " + to_string(bias) + " does not fit the product " + to_string(product));
}

std::vector<ValueInfo> gemm_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor>) {
  if (!in[0].has_shape || !in[1].has_shape) return {unshaped(in[0].dtype)};
  const auto s = gemm_sizes(c, in[0].shape, in[1].shape);
  if (in.size() > 2 && in[2].has_shape) check_bias(c, in[2].shape, {s.m, s.n});
  return {typed(in[0].dtype, {s.m, s.n})};
}
int64_t gemm_cost(const Context& c, std::span<const ValueInfo> in, std::span<const ValueInfo>) {
  if (!in[0].has_shape || !in[1].has_shape || !is_static(in[0].shape) || !is_static(in[1].shape)) return 0;
  const auto s = gemm_sizes(c, in[0].shape, in[1].shape);
  return s.m * s.n * s.k;
}
std::vector<Tensor> gemm_reference(const Context& c, std::span<const Tensor> in) {
  const auto s = gemm_sizes(c, in[0].shape(), in[1].shape());
  const float alpha = c.node.float_attribute("alpha", 1), beta = c.node.float_attribute("beta", 1);
  Tensor y(Dtype::kF32, {s.m, s.n});
  float* out = y.mutable_as<float>().data();
  std::fill_n(out, s.m * s.n, 0.0f);
  multiply(in[0].as<float>().data(), s.ta ? 1 : s.k, s.ta ? s.m : 1, in[1].as<float>().data(), s.tb ? 1 : s.n, s.tb ? s.k : 1, out, s.m, s.n, s.k);
  if (in.size() > 2 && !in[2].empty()) {
    const float* bias = in[2].as<float>().data();
    for_each_offset<1>({s.m, s.n}, {broadcast_strides(in[2].shape(), {s.m, s.n})},
                       [&](int64_t i, const auto& offset) { out[i] = alpha * out[i] + beta * bias[offset[0]]; });
  } else if (alpha != 1) {
    for (int64_t i = 0; i < s.m * s.n; ++i) out[i] *= alpha;
  }
  return {y};
}

struct MatMulSizes {
  Shape batch, a, b, out;  // a and b with two dimensions at least
};
MatMulSizes matmul_sizes(const Context& c, Shape a, Shape b) {
  if (a.empty() || b.empty()) fail(c, "needs tensors, got " + to_string(a) + " and " + to_string(b));
  const bool a_vector = a.size() == 1, b_vector = b.size() == 1;
  if (a_vector) a.insert(a.begin(), 1);
  if (b_vector) b.push_back(1);
  if (a.back() >= 0 && b[b.size() - 2] >= 0 && a.back() != b[b.size() - 2]) fail(c, "inner sizes differ: " + to_string(a) + " and " + to_string(b));
  MatMulSizes s{broadcast(c, {a.begin(), a.end() - 2}, {b.begin(), b.end() - 2}), a, b, {}};
  s.out = s.batch;
  if (!a_vector) s.out.push_back(a[a.size() - 2]);
  if (!b_vector) s.out.push_back(b.back());
  return s;
}
std::vector<ValueInfo> matmul_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor>) {
  if (!in[0].has_shape || !in[1].has_shape) return {unshaped(in[0].dtype)};
  return {typed(in[0].dtype, matmul_sizes(c, in[0].shape, in[1].shape).out)};
}
int64_t matmul_cost(const Context&, std::span<const ValueInfo> in, std::span<const ValueInfo> out) {
  if (!in[0].has_shape || in[0].shape.empty() || !out[0].has_shape || !is_static(out[0].shape)) return 0;
  return element_count(out[0].shape) * std::max<int64_t>(0, in[0].shape.back());
}
std::vector<Tensor> matmul_reference(const Context& c, std::span<const Tensor> in) {
  const auto s = matmul_sizes(c, in[0].shape(), in[1].shape());
  Tensor y(Dtype::kF32, s.out);
  const int64_t m = s.a[s.a.size() - 2], k = s.a.back(), n = s.b.back();
  float* out = y.mutable_as<float>().data();
  std::fill_n(out, y.size(), 0.0f);
  const auto strides_a = broadcast_strides({s.a.begin(), s.a.end() - 2}, s.batch),
             strides_b = broadcast_strides({s.b.begin(), s.b.end() - 2}, s.batch);
  for_each_offset<2>(s.batch, {strides_a, strides_b}, [&](int64_t i, const auto& offset) {
    multiply(in[0].as<float>().data() + offset[0] * m * k, k, 1, in[1].as<float>().data() + offset[1] * k * n, n, 1, out + i * m * n, m, n, k);
  });
  return {y};
}

}  // namespace

extern const Operator gemm, matmul;
const Operator gemm{"", "Gemm", gemm_shape, gemm_cost, gemm_reference, 2};
const Operator matmul{"", "MatMul", matmul_shape, matmul_cost, matmul_reference, 2};

}  // namespace scissionlite::ops
