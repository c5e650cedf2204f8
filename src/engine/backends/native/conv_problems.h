// What a model convolves with, for those who tune it.
#pragma once

#include "graph/graph.h"
#include "kernels/conv/conv.h"

namespace scissionlite {

struct ConvUse {
  kernels::ConvProblem problem;
  int count = 0;  // nodes of the model
};

/// The distinct convolutions that the native backend computes one by one (not within a chain) for batch 1, in order of the model.
/// Nothing runs on several threads. @throws Unsupported, ModelError as compile does.
[[nodiscard]] std::vector<ConvUse> conv_problems(const Graph& graph, int threads);

}  // namespace scissionlite
