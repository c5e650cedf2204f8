// Batches: a slice that takes n images at once, where that changes no answer.
#pragma once

#include <string>
#include <vector>

#include "engine/engine.h"
#include "graph/graph.h"

namespace scissionlite {

struct BatchOptions {
  std::string engine;  // "" = default_backend()
  int threads = 0;
  double tolerance = 1e-4;  // of max|y|: how far an answer in a batch may lie from the single one
};

struct BatchResult {
  Graph graph;  // first sizes of inputs and outputs are -1 when `dynamic`, 1 otherwise
  bool dynamic = false;
  std::string note;  // why not, naming the node that fixes the batch
};

/// `graph` with a dynamic batch, if batches of 2 and 3 give the answers of single runs. First sizes that are written down
/// as 1 in the interface and in the shapes of Reshape nodes are made free; anything else that fixes the batch is reported.
/// @param sample  inputs of one image (batch 1); the other images of the test batches are made from it.
/// Cost: two compilations and six runs.
[[nodiscard]] BatchResult make_batch_dynamic(const Graph& graph, const std::vector<Tensor>& sample, const BatchOptions& options);

/// The structural part alone. Throws nothing; a graph that cannot be freed is found by running it.
[[nodiscard]] Graph with_free_batch(const Graph& graph);

}  // namespace scissionlite
