// Channels of a network in another order, with the same answers.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "compress/channels.h"
#include "compress/permute.h"

namespace scissionlite::compress {

/// Classes that everything meets alike, so that any order of them is as good: one width of the network. Those that stand in one list at
/// several places (in the groups of a convolution) are left out, but for the pixels of a channel behind Flatten.
[[nodiscard]] std::vector<std::vector<int>> exchangeable_classes(const Channels& channels);

/// The graph with the channels of each class replaced by those of another one: weights that make and read them, normalisations and all else
/// move together. @param order  class by class; those that are missing stay. A bijection within exchangeable classes.
[[nodiscard]] Graph permute_channels(const Channels& channels, const std::map<int, int>& order);

/// What a search of the whole network came to.
struct PermutedGraph {
  Graph graph;
  double kept_before = 0, kept_after = 0, kept_most = 0;  // magnitude that 2:4 keeps of the layers searched, and half of each row
  std::vector<std::string> layers;                        // nodes whose inputs were put in order
};
/// Puts the inputs of eligible layers in the best order, one width after the other; several layers that read one width are searched as one.
/// @param seconds  in all, shared by the widths as their cost is.
[[nodiscard]] PermutedGraph permute_for_two_four(const Graph& graph, const PermutationOptions& options);

}  // namespace scissionlite::compress
