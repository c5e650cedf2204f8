// The cheapest set of values that crosses a region of a graph through one given value: a minimum cut.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/data_flow.h"

namespace scissionlite {

/// A part of the data flow between two single-tensor cuts, renumbered from 0. Value 0..n-1 in topological order.
struct Region {
  std::vector<int> values;                                // index in the flow
  std::vector<std::vector<int>> uses, sources, siblings;  // within the region
  std::vector<bool> may_cross;                            // false for graph inputs and outputs, and for the region's borders
  std::vector<int64_t> bytes;
};

/// Values (region numbers) that cross when `through` must cross and at most `max_tensors` do; empty when there is no such
/// frontier. Fewest bytes first; when that needs too many tensors, fewest tensors, then bytes.
/// Cost: at most max_tensors + 1 augmenting paths to rule a value out, else one max-flow of the region.
[[nodiscard]] std::vector<int> min_frontier(const Region& region, int through, int max_tensors);

}  // namespace scissionlite
