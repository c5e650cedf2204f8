// Gemm, FusedGemm and MatMul with constant weights.
#include "engine/backends/native/lowering/lower.h"
#include "kernels/bf16/dense.h"
#include "kernels/dense/two_four_dense.h"

namespace scissionlite::native {
namespace {

struct Product {
  int64_t m = 0, k = 0, n = 0;
  bool is_transposed = false;  // weights are (n, k)
};

constexpr const char *kDense = "dense", *kBf16 = "dense bf16", *kSparse = "dense sparse24", *kSparseBf16 = "dense sparse24 bf16";

/// As decided when the model was compiled, where it was: the CPU then may have had other instructions. What is not noted is dense.
std::string way_of(Lowering& l, const Node& node, const Product& p, const std::string& weights_value) {
  const auto subject = "product at " + node.outputs[0];
  if (l.repeats()) return l.decided(subject) ? l.decided(subject)->implementation : kDense;
  const bool is_bf16 = l.precision() == kernels::Precision::kBf16;
  std::string way = kDense;
  if (kernels::TwoFourDense::pays(p.m, l.loops()) && l.is_two_four(weights_value, !p.is_transposed)) way = is_bf16 ? kSparseBf16 : kSparse;
  else if (is_bf16 && kernels::Bf16Dense::pays(p.m, l.loops())) way = kBf16;
  if (way != kDense && l.notes()) l.note(subject, {way, {}, ""});
  return way;
}

void add_product(Lowering& l, const Node& node, const Product& p, const std::string& weights_value, const Tensor& bias,
                 const kernels::ActivationArguments& activation) {
  const auto weights = l.weights(weights_value);
  const kernels::Dense::Weights w{weights.as<float>().data(), p.is_transposed ? 1 : p.n, p.is_transposed ? p.k : 1,
                                  bias.empty() ? nullptr : bias.as<float>().data(), l.weight_source(weights_value)};
  const auto x = l.plain(node.inputs[0]), y = l.make(node.outputs[0], Layout::kPlain);
  const auto way = way_of(l, node, p, weights_value);
  Step step{.node = node.label(), .implementation = way, .inputs = {x}, .outputs = {y}, .scratch_bytes = 0, .macs = p.m * p.k * p.n};
  if (way == kBf16) {
    const auto dense = std::make_shared<const kernels::Bf16Dense>(p.k, p.n, w, activation, l.loops());
    step.scratch_bytes = dense->scratch_bytes(p.m);
    step.run = [=](const Frame& f) { dense->run(f.floats(x), p.m, f.floats(y), f.scratch, f.threads); };
    step.precision = kernels::Precision::kBf16;
  } else if (way == kSparse || way == kSparseBf16) {
    step.precision = way == kSparse ? kernels::Precision::kF32 : kernels::Precision::kBf16;
    const auto dense = std::make_shared<const kernels::TwoFourDense>(p.k, p.n, w, activation, l.loops(), step.precision);
    step.run = [=](const Frame& f) { dense->run(f.floats(x), p.m, f.floats(y), f.threads); };
  } else {
    const auto dense = std::make_shared<const kernels::Dense>(p.k, p.n, w, activation, l.loops());
    step.run = [=](const Frame& f) { dense->run(f.floats(x), p.m, f.floats(y), f.threads); };
  }
  l.add(std::move(step));
}

}  // namespace

bool lower_gemm(Lowering& l, const Node& node) {
  const auto x = l.info(node.inputs[0]);
  const auto weights = l.weights(node.inputs[1]);
  const bool has_bias = node.inputs.size() > 2 && !node.inputs[2].empty(), is_transposed = node.int_attribute("transB", 0) != 0;
  const auto bias = has_bias ? l.constant(node.inputs[2]) : Tensor();
  if (x.dtype != Dtype::kF32 || x.shape.size() != 2 || weights.dtype() != Dtype::kF32 || node.int_attribute("transA", 0) != 0) return false;
  if (node.float_attribute("alpha", 1) != 1 || (has_bias && node.float_attribute("beta", 1) != 1)) return false;
  const Product p{x.shape[0], x.shape[1], weights.shape()[is_transposed ? 0 : 1], is_transposed};
  const bool is_a_row = bias.shape() == Shape{p.n} || bias.shape() == Shape{1, p.n};
  if (p.m * p.k * p.n == 0 || (has_bias && (bias.empty() || !is_a_row))) return false;
  add_product(l, node, p, node.inputs[1], bias, fused_activation(l, node));
  return true;
}

bool lower_matmul(Lowering& l, const Node& node) {
  const auto x = l.info(node.inputs[0]);
  const auto weights = l.weights(node.inputs[1]);
  if (x.dtype != Dtype::kF32 || x.shape.size() < 2 || weights.dtype() != Dtype::kF32 || weights.shape().size() != 2) return false;
  const int64_t k = x.shape.back(), n = weights.shape()[1];
  if (element_count(x.shape) * n == 0) return false;
  add_product(l, node, {element_count(x.shape) / k, k, n, false}, node.inputs[1], Tensor(), {});
  return true;
}

}  // namespace scissionlite::native
