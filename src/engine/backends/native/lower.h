// What the lowerings share. Private to the native backend.
#pragma once

#include "engine/backends/native/lowering.h"
#include "ops/activation.h"

namespace scissionlite::native {

/// As the kernels take it.
[[nodiscard]] inline kernels::ActivationArguments arguments_of(const ops::Activation& f) { return {f.kind, f.alpha, f.beta}; }
/// Attributes `activation...` of a fused node.
[[nodiscard]] inline kernels::ActivationArguments fused_activation(const Lowering& l, const Node& node) {
  return node.domain.empty() ? kernels::ActivationArguments{} : arguments_of(ops::read_activation({node, l.opset(node)}));
}

/// The convolution that a node's attributes ask for, of an image x with weights w.
[[nodiscard]] kernels::ConvProblem conv_problem_of(const Lowering& l, const Node& node, const Shape& x, const Shape& w);
/// No pad crops, and there is something to compute.
[[nodiscard]] bool is_plain_window(const kernels::ConvProblem& p);

/// Whether a Concat joins float32 images along their channels.
[[nodiscard]] bool takes_channels(const Lowering& l, const Node& node);

/// Nodes of the chain (1x1 convolution, depthwise, 1x1; the first or the last may be absent) that ends with node `last` and whose
/// inner values nothing else reads; empty when there is none.
[[nodiscard]] std::vector<size_t> find_chain(const Lowering& l, size_t last);
/// Whether keeping what lies between its nodes in the cache is worth rows that two threads both compute.
[[nodiscard]] bool chain_pays(const Lowering& l, const std::vector<size_t>& chain);
/// The chain that ends with node `last`, or the end of it, when it pays and takes none of the nodes `taken`; else empty.
[[nodiscard]] std::vector<size_t> choose_chain(Lowering& l, size_t last, const std::set<size_t>& taken);
void lower_chain(Lowering& l, const std::vector<size_t>& chain);

/// Runs the node by the reference code, on plain tensors.
void lower_reference(Lowering& l, const Node& node);

}  // namespace scissionlite::native
