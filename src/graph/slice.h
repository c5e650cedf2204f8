// Slices of graphs: take a part between two sets of values, join two graphs end to end, rename.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace scissionlite {

/// The part of `graph` that computes `outputs` from `inputs`: nodes found backwards from `outputs`, stopping at
/// `inputs`. Constants it needs come along. Structural: no operator is interpreted.
/// @throws InvalidArgument when an output also depends on a graph input that is not among `inputs` (names the path's
/// first value), or a name is unknown.
[[nodiscard]] Graph extract(const Graph& graph, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs);

/// Head and tail of a cut: head computes the cut tensors from the graph's inputs, tail the outputs from the cut tensors.
struct Slices {
  Graph head, tail;
};
/// @throws InvalidArgument when `tensors` is not a cut (a path goes round it; the message names it).
[[nodiscard]] Slices cut_graph(const Graph& graph, const std::vector<std::string>& tensors);

/// Appends `second` to `first`: inputs of `second` named as outputs of `first` are wired, inner names of `second` that
/// clash are renamed. Outputs are those of `second`, plus those of `first` that `second` does not consume.
/// Opsets must agree per domain; initialisers are shared. Metadata is that of `first`.
/// @throws InvalidArgument when opsets or the types of wired values differ.
[[nodiscard]] Graph join(const Graph& first, const Graph& second);

/// Renames a value everywhere (inputs, outputs, nodes, initialisers).
void rename_value(Graph& graph, const std::string& from, const std::string& to);

/// Fixes the batch (first) dimension of every input to `batch` where it is dynamic; other dynamic sizes stay.
[[nodiscard]] Graph with_batch(const Graph& graph, int64_t batch);

}  // namespace scissionlite
