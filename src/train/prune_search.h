// How much of each channel and block a network needs, learned with its weights. Private to train/.
//
// After each step a proximal step: the scales of a channel (of all layers that have it through residuals, as a group) that are smaller than
// their layer's mean lose a fixed amount of their norm, down to zero, where their shifts follow, and a block's gate moves by accelerated proximal gradient under an l1
// penalty. What the loss holds on to stays; no proportion is asked for. Only what is below the mean is pushed, since a layer as a whole can shrink
// for nothing where the next normalisation scales it up again. Sources: Zhuang et al., Neuron-level Structured Pruning using Polarization
// Regularizer, 2020 (t = 1); Liu et al., Network Slimming, 2017; Huang and Wang, Data-Driven Sparse Structure Selection, 2018.
#pragma once

#include <functional>
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
  /// How much of the way to its budget a network of some size is: 1 at the end.
  using ShareMet = std::function<double(const compress::NetworkSize&)>;
  /// Sets the least strength with which the network is on its way after so many steps more, if what is small goes on shrinking and the loss holds on to nothing of
  /// it. The way is even, and ends when a fifth of the search is left.
  void follow(const ShareMet& share_met, Module& module, const Trainer::Step& step, int64_t steps);
  /// These channels, and blocks whose gate is zero, stay away from now on. At the end of the way there is no penalty any more.
  void hold(const std::set<int>& classes, bool is_at_end);
  [[nodiscard]] bool is_at_end() const;
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
  void prepare_rates(const Trainer::Step& step);
  [[nodiscard]] double share_of(const Trainer::Step& step);
  /// Sizes of the groups now (-1: frozen), and whether each is below its layer's mean.
  struct Norms {
    std::vector<double> of;
    std::vector<bool> is_small;
  };
  [[nodiscard]] Norms norms(const std::map<std::string, float*>& values) const;
  /// The network without groups and gates that lose `strength` of their first size.
  [[nodiscard]] compress::NetworkSize size_after(const Norms& norms, double strength) const;

  compress::Channels channels_;
  std::vector<compress::Layer> layers_;
  std::vector<compress::Block> blocks_;
  std::vector<Group> groups_;  // layer by layer
  std::map<std::string, double> block_cost_;
  Values gates_, momentum_;
  compress::NetworkSize whole_;
  enum { kStrength, kAtEnd, kHolds };
  torch::Tensor strength_;       // and whether the budget is met, and whether something is held, 1 or 0
  torch::Tensor held_;           // of groups, 1 or 0
  ScheduleOptions schedule_;
  std::vector<double> rates_;    // of each step's part in the search's penalty: they add up to one
};

}  // namespace scissionlite::train
