// Channels by layer: which classes a layer's own widths are made of, and which of them are small beside the others.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "compress/channels.h"

namespace scissionlite::compress {

/// Classes that the same constants are indexed by: the channels of one layer, or those that several layers share through residuals.
struct Layer {
  std::string name;          // of the first constant that makes them
  std::vector<int> classes;  // removable ones
};
/// In the order of their first class. Classes that nothing makes, or that are fixed, are left out.
[[nodiscard]] std::vector<Layer> find_layers(const Channels& channels);

/// Entries of scales that belong to each class: of BatchNormalization, and of gates by name.
[[nodiscard]] std::map<int, std::vector<Member>> scales_of(const Channels& channels, const std::set<std::string>& gates);

/// Classes whose magnitudes are small in their layer: as many of the smallest as together hold at most `share` of the layer's sum of
/// squares, and all that are zero. One of each layer stays, and one of each value. The threshold follows from the layer's own
/// distribution. Source: Ye et al., Accelerating CNN by Optimal Thresholding, 2020.
/// @param magnitude  of each class of a layer.
/// @param multiple   what is left of a layer is a multiple of it, by the largest of the small ones; or the layer stays whole.
[[nodiscard]] std::set<int> small_classes(const Channels& channels, const std::vector<Layer>& layers, const std::map<int, double>& magnitude,
                                          double share, int64_t multiple = 1);

/// What a node computes for a batch of one.
struct NodeWork {
  double macs = 0, bytes = 0;  // bytes that it reads and writes, constants included
};
/// Of each node of the network without these classes, which is not built.
[[nodiscard]] std::vector<NodeWork> node_work(const Channels& channels, const std::set<int>& removed);

/// Weights, and multiply-accumulates for a batch of one.
struct NetworkSize {
  int64_t parameters = 0, macs = 0;
};
/// Of the network without these classes and these of its graph's nodes, which is not built. Parameters are elements of constants of float32 that
/// other nodes read.
[[nodiscard]] NetworkSize size_without(const Channels& channels, const std::set<int>& removed, const std::set<size_t>& gone = {});

}  // namespace scissionlite::compress
