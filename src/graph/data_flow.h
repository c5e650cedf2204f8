// The data-dependent part of a graph as numbered values: what cuts are searched in.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "graph/graph.h"

namespace scissionlite {

/// Values that depend on a graph input and lead to a graph output, numbered in topological order. Graph inputs come
/// first. Constants and dead branches are left out.
struct DataFlow {
  struct Value {
    std::string name;
    int64_t bytes = 1;  // batch 1; 1 when the shape is unknown
    bool known_bytes = false;
    bool is_input = false, is_output = false;
    int node = -1;  // position among data nodes; -1 for inputs
  };
  std::vector<Value> values;
  std::vector<std::vector<int>> uses;                       // per value: values computed directly from it
  std::vector<std::vector<int>> sources;                    // per value: values it is computed from directly
  std::vector<size_t> nodes;                                // data nodes: index in graph.nodes
  std::vector<std::vector<int>> node_inputs, node_outputs;  // per data node
  std::unordered_map<std::string, int> index;
};
[[nodiscard]] DataFlow data_flow(const Graph& graph);

}  // namespace scissionlite
