// A node as a convolution of images with constant weights, and which of them make a chain. Private to the native backend.
#pragma once

#include "engine/backends/native/lowering/lowering.h"
#include "kernels/conv/chain.h"
#include "kernels/generated/kernel_plan.h"
#include "tune/chain_problem.h"

namespace scissionlite::native {

/// What a node convolves with.
struct Stage {
  kernels::ConvProblem problem;
  Tensor w, bias;                     // empty where they are constants that are not computed yet; of a compiled model w has no values
  kernels::WeightSource source = {};  // of w, where it is about to be packed
  kernels::ActivationArguments activation;
  bool has_residual = false;
  [[nodiscard]] kernels::ConvWeights weights() const { return {w.as<float>().data(), bias.empty() ? nullptr : bias.as<float>().data(), source}; }
  [[nodiscard]] kernels::ConvEnd end() const { return {has_residual, activation}; }
  [[nodiscard]] tune::ConvWithEnd with_end() const { return {problem, end()}; }
  [[nodiscard]] kernels::ChainStage chain_stage() const { return {problem, weights(), activation}; }
};

/// Nothing when it is no such convolution, or its weights are not known yet.
[[nodiscard]] std::optional<Stage> stage_of(const Lowering& l, const Node& node);

/// The same for a node whose weights will be known when it is its turn.
[[nodiscard]] std::optional<Stage> coming_stage_of(const Lowering& l, const Node& node);

/// Nodes of every chain (1x1 convolution, depthwise, 1x1; the first or the last may be absent) that ends with node `last` and whose
/// inner values nothing else reads, in the order in which they run.
[[nodiscard]] std::vector<std::vector<size_t>> find_chains(const Lowering& l, size_t last);

/// "network " and a hash of its operators, shapes and convolutions: what a verdict on the whole belongs to.
[[nodiscard]] std::string network_text(const Lowering& l);

/// "chain of 3 rows=2".
[[nodiscard]] std::string chain_text(size_t stages, int64_t band_rows);
/// "generated chain order=0 rows=4 ...": of a kernel of another kind than convolutions.
[[nodiscard]] std::string kernel_text(const kernels::KernelPlan& plan);

/// For the kernel; refers to the stages' weights.
[[nodiscard]] kernels::ChainProblem chain_problem(const std::vector<Stage>& stages);

}  // namespace scissionlite::native
