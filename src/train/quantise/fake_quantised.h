// A network that computes in float what its codes stand for, with steps that can be learned. Private to train/.
#pragma once

#include "compress/write_low_bit.h"
#include "train/loop/trainer.h"
#include "train/network/module.h"

namespace scissionlite::train {

/// The network of a LowBitModel with FakeQuantize nodes, and biases as they are when they are integers (RoundOffset; in training by running
/// statistics). Steps are inputs of its graph, given with each batch.
class FakeQuantised {
 public:
  /// @param steps  to start from.
  FakeQuantised(const compress::LowBitModel& model, const compress::LowBitSteps& steps);

  [[nodiscard]] const Graph& graph() const { return graph_; }
  /// Tensors of the steps, which training moves.
  [[nodiscard]] const Values& steps() const { return steps_; }
  /// As they are now.
  [[nodiscard]] compress::LowBitSteps learned() const;

  /// Gradients of steps by 1 / sqrt(values times largest code), so that steps and weights learn alike.
  void scale_gradients() const;
  /// What must hold: steps and scales of BatchNormalization stay positive.
  void keep_positive(Module& module) const;

 private:
  struct Step {
    double gradient_scale = 1;
    double least = 0;
  };
  std::string add_step(const std::string& wish, const std::vector<float>& values, double count, const compress::CodeRange& range);

  compress::LowBitModel model_;
  Graph graph_;
  Values steps_;
  std::map<std::string, Step> kept_;                // by name
  std::vector<std::string> of_layers_, of_points_;  // names of steps
  std::vector<int> zero_points_;
  std::map<std::string, double> least_scale_;  // BatchNormalization's scales
};

}  // namespace scissionlite::train
