// FusedGemm: y = activation(gemm(a, b, c)). Inputs and attributes of Gemm, and the attributes of activation.h.
#include "ops/fused.h"

namespace scissionlite::ops {

extern const Operator gemm, fused_gemm;

namespace {

std::vector<ValueInfo> shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  (void)read_activation(c);
  return gemm.shape(c, in, constants);
}

int64_t cost(const Context& c, std::span<const ValueInfo> in, std::span<const ValueInfo> out) { return gemm.cost(c, in, out); }

std::vector<Tensor> reference(const Context& c, std::span<const Tensor> in) {
  auto out = gemm.reference(c, in);
  add_and_activate(c, Tensor(), read_activation(c), out[0]);
  return out;
}

}  // namespace

const Operator fused_gemm{"scissionlite", "FusedGemm", shape, cost, reference, 2};

}  // namespace scissionlite::ops
