// Inputs of some images of a dataset, in batches. Private to train/.
#pragma once

#include <algorithm>
#include <vector>

#include "base/rng.h"
#include "train/data/dataset.h"
#include "train/tensors/convert.h"

namespace scissionlite::train {

/// Inputs of some images, in batches; the same at each call.
class SomeImages {
 public:
  SomeImages(const Dataset& images, int64_t count, uint64_t seed) : images_(images) {
    std::vector<int64_t> all(static_cast<size_t>(images.size()));
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
    Rng rng(seed);
    const auto wanted = static_cast<size_t>(std::min(count, images.size()));
    for (size_t i = 0; i < wanted; ++i) std::swap(all[i], all[i + rng.below(all.size() - i)]);
    chosen_.assign(all.begin(), all.begin() + static_cast<int64_t>(wanted));
  }
  /// @param most  images at most.
  template <typename F>
  void each(F&& f, int64_t most = INT64_MAX) const {
    constexpr int64_t kBatch = 16;
    const auto end = std::min(static_cast<int64_t>(chosen_.size()), most);
    for (int64_t at = 0; at < end; at += kBatch) {
      std::vector<torch::Tensor> inputs;
      for (int64_t i = at; i < std::min(end, at + kBatch); ++i)
        inputs.push_back(to_torch(images_.get(chosen_[static_cast<size_t>(i)], nullptr).input, torch::kFloat));
      f(torch::cat(inputs));
    }
  }

 private:
  const Dataset& images_;
  std::vector<int64_t> chosen_;
};

}  // namespace scissionlite::train
