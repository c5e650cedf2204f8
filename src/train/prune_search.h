// How much of each channel and block a network needs, learned with its weights. Private to train/.
//
// After each step a proximal step: the scales of a channel (of all layers that have it through residuals, as a group) that are smaller than
// their layer's mean lose a fixed amount of their norm, down to zero, where their shifts follow, and a block's gate, while it is not above the others' mean, moves by
// accelerated proximal gradient under an l1 penalty; both more where a channel costs more for each of its scales, or a block more than others. What the loss holds on to
// stays; no proportion is asked for. Only what is below the mean is pushed, since a layer as a whole can shrink
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

/// What the penalty is for.
struct CostWeights {
  double parameters = 1, macs = 1;
};

class PruneSearch {
 public:
  /// @param graph     with gates of channels; those of blocks are given by their names.
  /// @param strength  share of its first size that an average channel or gate loses over the whole search if nothing holds it; channels
  ///                  that cost more lose more.
  PruneSearch(const Graph& graph, std::vector<compress::Block> blocks, std::set<std::string> channel_gates, double strength, const CostWeights& weights, const ScheduleOptions& schedule);

  /// Gates of blocks, which the graph is given with each batch.
  [[nodiscard]] Values gates() const { return gates_; }
  /// Gates, their momentum and the strength: what a checkpoint has to hold.
  [[nodiscard]] Values state() const;
  /// The proximal step.
  void after_step(Module& module, const Trainer::Step& step);
  /// How much of the way to its budgets a network of some size, without these classes, is: 1 at the end.
  using ShareMet = std::function<double(const compress::NetworkSize&, const std::set<int>& away)>;
  /// Steps between two calls of `follow`.
  [[nodiscard]] static int64_t steps_between_checks(const Trainer::Step& step);
  /// Keeps the network on its way to a budget, which is even and ends when a fifth of the search is left: what is smallest for what it costs, and has to go for that, goes to zero
  /// until the next call; what may be next is penalised, all else is spared.
  void follow(const ShareMet& share_met, Module& module, const Trainer::Step& step);
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
  void shrink_channels(Module& module, double share, double left_of_leaving) const;
  void move_gates(double rate, double share, double left_of_leaving);
  void prepare_rates(const Trainer::Step& step);
  [[nodiscard]] double share_of(const Trainer::Step& step);
  /// Sizes of the groups now (-1: frozen), and whether each is below its layer's mean.
  struct Norms {
    std::vector<double> of;
    std::vector<bool> is_small;
  };
  [[nodiscard]] Norms norms(const std::map<std::string, float*>& values) const;
  /// Groups and blocks that are at most `size` of their first size, a unit of cost.
  struct Small {
    std::vector<bool> groups, blocks;
  };
  [[nodiscard]] Small below(const Norms& norms, double size) const;
  [[nodiscard]] double share_without(const Small& small, const ShareMet& share_met) const;

  compress::Channels channels_;
  std::vector<compress::Layer> layers_;
  std::vector<compress::Block> blocks_;
  std::vector<Group> groups_;  // layer by layer
  std::map<std::string, double> block_cost_;
  Values gates_, momentum_;
  compress::NetworkSize whole_;
  enum { kStrength, kAtEnd, kHolds, kReach };
  torch::Tensor strength_;       // and whether the budget is met, whether something is held, 1 or 0, and up to which size channels and gates are penalised
  torch::Tensor held_;           // of groups, 1 or 0
  torch::Tensor leaving_;        // of groups, then of blocks: 1 where they go to zero by the next check
  ScheduleOptions schedule_;
  std::vector<double> rates_;    // of each step's part in the search's penalty: they add up to one
};

}  // namespace scissionlite::train
