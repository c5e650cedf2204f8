// The network that rebuilds pictures, as a graph like any other: Module trains it. Free of libtorch.
#pragma once

#include "graph/graph.h"

namespace scissionlite::train {

/// From "x" (n, c, h, w) to "picture" (n, 3, height, width). A convolution into 24 to 64 channels (of strides where x is larger
/// than the picture; of one pixel, dense into an eighth of the picture), two residual convolutions, then per doubling a
/// convolution with sub-pixel shuffling and, but for the last, two residual ones; at last two convolutions at full size.
/// Weights are drawn from `seed` (He et al. 2015); the last convolution starts at zero, so that nothing is rebuilt at first.
[[nodiscard]] Graph rebuild_graph(const Shape& received, int height, int width, uint64_t seed);

}  // namespace scissionlite::train
