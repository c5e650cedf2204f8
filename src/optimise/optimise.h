// Graph optimisation: rewrites of a graph that keep what it computes and make it cheaper to run.
//
// What lives here: the table of passes (passes.inc, one file a pass), the loop over them (this file), what passes share
// (rewriter.h, match.h). Relies on graph and ops. Start here, then fuse_conv.cc.
// An optimised graph is for engines of ours: it holds operators of the domain "scissionlite" (FusedConv, ChannelScale, ...),
// whose rules and reference code stand in src/ops. Weights are folded in double and rounded once.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace scissionlite {

enum class PassKind {
  kAlways,
  kChoice,  // pays on some machines and shapes only: runs when asked for
  kLast,    // takes what the others leave: runs when they have nothing more to do
};

struct Pass {
  std::string name;
  PassKind kind;
  std::string summary;
  int (*run)(Graph&);  // returns the number of rewrites
};
/// The table, in the order in which passes run.
[[nodiscard]] std::span<const Pass> all_passes();

struct OptimiseOptions {
  std::vector<std::string> leave_out;  // names of passes
  std::vector<std::string> choose;     // names of passes of kind kChoice that shall run
};

/// One run of a pass. The runs of one call follow each other: `nodes_after` of one is `nodes_before` of the next.
struct PassReport {
  std::string pass;
  int rewrites = 0;
  size_t nodes_before = 0, nodes_after = 0;
};

/// Runs the passes in the table's order, again and again until none of them changes anything (16 rounds at most); those of kind kLast in rounds
/// in which no other one did. The graph
/// is checked after each pass, and `graph.values` holds the types of what is there at the end.
/// Names, types and order of the graph's inputs and outputs stay; so do the results, up to rounding (about 1e-5 of max|y|).
/// An output that depends on no input becomes a constant of the graph.
/// Arithmetic is rewritten in float32 only, and not between DequantizeLinear and QuantizeLinear.
/// @return every run of the first round, and of later rounds those that changed something.
/// @throws InvalidArgument for a name that no pass has, ModelError for a graph that contradicts itself.
std::vector<PassReport> optimise(Graph& graph, const OptimiseOptions& options = {});

/// The pass fuse_depthwise_pointwise on the pairs that `wanted` says yes to: (depthwise node, pointwise node).
int fuse_depthwise_pointwise(Graph& graph, const std::function<bool(const Node&, const Node&)>& wanted);

}  // namespace scissionlite
