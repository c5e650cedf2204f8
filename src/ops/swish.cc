// Swish (SiLU): y = x * sigmoid(x), elementwise.
#include "ops/fused.h"

namespace scissionlite::ops {
namespace {

std::vector<Tensor> reference(const Context&, std::span<const Tensor> in) {
  Tensor y = in[0].clone();
  activate({ActivationKind::kSwish}, y.mutable_as<float>());
  return {y};
}

}  // namespace

extern const Operator swish;
const Operator swish{"scissionlite", "Swish", same_as_first, no_cost, reference};

}  // namespace scissionlite::ops
