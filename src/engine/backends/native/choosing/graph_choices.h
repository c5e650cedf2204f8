// The ways to compute a graph as a selection problem: for each node, or chain of nodes, implementations, knobs and forms of its values;
// costs in microseconds, as tuned where it was measured, else estimated. Private to the native backend.
#pragma once

#include "engine/backends/native/choosing/selection.h"
#include "engine/backends/native/lowering/lowering.h"

namespace scissionlite::native {

/// How a node, or a chain of them, is computed, and why.
struct Choice {
  std::vector<size_t> nodes;
  std::string text;                                // "winograd m=4 tiles=12", "chain of 3 rows=2", "blocked"
  kernels::ConvChoice conv;                        // of one convolution
  int64_t band_rows = 0;                           // of a chain
  std::optional<kernels::KernelPlan> kernel = {};  // generated, of a chain or of one node that is no convolution
  Form form = Form::kPlain;                        // in which it makes its results
  double us = 0;                                   // without conversions
  bool is_measured = false;                        // else estimated
  std::string instead = "";                        // the best way without this one; empty: there is no other
  double instead_us = 0;                           // that it would cost more in all, conversions and consequences for neighbours included
  std::string reason = "";                         // the above in words, where it was asked for
  [[nodiscard]] bool is_chain() const { return nodes.size() > 1; }
};

struct GraphSelection {
  std::vector<Choice> choices;  // in the order of their last nodes; together they compute every node once
};

/// @param l        before anything was lowered.
/// @param explains whether to find out what comes next to each choice: solves once more for each node.
[[nodiscard]] GraphSelection select_for(const Lowering& l, const tune::Choices* tuned, bool explains);

/// What a decision on a convolution is noted for.
[[nodiscard]] std::string convolution_subject(const Node& node);
/// @throws InvalidArgument saying that the node's choice is not among the notes of a compiled model.
[[noreturn]] void fail_unnoted(const Node& node);

/// Notes implementations, knobs, chains and forms, with reasons, so that a compiled model shows and repeats them.
void note_selection(Lowering& l, const GraphSelection& selection);

/// What was noted, without looking for anything. @throws InvalidArgument naming a node whose choice was not noted.
[[nodiscard]] GraphSelection repeated_selection(const Lowering& l);

}  // namespace scissionlite::native
