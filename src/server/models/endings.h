// How models end: tails of one model that begin at different cuts are the same graph from some tensor on, under whatever names.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"

namespace scissionlite::server {

/// The part of a model behind one tensor.
struct Ending {
  std::string tensor;  // that it begins with
  std::string hash;    // the same for equal computations: operators, attributes, wiring and constants; names and the batch do not count
  int64_t macs = 0;    // of one item; 0 where unknown
};

/// Of the input, where there is one, and of every tensor that all paths cross; longest first.
/// Cost: hashes each constant once, and for each tensor the nodes behind it.
[[nodiscard]] std::vector<Ending> endings_of(const Graph& graph);

/// The model before and behind a tensor of endings_of. Where it is the input, the first part passes it on.
struct TwoParts {
  Graph first, second;
};
[[nodiscard]] TwoParts part_at(const Graph& graph, const std::string& tensor);

}  // namespace scissionlite::server
