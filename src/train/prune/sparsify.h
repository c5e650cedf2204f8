// 2:4 sparsity of a trained network: channels in a good order, masks, retraining under them. The job behind `scissionlite-train sparsify`.
// Free of libtorch. Source: Mishra et al., Accelerating Sparse Deep Neural Networks, 2021 (arXiv 2104.08378).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compress/permute.h"
#include "train/train.h"

namespace scissionlite::train {

struct SparsifyJob {
  TrainJob train;  // its epochs are those of the retraining; the uncut model is the teacher by default
  bool permutes = true;
  compress::PermutationOptions permutation;
  int64_t reconstruction_images = 0;  // that the weights left are fitted to before they are retrained (reconstruct.h); 0: they are not
  fs::path report;                    // JSON; empty: none
};

struct SparsifiedLayer {
  std::string name, op_type, note;  // note: why it stays dense, or empty
  int64_t outputs = 0, inputs = 0, taps = 1;
  double kept = 1;  // share of the magnitude that the mask keeps
};
struct SparsifyReport {
  std::vector<SparsifiedLayer> layers;
  double permutation_efficacy = 0;  // of the gap between the order as it was and half of each row, over the layers in a new order
  int64_t weights = 0, zeros = 0;   // of all layers; weights that layers share count once
  std::optional<double> before, masked, reconstructed, after;  // share of right held-out answers, or of agreement where there are no labels
  TrainReport training;
};
[[nodiscard]] Json to_json(const SparsifyReport& report);

/// Writes an ordinary ONNX model with zeros. @throws as train_model; Unsupported: a quantised or a float16 model; InvalidArgument: no layer
/// that 2:4 takes (says why of each), weights that are not finite.
SparsifyReport sparsify(const SparsifyJob& job);

}  // namespace scissionlite::train
