// Parts of a network that it can do without: residual blocks, and layers of a plain network whose input has their output's shape.
//
// Each gets a gate, a number that its branch is multiplied with: y = s + g * branch(s), and of a plain layer y = x + g * (layer(x) - x).
// With a gate of one the network computes what it did; with zero the block is gone. Source: Huang and Wang, Data-Driven Sparse
// Structure Selection for Deep Neural Networks, 2018.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace scissionlite::compress {

struct Block {
  std::string name;      // of its gate: "gate/" and the joining node, or the layer's last one
  std::string from, to;  // values: what it reads, and its result
  std::string branch;    // value that is gated
  bool is_residual = true;
  std::set<size_t> nodes;            // that only the branch needs; numbers in the graph
  int64_t parameters = 0, macs = 0;  // of these nodes, for a batch of one
};

/// Residual blocks: an Add of a value and of what is computed from this value alone, which nothing else reads. Where there are none,
/// layers: a convolution with its BatchNormalization and activation that keeps its input's shape. In the order of the graph.
/// Shapes are inferred for a batch of one.
[[nodiscard]] std::vector<Block> find_blocks(const Graph& graph);

/// The graph with a gate, a constant of one element that is one, in each of the blocks.
[[nodiscard]] Graph with_gates(const Graph& graph, const std::vector<Block>& blocks);

/// The graph of with_gates without its gates: blocks whose gate is zero are gone with all that only they read, other residual gates
/// are multiplied into the last weights of their branch, and gates of plain layers have to be one or zero.
/// @param gates  by name; of all blocks.
/// @throws InvalidArgument: a gate is missing, or a plain layer's is neither one nor zero.
[[nodiscard]] Graph without_gates(const Graph& graph, const std::vector<Block>& blocks, const std::map<std::string, float>& gates);

}  // namespace scissionlite::compress
