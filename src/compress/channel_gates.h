// Scales for channels that no BatchNormalization scales: networks whose normalisations are folded, or that have none.
#pragma once

#include <set>
#include <string>

#include "graph/graph.h"

namespace scissionlite::compress {

struct GatedGraph {
  Graph graph;
  std::set<std::string> gates;  // constants, ones: (channels, 1, 1), or (channels) behind a dense layer
};
/// A Mul behind each Conv, ConvTranspose and Gemm whose channels could be removed and that no BatchNormalization follows.
[[nodiscard]] GatedGraph with_channel_gates(const Graph& graph);
/// Gates multiplied into the weights and biases before them.
[[nodiscard]] Graph without_channel_gates(const Graph& graph, const std::set<std::string>& gates);

}  // namespace scissionlite::compress
