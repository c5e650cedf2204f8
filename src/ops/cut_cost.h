// What the head of each cut computes, in multiply-accumulates.
#pragma once

#include <vector>

#include "graph/cuts.h"

namespace scissionlite::ops {

/// Prepares a freshly loaded model for everything that follows: infers shapes for batch 1 where the batch is dynamic.
/// The graph's own interface keeps its dynamic batch.
void annotate(Graph& graph);

/// Fills `head_macs` of every cut. Call after `annotate`.
void set_head_macs(const Graph& graph, std::vector<Cut>& cuts);

/// Sum over all nodes.
[[nodiscard]] int64_t total_macs(const Graph& graph);

/// annotate + find_cuts + set_head_macs.
[[nodiscard]] std::vector<Cut> find_costed_cuts(Graph& graph, const CutOptions& options = {});

}  // namespace scissionlite::ops
