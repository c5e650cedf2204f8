// How much of each channel and block a network needs, learned with its weights. Private to train/.
//
// After each step a proximal step: the scales of a channel (of all layers that have it through residuals, as a group) that are smaller than
// their layer's mean lose a fixed amount of their norm, down to zero, where their shifts follow, and a block's gate moves by accelerated proximal gradient under an l1
// penalty. What the loss holds on to stays; no proportion is asked for. Only what is below the mean is pushed, since a layer as a whole can shrink
// for nothing where the next normalisation scales it up again. Sources: Zhuang et al., Neuron-level Structured Pruning using Polarization
// Regularizer, 2020 (t = 1); Liu et al., Network Slimming, 2017; Huang and Wang, Data-Driven Sparse Structure Selection, 2018.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "compress/blocks.h"
#include "compress/layers.h"
#include "train/module.h"
#include "train/trainer.h"

namespace scissionlite::train {

/// What a search ended with.
struct Found {
  std::map<std::string, float> gates;  // of blocks, by name
  std::map<int, double> magnitude;     // of classes: root mean square of their scales over that of their layer at the start
};

class PruneSearch {
 public:
  /// @param graph     with gates of channels; those of blocks are given by their names.
  /// @param strength  share of its first size that an average channel or gate loses over the whole search if nothing holds it; channels
  ///                  that cost more lose more.
  PruneSearch(const Graph& graph, std::vector<compress::Block> blocks, std::set<std::string> channel_gates, double strength, const ScheduleOptions& schedule);

  /// Gates of blocks, which the graph is given with each batch.
  [[nodiscard]] Values gates() const { return gates_; }
  /// Gates, their momentum and the strength: what a checkpoint has to hold.
  [[nodiscard]] Values state() const;
  /// The proximal step.
  void after_step(Module& module, const Trainer::Step& step);
  void scale_strength(double factor);
  /// Whether there is a penalty from now on.
  void set_penalised(bool is_penalised);
  [[nodiscard]] Found found(Module& module) const;
  [[nodiscard]] const compress::Channels& channels() const { return channels_; }
  [[nodiscard]] const std::vector<compress::Layer>& layers() const { return layers_; }

 private:
  /// Scales of one class, as pointers into the module's tensors.
  struct Group {
    int one;
    size_t layer;
    std::vector<std::pair<std::string, int64_t>> scales;  // parameter, index
    std::vector<std::pair<std::string, int64_t>> shifts;  // biases, and BatchNormalization's shifts
    double first = 0;                                     // root mean square of the layer's scales at the start
    double cost = 1;                                      // beside the average channel's
  };
  void shrink_channels(Module& module, double share) const;
  void move_gates(double rate, double share);
  [[nodiscard]] double share_of(const Trainer::Step& step);

  compress::Channels channels_;
  std::vector<compress::Layer> layers_;
  std::vector<compress::Block> blocks_;
  std::vector<Group> groups_;  // layer by layer
  std::map<std::string, double> block_cost_;
  Values gates_, momentum_;
  torch::Tensor strength_;  // and whether it counts, 1 or 0
  ScheduleOptions schedule_;
  double sum_of_rates_ = 0;
};

}  // namespace scissionlite::train
