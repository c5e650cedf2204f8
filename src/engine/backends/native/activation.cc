#include "engine/backends/native/lower.h"

namespace scissionlite::native {

kernels::ActivationArguments arguments_of(const ops::Activation& activation) {
  using From = ops::ActivationKind;
  using To = kernels::ActivationKind;
  const auto kind = [&] {
    switch (activation.kind) {
      case From::kNone: return To::kNone;
      case From::kRelu: return To::kRelu;
      case From::kClip: return To::kClip;
      case From::kHardSwish: return To::kHardSwish;
      case From::kHardSigmoid: return To::kHardSigmoid;
      case From::kSigmoid: return To::kSigmoid;
      case From::kSwish: return To::kSwish;
      case From::kLeakyRelu: return To::kLeakyRelu;
      case From::kTanh: return To::kTanh;
      case From::kElu: return To::kElu;
    }
    return To::kNone;
  };
  return {kind(), activation.alpha, activation.beta};
}

kernels::ActivationArguments fused_activation(const Lowering& l, const Node& node) {
  return node.domain.empty() ? kernels::ActivationArguments{} : arguments_of(ops::read_activation({node, l.opset(node)}));
}

}  // namespace scissionlite::native
