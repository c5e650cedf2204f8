// How much of each channel and block a network needs, learned with its weights. Private to train/.
//
// After each step a proximal step: the scales of a channel (of all layers that have it through residuals, as a group) that are smaller than
// their layer's mean lose a fixed amount of their norm, down to zero, where their shifts follow, and a block's gate, while it is not above the
// others' mean, moves by accelerated proximal gradient under an l1 penalty; both more where a channel costs more for each of its scales, or a block
// more than others. What the loss holds on to stays; no proportion is asked for. Only what is below the mean is pushed, since a layer as a whole can
// shrink for nothing where the next normalisation scales it up again. On the way to a budget (WayToBudget) what leaves is scaled down to zero
// besides, and only what may leave next is pushed. Sources: Zhuang et al., Neuron-level Structured Pruning using Polarization Regularizer, 2020 (t =
// 1); Liu et al., Network Slimming, 2017; Huang and Wang, Data-Driven Sparse Structure Selection, 2018.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "train/loop/trainer.h"
#include "train/prune/prunable.h"

namespace scissionlite::train {

class WayToBudget;

/// What a search ended with.
struct Found {
  std::map<std::string, float> gates;  // of blocks, by name
  std::map<int, double> magnitude;     // of classes: root mean square of their scales over that of their layer at the start
};

class PruneSearch {
 public:
  /// @param prunable  outlives the search.
  /// @param strength  share of its first size that an average channel or gate loses over the whole search if nothing holds it; channels
  ///                  that cost more lose more.
  /// @param way       to a budget; null: none. Outlives the search.
  PruneSearch(const Prunable& prunable, double strength, const CostWeights& weights, const ScheduleOptions& schedule, const WayToBudget* way);

  /// Gates of blocks, which the graph is given with each batch.
  [[nodiscard]] const Values& gates() const { return gates_; }
  /// Gates and their momentum: what a checkpoint has to hold.
  [[nodiscard]] Values state() const;
  /// The proximal step.
  void after_step(const Module& module, const Trainer::Step& step);
  [[nodiscard]] Found found(Module& module) const;

 private:
  void shrink_channels(const Module& module, double share, double left_of_leaving) const;
  void move_gates(double rate, double share, double left_of_leaving);
  [[nodiscard]] double share_of(const Trainer::Step& step);

  const Prunable& prunable_;
  double strength_;
  ScheduleOptions schedule_;
  const WayToBudget* way_;
  std::vector<double> cost_, block_cost_;  // beside the average channel's, a scale; beside the average block's
  Values gates_, momentum_;
  std::vector<double> rates_;  // of each step's part in the search's penalty: they add up to one
};

}  // namespace scissionlite::train
