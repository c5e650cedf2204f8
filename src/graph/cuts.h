// Where a model can be cut: single tensors that every path crosses, and small sets of tensors through skips and branches.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace scissionlite {

/// A place to cut: the tensors that cross from head to tail. Identified by `id`, stable for one model.
struct Cut {
  std::string id;                    // "12" = after topological position 12 (single tensor); "12+9" for several
  std::vector<std::string> tensors;  // in topological order of their producers
  std::vector<Shape> shapes;         // per tensor, batch 1; empty where unknown
  std::vector<Dtype> dtypes;
  int64_t position = 0;    // number of data nodes in the head
  int64_t bytes = -1;      // of all tensors, plain; -1 when a shape is unknown
  int64_t head_macs = -1;  // multiply-accumulates of the head; -1 when unknown (filled in by ops)
  int region = 0;          // index of the block it lies in or ends (block i ends at the i-th single cut)
  [[nodiscard]] bool is_single() const { return tensors.size() == 1; }
};

struct CutOptions {
  int max_tensors = 3;            // 1 gives the published rule only
  bool include_reshaping = true;  // false skips cuts after Reshape, Flatten, Dropout, Identity ... that move no data
};

/// All single-tensor cuts by the published rule (no path goes round the tensor; constants do not count), and per region
/// between two of them the multi-tensor frontier with the fewest bytes through each node, Pareto-filtered by bytes.
/// Order: by position. Neither inputs nor outputs of the graph are cuts (those are edge-only and local-only).
/// Cost: O(nodes) for single cuts; bounded max-flows per region for the others.
/// Source: ScissionLite (arXiv 2105.02019) for the single-tensor rule.
[[nodiscard]] std::vector<Cut> find_cuts(const Graph& graph, const CutOptions& options = {});

/// Why the value is not a single-tensor cut: "" when it is one, else a sentence naming the parallel path.
[[nodiscard]] std::string why_not_a_cut(const Graph& graph, const std::string& value);

/// Finds a cut by id or by tensor names joined with '+' or ','. @throws InvalidArgument with the nearest names.
[[nodiscard]] Cut find_cut(const std::vector<Cut>& cuts, const std::string& id_or_tensors);

}  // namespace scissionlite
