// A graph as it runs for one image. Private to compress/.
#pragma once

#include "graph/graph.h"

namespace scissionlite::compress {

/// With a batch of one where it is open, and the types that follow from that alone.
[[nodiscard]] Graph for_one_image(const Graph& graph);
/// Shapes of all inputs and results of nodes in such a graph that are known.
[[nodiscard]] std::map<std::string, Shape> known_shapes(const Graph& one_image);

}  // namespace scissionlite::compress
