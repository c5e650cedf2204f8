// What the lowerings share. Private to the native backend.
#pragma once

#include "engine/backends/native/lowering/lowering.h"
#include "kernels/parallel.h"
#include "kernels/pool/pool.h"
#include "kernels/strip/strip.h"
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

/// Whether every part of such a Concat is a whole number of blocks but the last: no lane moves.
[[nodiscard]] bool keeps_lanes(const Lowering& l, const Node& node);

/// The form that was selected for the node's values, or the one in which its first input lies.
[[nodiscard]] Layout selected_layout(const Lowering& l, const Node& node);
[[nodiscard]] bool is_selected_view(const Lowering& l, const Node& node);

/// Shares begin at multiples of 16 so that only the last one ends within a vector.
[[nodiscard]] inline kernels::Range share_of_floats(int64_t count, const kernels::Member& member) {
  const auto units = kernels::share_of((count + 15) / 16, member);
  return {units.begin * 16, std::min(units.end * 16, count)};
}

/// Whether the node is one or several elementwise operators that vectors compute.
[[nodiscard]] bool is_elementwise(const Lowering& l, const Node& node);
/// Layouts in which such a node reads its inputs when its result lies blocked; empty where it cannot.
[[nodiscard]] std::vector<Layout> blocked_reads(const Lowering& l, const Node& node);

/// Whether vectors do this Cast.
[[nodiscard]] bool has_fast_cast(const Lowering& l, const Node& node);

/// What a MaxPool or AveragePool of images asks for; nothing where only the reference code does it.
[[nodiscard]] std::optional<kernels::PoolProblem> pool_problem_of(const Lowering& l, const Node& node);

/// What an elementwise node of blocked images asks for; nothing where it is none, or the lowering computes it otherwise.
[[nodiscard]] std::optional<kernels::StripProblem> strip_problem_of(const Lowering& l, const Node& node);

/// The problem of a kernel that may compute the node: of a pooling or an elementwise program; empty for all others.
[[nodiscard]] std::string kernel_problem_of(const Lowering& l, const Node& node);

/// Nodes that make a chain (conv_stage.h) as one step.
void lower_chain(Lowering& l, const Choice& choice);

/// Runs the node by the reference code, on plain tensors.
void lower_reference(Lowering& l, const Node& node);

}  // namespace scissionlite::native
