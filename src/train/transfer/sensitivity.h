// What crosses at a cut, and how answers move with it. Private to train/.
#pragma once

#include <string>
#include <vector>

#include "train/data/dataset.h"
#include "train/network/module.h"

namespace scissionlite::train {

/// Per tensor of the cut, one entry a view of an image, batch 1.
struct CutStatistics {
  std::vector<std::vector<Tensor>> activations;
  std::vector<std::vector<Tensor>> gradients;  // as the sensitivity says; none with kNone
};

/// What an error at the cut counts by.
enum class Sensitivity {
  /// What it moves the first answer's lead over the second: gradients of the difference of both logits, over the root of
  /// their norm. An answer flips when its lead is used up; how many do, grows with the error of the lead and not with its
  /// square, so images in which everything moves the lead do not drown the others. Every image says something.
  kMargin,
  /// Fisher information: gradients of log p(y), y drawn from the model's own answers, twice a view. Sure images say nothing.
  kFisher,
  kNone,  // every direction of the tensor counts alike
};
/// "margin", "fisher" or "none". @throws InvalidArgument.
[[nodiscard]] Sensitivity parse_sensitivity(const std::string& text);

struct CutStatisticsOptions {
  int64_t views = 3;  // of an image: the first as at inference, the others augmented
  Sensitivity sensitivity = Sensitivity::kMargin;
  int64_t batch_size = 16;
  uint64_t seed = 1;
  int64_t most_bytes = int64_t{1} << 30;  // of activations and gradients together; then fewer views are looked at
};

/// @throws InvalidArgument when activations are not finite (names the tensor);
/// kMargin for a model of a single score (says so).
/// Cost: a forward pass a view, and one (kMargin) or two (kFisher) backward passes through the tail.
[[nodiscard]] CutStatistics collect_cut_statistics(Module& model, const std::vector<std::string>& tensors, std::shared_ptr<const Dataset> images,
                                                   const CutStatisticsOptions& options);

}  // namespace scissionlite::train
