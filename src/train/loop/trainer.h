// The training loop: batches, a loss, an optimiser, checkpoints. Private to train/ and commands that compute gradients.
#pragma once

#include <functional>
#include <vector>

#include "train/data/dataset.h"
#include "train/loop/checkpoint.h"
#include "train/loop/optimizer.h"
#include "train/network/module.h"

namespace scissionlite::train {

/// How good the module is on held-out examples.
struct Evaluation {
  double score = 0;  // higher is better
  Json metrics;      // by name, for reports
};

struct TrainResult {
  std::vector<EpochRecord> epochs;  // the first is before training (epoch 0) when there is an evaluation
  int64_t best_epoch = 0;           // whose state the module has now
  bool finished = true;             // false: stopped by stop_after_steps
  bool stopped_early = false;       // patience ran out
  bool resumed = false;
};

/// Minimises a loss over the module's trained parameters.
class Trainer {
 public:
  /// Builds the loss of a batch, a scalar, from the module (and a teacher, ...).
  using Loss = std::function<torch::Tensor(const Batch&)>;
  using Evaluate = std::function<Evaluation()>;
  /// A step that was made.
  struct Step {
    double rate = 0;     // of this step
    int64_t number = 0;  // from 1
    int64_t total = 0;   // of the whole run
    int64_t per_epoch = 0;
  };
  /// Runs after each step without gradients, for what must hold of the weights (a sparsity pattern, a range).
  using AfterStep = std::function<void(const Step&)>;

  /// @param more  further tensors to train that are no part of the graph, by names of their own.
  /// @param kept  tensors that the loss and what follows a step look after: no optimiser moves them, checkpoints hold them.
  Trainer(Module& module, const TrainerOptions& options, Values more = {}, Values kept = {});
  void set_after_step(AfterStep after_step) { after_step_ = std::move(after_step); }
  /// Runs when gradients are there, before they are clipped: for what must hold of these.
  void set_after_backward(std::function<void()> after_backward) { after_backward_ = std::move(after_backward); }

  /// Goes on from the checkpoint if there is one, with the same result as if never stopped (same machine and threads).
  /// @throws InvalidArgument: a checkpoint of another run; a loss that is not finite (says epoch, step and rate).
  TrainResult run(const Loader& data, const Loss& loss, const Evaluate& evaluate = {});

 private:
  struct Progress;
  void save(const Progress& progress) const;
  void load(Progress& progress);
  [[nodiscard]] Values everything() const;
  void put_back(const Values& values);
  double step(const Batch& batch, const Loss& loss, const Progress& at, const Step& made);
  void close_epoch(Progress& progress, const Evaluate& evaluate, double rate, double seconds);

  Module& module_;
  TrainerOptions options_;
  Values more_, kept_;
  Optimizer optimizer_;
  AfterStep after_step_;
  std::function<void()> after_backward_;
};

/// Sets libtorch's number of threads: `threads`, or every core of this process when 0.
void use_threads(int threads);

}  // namespace scissionlite::train
