// Trains the network that rebuilds pictures of one candidate, and judges it. Private to train/.
#pragma once

#include <functional>

#include "score/privacy.h"
#include "train/network/module.h"
#include "train/privacy/received.h"

namespace scissionlite::train {

struct RebuildOptions {
  int64_t epochs = 30, patience = 5, batch_size = 16;
  double rate = 2e-3;
  uint64_t seed = 1;
  int threads = 0;
};
struct Rebuilt {
  RebuildQuality quality;
  int64_t best_epoch = 0;
  std::vector<vision::Image> pictures;  // of the first examples judged on
};

class Rebuilder {
 public:
  /// Both are kept by reference.
  Rebuilder(const Received& fit, const Received& held_out, const RebuildOptions& options);
  /// Minimises the squared error of the pictures in `fit`; keeps the epoch of the best mean PSNR on `held_out`. It starts from
  /// the mean picture, so that it is never worse than that.
  /// @param pictures  how many of the first held-out pictures to give back.
  [[nodiscard]] Rebuilt run(size_t pictures);

 private:
  /// Pictures in [0, 1] of the examples `which`.
  [[nodiscard]] torch::Tensor rebuild(const Received& from, const torch::Tensor& which);
  void judge_each(const std::function<void(const vision::Image& original, const vision::Image& rebuilt)>& judge);
  void train(int64_t& best_epoch);

  const Received &fit_, &held_out_;
  RebuildOptions options_;
  torch::Tensor mean_, scale_, mean_picture_;  // (1, c, 1, 1) of what is received; (1, 3, height, width)
  Module network_;
};

}  // namespace scissionlite::train
