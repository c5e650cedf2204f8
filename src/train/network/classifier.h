// A new last layer for other classes. Free of libtorch.
#pragma once

#include <cstdint>

#include "graph/graph.h"

namespace scissionlite::train {

/// `graph` with its classifier (the last Gemm, MatMul with or without Add, or Conv, from which only shapes, pooling and
/// activations lead to the single output) replaced by a new one of `classes` outputs. Weights are normal with standard
/// deviation 1 / sqrt(inputs) * 0.1 from `seed`, biases 0; names, types and all other values stay as they were.
/// @throws InvalidArgument: fewer than two classes; Unsupported naming the node that stands where a classifier was
/// expected.
/// @param gives_logits  activations that stand behind it (Sigmoid, Relu, Clip), which would bound or cut the new one's answers, become Identity.
[[nodiscard]] Graph with_classes(const Graph& graph, int64_t classes, uint64_t seed, bool gives_logits = false);

/// `graph`, which has two classes, with the first for the second. @throws Unsupported as with_classes does, and where the classifier's weights are
/// computed by other nodes.
[[nodiscard]] Graph with_classes_swapped(const Graph& graph);

/// How many classes the first output answers. @throws InvalidArgument when its shape does not tell.
[[nodiscard]] int64_t classes_of(const Graph& graph);

}  // namespace scissionlite::train
