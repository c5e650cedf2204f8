// Which layers of a model satisfy 2:4 sparsity, for `inspect --sparsity`.
#pragma once

#include "base/json.h"
#include "graph/graph.h"

namespace scissionlite::cli {

/// A line a layer with weights; constants are folded first, so that weights behind DequantizeLinear count.
[[nodiscard]] Json sparsity_json(const Graph& graph);
void print_sparsity(const Graph& graph);

}  // namespace scissionlite::cli
