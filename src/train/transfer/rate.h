// What codes cost, as a term of a loss. Private to train/.
#pragma once

#include "coding/code_model.h"
#include "train/tensors/torch.h"

namespace scissionlite::train {

/// The bits of `codes` (n, channels, rows, columns) under `model`, whose gradient is the cost of each symbol over that of
/// its neighbour nearer to zero: bits is a step function, and the coder knows its steps. The effect of a symbol on the contexts of later ones is left
/// out.
[[nodiscard]] torch::Tensor bits_of(const torch::Tensor& codes, const coding::CodeModel& model);

/// Weight of a cost that has to stay where it was: grows while the cost is above its limit and falls while it is below.
class Price {
 public:
  explicit Price(double start) : price_(start) {}
  [[nodiscard]] double now() const { return price_; }
  /// @param cost  over its limit.
  void pay(double cost);

 private:
  double price_;
};

}  // namespace scissionlite::train
