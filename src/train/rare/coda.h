// Training by several members that see images of their own and meet seldom: local steps, in stages, with averages in between. Private to train/.
//
// Source: Guo et al., Communication-Efficient Distributed Stochastic AUC Maximization with Deep Neural Networks, ICML 2020 (arXiv 2005.02426),
// Algorithms 1 and 2. One member is PPD-SG (Liu et al., Stochastic AUC Maximization with Deep Neural Networks, ICLR 2020), a window of 1 the naive
// parallel version. Differs in: any objective, an optimiser with momentum where one is asked for, and BatchNormalization's statistics, which are
// averaged as weights are.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/tensor.h"
#include "collective/collective.h"
#include "train/loop/optimizer.h"
#include "train/rare/objective.h"
#include "train/rare/stream.h"

namespace scissionlite::train {

struct CodaOptions {
  int64_t stages = 3;
  int64_t first_steps = 100;  // of the first stage, T_0; each next one has `growth` times as many, at a rate so much lower
  double growth = 3;
  double rate = 0.1;              // of the first stage, eta_0
  int64_t window = 16;            // steps between two averagings, I
  double proximity = 0;           // 1 / gamma: how strongly a stage stays near what it begins with
  bool averages_iterates = true;  // a stage gives the mean of all its steps, else what the last one gave
  int64_t restart_batches = 8;    // that alpha begins a stage from
  OptimizerOptions optimizer{.momentum = 0};
  double clip_norm = 0;  // 0: no limit
  /// Members step along what all of them saw in the window before, where they saw something else: g - c_k + mean of c, with c_k the mean gradient of
  /// the member's last window. For members whose images differ; as many bytes again. Source: Yuan et al., Federated Deep AUC Maximization for
  /// Heterogeneous Data with a Constant Communication Complexity, ICML 2021 (arXiv 2102.04635), where c_k is written as a difference of weights: the
  /// same, for plain gradient steps.
  bool has_control_variates = false;
  /// Behind a round that ends no stage weights go on by this share of how they moved behind the one before, besides the mean of what members did:
  /// what several find together is surer than what one finds, and may be followed further. At least 0 (the mean alone), below 1. Members work it out
  /// alike, so that nothing more travels. Source: Wang et al., SlowMo, ICLR 2020 (arXiv 1910.00643), Algorithm 1 with alpha = 1; differs in: begins
  /// anew with each stage, whose last round is the mean alone.
  double round_momentum = 0;
  /// Changes since the round before travel, and what packing took from them goes with the next ones.
  Packing packing = Packing::kNone;
};

/// A loss or a gradient that is no number.
struct NotFinite : InvalidArgument {
  using InvalidArgument::InvalidArgument;
};

/// Behind a round.
struct CodaProgress {
  int64_t stage = 0, step = 0;  // from 1; steps of this member in all stages
  int64_t rounds = 0;           // averagings
  double rate = 0, loss = 0;    // loss: mean over this member's steps since the round before
  bool ends_stage = false;
};

/// One member's part.
class Coda {
 public:
  /// The logit of the positive class less that of the negative one, (n).
  using Logit = std::function<torch::Tensor(const Batch&)>;
  /// Runs in each member when all have the same weights. @return whether to go on: the same in all.
  using AfterRound = std::function<bool(const CodaProgress&)>;

  /// All are kept by reference. Members begin with the mean of their weights.
  Coda(Module& module, Objective& objective, Collective& members, const CodaOptions& options);

  /// @param logit  with gradients where there are any. Labels of batches are 0 and 1.
  /// @throws InvalidArgument: options out of range, a loss that is not finite (says where); MemberLost.
  void run(Stream& data, const Logit& logit, const AfterRound& after_round = {});

  /// Where a run is behind a round, with all that this member needs to go on from there.
  struct State {
    Json at;
    std::map<std::string, Tensor> tensors;
  };
  [[nodiscard]] State state(const Stream& data) const;
  /// Goes on from there: before `run`. `data` is to begin behind as many batches as `at` says were taken. @throws InvalidArgument when names or
  /// shapes differ. Stages stay as long as they were, whatever the options say. @param is_own  the state is this member's, not another one's.
  void load(const State& state, bool is_own = true);
  /// Of a member, in all stages.
  [[nodiscard]] int64_t total_steps() const;
  /// @param is_due  asked of rank 0 behind each round, with whether that ends a stage; where it says so `save` runs in all members.
  void set_save(std::function<bool(bool)> is_due, std::function<void()> save) { is_due_ = std::move(is_due), save_ = std::move(save); }
  /// @param welcome  runs in all members behind a round where someone waits to be taken back: they are to call `Collective::welcome` with this state.
  void set_welcome(std::function<void()> welcome) { welcome_ = std::move(welcome); }

 private:
  [[nodiscard]] std::vector<std::pair<std::string, torch::Tensor>> saved() const;
  [[nodiscard]] int64_t steps_of(int64_t stage) const;
  bool close_round(bool ends_stage);
  void begin_stage(Stream& data, const Logit& logit);
  void check() const;
  [[nodiscard]] double step(const Batch& batch, const Logit& logit, double rate);
  void pull_to_start();
  void rise(double rate);
  void restart(Stream& data, const Logit& logit);
  /// @param flag  @return whether rank 0 raised it.
  bool average(bool flag = false);
  [[nodiscard]] std::vector<torch::Tensor> all() const;
  [[nodiscard]] std::vector<std::vector<torch::Tensor>> sent() const;
  [[nodiscard]] std::vector<float> laid_out() const;
  [[nodiscard]] size_t whole_blocks(size_t count) const;
  [[nodiscard]] size_t changes() const;
  [[nodiscard]] Values learned() const { return merged(minimised_, maximised_); }
  void make_room();
  void correct_gradients();
  void note_variates();
  void begin_pace();
  void keep_pace();
  void note_round();
  void agree();
  void average_packed(std::vector<float>& values);

  Module& module_;
  Objective& objective_;
  Collective& members_;
  CodaOptions options_;
  Values minimised_, maximised_;  // the first with the module's weights
  Optimizer optimizer_;
  std::vector<torch::Tensor> start_;  // of the stage, of what is minimised
  std::vector<torch::Tensor> sums_;   // of the stage's steps, in double precision, of all that members have in common
  std::vector<torch::Tensor> variates_, mean_variates_,
      gradients_;                                   // of control variates: this member's, all members', sums of this window; of what is learned
  std::vector<torch::Tensor> behind_round_, pace_;  // of momentum of rounds, of what is learned: behind the last one, and how that moved
  int64_t in_window_ = 0;                           // steps
  torch::Tensor left_;                              // what packing took, of all that is sent as changes
  std::vector<float> agreed_;                       // what members had behind the last round; packed ones send changes to it
  CodaProgress at_;
  int64_t steps_of_stage_ = 0;  // done
  std::function<bool(bool)> is_due_;
  std::function<void()> save_, welcome_;
};

}  // namespace scissionlite::train
