// Random graphs for property tests and benchmarks: chains with skips, branches, splits and constants.
#pragma once

#include "base/rng.h"
#include "graph/graph.h"

namespace scissionlite {

struct RandomGraphOptions {
  int nodes = 30;
  double skip_probability = 0.3;  // a node also reads an older value
  int window = 8;                 // how old such a value may be, in nodes
  int extra_outputs = 0;          // further graph outputs among the inner values
  Shape shape{1, 4, 5, 5};        // of every value
};
/// Built of Relu, Add, Mul, Sub and Neg over tensors of one shape, so every runtime runs it. Opset 13.
[[nodiscard]] Graph random_graph(Rng& rng, const RandomGraphOptions& options = {});

}  // namespace scissionlite
