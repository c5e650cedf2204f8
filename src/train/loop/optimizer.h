// Optimisers: SGD with momentum, Adam, AdamW. Private to train/ and commands that compute gradients.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "train/loop/options.h"
#include "train/network/module.h"

namespace scissionlite::train {

/// Updates tensors in place from their gradients. Same formulas as PyTorch's optimisers of these names.
class Optimizer {
 public:
  /// @throws InvalidArgument for an unknown kind or values out of range.
  Optimizer(const OptimizerOptions& options, const Values& parameters);
  /// @param step  from 1: Adam's correction depends on it.
  void step(double rate, int64_t step);
  void zero_gradients();
  /// Scales all gradients so that their common norm is at most `limit` (0: no limit). @return the norm before.
  double clip(double limit);
  /// Running averages by "<slot>/<parameter>".
  [[nodiscard]] Values state() const;
  /// @throws InvalidArgument when names or shapes differ.
  void load_state(const Values& state);

  struct Entry {
    std::string name;
    torch::Tensor tensor, first, second;  // second: Adam's only
    bool decays;
  };
  using Update = void (*)(const OptimizerOptions&, Entry&, const torch::Tensor& gradient, double rate, int64_t step);

 private:
  OptimizerOptions options_;
  Update update_;
  std::vector<Entry> entries_;
};

}  // namespace scissionlite::train
