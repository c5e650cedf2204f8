// An even way to a budget: which channels and blocks leave a network while it is trained, and when. Private to train/.
//
// What leaves is what the loss misses least for what it costs. The loss that a channel or a block is worth is estimated from the gradients of the
// steps since: a factor m = 1 on all that belongs to it has the gradient g = sum of scale * gradient of scale, and the loss without it is
// higher by about half of the Fisher information, the mean of g^2. Sources: Liu et al., Group Fisher Pruning, 2021; Theis et al., Faster gaze
// prediction with dense networks and Fisher pruning, 2018; Molchanov et al., Importance Estimation for Neural Network Pruning, 2019.
#pragma once

#include <functional>
#include <set>
#include <vector>

#include "train/loop/trainer.h"
#include "train/prune/prunable.h"

namespace scissionlite::train {

class WayToBudget {
 public:
  /// @param prunable  outlives the way.
  /// @param multiple  what is left of a layer is a multiple of it.
  WayToBudget(const Prunable& prunable, int64_t multiple);

  /// What a checkpoint has to hold.
  [[nodiscard]] Values state() const;
  /// Takes in what the gradients of a step say.
  /// @param gates  of blocks, by name.
  void note(const Module& module, const Values& gates);
  /// How much of the way to its budgets a network of some size, without these classes, is: 1 at the end.
  using ShareMet = std::function<double(const compress::NetworkSize&, const std::set<int>& away)>;
  /// Steps between two calls of `follow`.
  [[nodiscard]] static int64_t steps_between_checks(const Trainer::Step& step);
  /// Keeps the network on its way, which is even and ends when a fifth of the search is left: what is to go goes to zero until the next call.
  /// @param weights  of what is to be saved.
  void follow(const ShareMet& share_met, const CostWeights& weights, const Module& module, const Values& gates, const Trainer::Step& step);
  /// These channels, and blocks whose gate is zero, stay away from now on.
  void hold(const std::set<int>& classes);
  /// The budget is met: nothing leaves any more.
  void end();
  [[nodiscard]] bool is_at_end() const;

  /// Of groups and blocks, by their number in Prunable.
  [[nodiscard]] bool is_held(size_t group) const { return flag(held_, group); }
  [[nodiscard]] bool is_leaving(size_t group) const { return flag(leaving_, group); }
  [[nodiscard]] bool is_block_leaving(size_t block) const { return flag(leaving_, prunable_.groups().size() + block); }
  /// Whether it may leave soon: a penalty on it is of use, and on others is not.
  [[nodiscard]] bool may_be_next(size_t group) const { return flag(next_, group); }
  [[nodiscard]] bool may_block_be_next(size_t block) const { return flag(next_, prunable_.groups().size() + block); }
  /// Of what leaves, the share of its size before this step that it keeps after it.
  [[nodiscard]] static double left_of_leaving(const Trainer::Step& step);

 private:
  [[nodiscard]] static bool flag(const torch::Tensor& flags, size_t at) { return flags.data_ptr<float>()[at] != 0; }
  /// What can only go together: channels of a layer whose width stays a multiple then, or a block.
  struct Candidate {
    double worth;                 // what the loss misses for a unit of cost
    std::vector<size_t> members;  // of groups, then of blocks
    bool may_leave;               // not only be penalised
  };
  /// By their worth.
  [[nodiscard]] std::vector<Candidate> candidates(const CostWeights& weights, const Module& module, const Values& gates,
                                                  const std::set<size_t>& away) const;
  [[nodiscard]] std::set<size_t> away(const Values& gates) const;
  [[nodiscard]] Prunable::Gone gone(const std::set<size_t>& members) const;

  const Prunable& prunable_;
  int64_t multiple_;
  torch::Tensor importance_;             // of groups, then of blocks: mean of g^2, recent steps count more
  torch::Tensor held_, leaving_, next_;  // the same, 1 or 0
  torch::Tensor at_end_;
};

}  // namespace scissionlite::train
