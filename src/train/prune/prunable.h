// What of a network can go, and what it costs: channels by the scales that they have in all layers, and blocks by their gates. Private to train/.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "compress/blocks.h"
#include "compress/layers.h"
#include "train/network/module.h"

namespace scissionlite::train {

/// Tensors by name, as flat arrays.
using FlatValues = std::map<std::string, float*>;
[[nodiscard]] FlatValues trained_values(const Module& module);

/// Shares of a network's parameters and of its multiply-accumulates are added with these weights.
struct CostWeights {
  double parameters = 1, macs = 1;
};

class Prunable {
 public:
  /// The scales of one class of channels.
  struct Group {
    int one;
    size_t layer;
    std::vector<std::pair<std::string, int64_t>> scales;  // parameter, index
    std::vector<std::pair<std::string, int64_t>> shifts;  // biases, and BatchNormalization's shifts
    double first = 0;                                     // root mean square of the layer's scales at the start
  };

  /// @param graph  with gates of channels; those of blocks are given by their names.
  Prunable(const Graph& graph, std::vector<compress::Block> blocks, const std::set<std::string>& channel_gates);

  [[nodiscard]] const compress::Channels& channels() const { return channels_; }
  [[nodiscard]] const std::vector<compress::Layer>& layers() const { return layers_; }
  [[nodiscard]] const std::vector<Group>& groups() const { return groups_; }  // layer by layer
  [[nodiscard]] const std::vector<compress::Block>& blocks() const { return blocks_; }
  [[nodiscard]] const compress::NetworkSize& whole() const { return whole_; }

  /// Root mean squares of the groups' scales; -1 where one of them is not among the values.
  [[nodiscard]] std::vector<double> sizes(const FlatValues& values) const;
  /// Classes, and nodes of blocks, that a network does without.
  struct Gone {
    std::set<int> classes;
    std::set<size_t> nodes;
  };
  [[nodiscard]] compress::NetworkSize size_without(const Gone& gone) const { return compress::size_without(channels_, gone.classes, gone.nodes); }
  /// What a channel of each layer, and each block, costs where these have gone already.
  [[nodiscard]] std::vector<double> costs_of_layers(const CostWeights& weights, const Gone& gone) const;
  [[nodiscard]] std::vector<double> costs_of_blocks(const CostWeights& weights, const Gone& gone) const;

 private:
  compress::Channels channels_;
  std::vector<compress::Layer> layers_;
  std::vector<compress::Block> blocks_;
  std::vector<Group> groups_;
  compress::NetworkSize whole_;
};

}  // namespace scissionlite::train
