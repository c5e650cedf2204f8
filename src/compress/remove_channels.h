// Channels taken out of a network: smaller weights, and the same answers as with those channels masked.
#pragma once

#include <functional>
#include <set>
#include <span>

#include "compress/channels.h"

namespace scissionlite::compress {

/// Runs a graph: its outputs from its inputs.
using Run = std::function<std::vector<Tensor>(const Graph& graph, std::span<const Tensor> inputs)>;

struct Removal {
  /// The graph with the removed channels masked: weights that make them and scales of BatchNormalizations are zero, so that each
  /// is what its bias or shift says, whatever the input is.
  Graph masked;
  /// The graph without them. What they gave to those that read them is in these layers' biases.
  Graph rebuilt;
  std::set<int> removed;               // classes
  std::map<int, std::string> refused;  // asked for, but still there: why
  /// Those whose shifts had to be zeroed too: a padded convolution reads them, and sees the constant inside of the image only.
  std::set<int> zeroed;
};

/// @param classes  of `channels`; those that are fixed are refused.
/// @param run      asked for what masked channels are, of inputs at random; a class that is no constant is refused.
/// Cost: two runs of the masked graph, some more where shifts are zeroed.
/// @throws InvalidArgument when nothing would be left of a layer, naming it.
[[nodiscard]] Removal remove_channels(const Channels& channels, const std::set<int>& classes, const Run& run);

/// Values of weights and biases: elements of the float constants that nodes read.
[[nodiscard]] int64_t parameter_count(const Graph& graph);

}  // namespace scissionlite::compress
