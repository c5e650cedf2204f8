// A chain's data, on which it is verified and timed against its convolutions one by one. Runs in a child process (tune_chain.h).
#pragma once

#include <memory>

#include "tune/chain_problem.h"
#include "tune/trial.h"

namespace scissionlite::tune {

class ChainTrial {
 public:
  /// @param separate  how each stage is computed by itself.
  ChainTrial(const ChainOfConvs& chain, const std::vector<kernels::ConvChoice>& separate, const TrialOptions& options);

  /// In bands of so many rows. @return the median in us. @throws InvalidArgument "wrong by ..." when it differs from its stages by `direct`.
  [[nodiscard]] double run(int64_t band_rows);
  /// By a generated kernel with these knobs, which may be made first. @throws as kernels::kernel_of too.
  [[nodiscard]] double run_generated(const kernels::Knobs& knobs);
  /// One by one, each reading what the one before has just written.
  [[nodiscard]] double run_separate();

 private:
  struct Stage {
    ConvWithEnd conv;
    std::vector<float> w, bias;
    kernels::AlignedFloats y;  // blocked
    std::unique_ptr<kernels::Convolution> alone;
  };
  [[nodiscard]] const float* input_of(size_t stage) const { return stage == 0 ? x_.data() : stages_[stage - 1].y.data(); }
  [[nodiscard]] kernels::ConvWeights weights_of(const Stage& stage) const { return {stage.w.data(), stage.bias.data()}; }
  void run_alone(size_t stage, const kernels::Convolution& conv);
  void run_all_alone();
  void keep_expected();
  void check() const;
  [[nodiscard]] double timed(const std::function<void()>& run);
  [[nodiscard]] double timed(const kernels::Convolution& chain);
  [[nodiscard]] const float* residual() const { return residual_.size() > 0 ? residual_.data() : nullptr; }
  TrialOptions options_;
  kernels::ChainProblem problem_;
  std::vector<Stage> stages_;
  kernels::AlignedFloats x_, x_source_, residual_, scratch_, plain_;
  OtherData other_;
  std::vector<float> expected_;
};

}  // namespace scissionlite::tune
