// Kernels made to order: what one computes and how, of any kind. A kind is a line of kernel_kinds.inc.
//
// What lives here: plans (this file), which each kind's own file turns into sizes, packed weights and cuts of the work (conv_plan.h,
// chain_plan.h, pool_plan.h, strip_plan.h); the objects that plans become (kernel_object.h); those that this process has (kernel_store.h); and what
// runs them as a chain, a pooling or a strip (chain_kernel.h, pool_kernel.h, strip_kernel.h; convolutions are the row `generated` of conv.inc). The
// generator and the engine both read the plans, so that they agree.
#pragma once

#include "kernels/conv/conv.h"

namespace scissionlite::kernels {

struct KernelPlan {
  std::string problem;  // "conv mb1ic64...", "chain conv ... + conv ...", "pool max mb1ic64...", "strip mb1ic64...; Mul %0 %1"
  Knobs knobs;
  std::string target;  // "x86-64-avx2": architecture and VectorLoops::isa

  [[nodiscard]] int64_t lanes() const;
  [[nodiscard]] int64_t knob(const std::string& name) const { return knobs.at(name); }
  /// What the object says it is: "scissionlite.kernel/1 x86-64-avx2 conv mb1ic... generated algorithm=0 ...".
  [[nodiscard]] std::string identity() const;
  /// Why there is no such kernel, or empty. @throws InvalidArgument for a text that is no problem.
  [[nodiscard]] std::string reason_against() const;
};

/// All that the kinds share is text, so that whoever makes, stores, tunes or loads kernels needs no more. Functions that take a problem's
/// text throw InvalidArgument where it is not understood.
struct KernelKind {
  const char* name;
  /// Why no kernel computes the problem, or empty.
  std::string (*reason_against)(const std::string& problem);
  /// What may be set, most important first.
  std::vector<KnobRange> (*knobs)(const std::string& problem, int64_t lanes);
  /// What is tried first.
  Knobs (*usual)(const std::string& problem, int64_t lanes);
  /// Why knobs that are all in their ranges do not go together, or empty.
  std::string (*reason_against_knobs)(const KernelPlan& plan);
};
[[nodiscard]] const std::vector<const KernelKind*>& kernel_kinds();
/// By the first word of a problem's text. @throws InvalidArgument naming the known ones.
[[nodiscard]] const KernelKind& kernel_kind_of(const std::string& problem);

/// "x86-64-avx2" of this process's architecture.
[[nodiscard]] std::string target_of(const VectorLoops& loops);
/// Lanes of a target. @throws InvalidArgument naming the known ones.
[[nodiscard]] int64_t lanes_of_target(const std::string& target);

/// What plans of all kinds need.
constexpr int64_t kMostPanelBlocks = 6;  // vectors of a panel
/// Vectors of a register tile; AVX-512 and arm-64 have 32 registers.
[[nodiscard]] constexpr int64_t most_tile_vectors(int64_t lanes) { return lanes == 8 ? 16 : 28; }
[[nodiscard]] std::vector<int64_t> up_to(std::vector<int64_t> values, int64_t most);
[[nodiscard]] std::vector<int64_t> divisors(int64_t of, int64_t most);
/// Of each knob the largest value up to the one given, else the first.
[[nodiscard]] Knobs largest_up_to(const std::vector<KnobRange>& ranges, const Knobs& most);
/// Why knobs are not of these ranges, or empty.
[[nodiscard]] std::string reason_against_values(const Knobs& knobs, const std::vector<KnobRange>& ranges, const std::string& problem);
/// Of a register tile.
[[nodiscard]] std::string reason_against_tile(int64_t vectors, int64_t lanes);

}  // namespace scissionlite::kernels
