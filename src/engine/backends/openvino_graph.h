// What OpenVINO is given of a graph.
#pragma once

#include "graph/graph.h"

namespace scissionlite {

/// OpenVINO computes a few valid operators otherwise than ONNX defines them, and says nothing. Those that have an exact form which it computes as
/// defined are written in that form; the others are refused.
/// @throws Unsupported naming the node.
[[nodiscard]] Graph as_openvino_computes(const Graph& graph);

}  // namespace scissionlite
