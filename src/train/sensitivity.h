// What crosses at a cut, and how answers move with it. Private to train/.
#pragma once

#include <string>
#include <vector>

#include "train/dataset.h"
#include "train/module.h"

namespace scissionlite::train {

/// Per tensor of the cut, one entry a view of an image, batch 1.
struct CutStatistics {
  std::vector<std::vector<Tensor>> activations;
  std::vector<std::vector<Tensor>> gradients;  // of log p(y), y drawn from the model's own answers; `draws` a view
};

struct CutStatisticsOptions {
  int64_t views = 3;        // of an image: the first as at inference, the others augmented
  int draws = 2;            // of y; 0: no gradients
  int64_t batch_size = 16;
  uint64_t seed = 1;
  int64_t most_bytes = int64_t{1} << 30;  // of activations and gradients together; then fewer views are looked at
};

/// @throws InvalidArgument when activations are not finite (names the tensor).
/// Cost: a forward pass a view, and `draws` backward passes through the tail.
[[nodiscard]] CutStatistics collect_cut_statistics(Module& model, const std::vector<std::string>& tensors, std::shared_ptr<const Dataset> images,
                                                   const CutStatisticsOptions& options);

}  // namespace scissionlite::train
