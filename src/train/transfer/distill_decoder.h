// Decoders of a fitted TL that learn from the uncut model: the head stays as it is, so devices need no new weights. With
// `encoder`, the TL's own encoder learns too, at the bytes that it started with. Private to train/.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "train/data/dataset.h"
#include "train/network/module.h"
#include "transfer/transfer.h"

namespace scissionlite::train {

struct DistillDecoderOptions {
  int64_t epochs = 10;
  double rate = 1e-3;
  int64_t patience = 3;
  double temperature = 2;
  int64_t batch_size = 16;
  uint64_t seed = 1;
  int threads = 0;
  bool encoder = false;  // trained too, by gradients that pass its rounding unchanged
  std::string what;      // for the progress bar
};

/// What images look like behind encoder, coder and decoder.
struct CodedMeasurement {
  int64_t images = 0, agreeing = 0;
  double agreement = 0;
  double divergence = 0;      // KL of the answers from the uncut model's, nats, mean: finer than agreement
  std::vector<double> bytes;  // an image
};

class DecoderDistiller {
 public:
  /// @param model  the uncut model, also the teacher; kept by reference. @param tensors  of the cut, one codec each.
  DecoderDistiller(Module& model, std::vector<std::string> tensors, std::vector<transfer::Codec> codecs, DistillDecoderOptions options);

  [[nodiscard]] CodedMeasurement measure(const std::shared_ptr<const Dataset>& images);
  /// Minimises the divergence of the answers and the error of the restored tensors over the decoders' weights; keeps the
  /// epoch of the best agreement on `held_out` (0: as it was).
  /// @param overfitted  the loss fell to the end, and agreement was at its best before.
  void train(const std::shared_ptr<const Dataset>& images, const std::shared_ptr<const Dataset>& held_out, int64_t& best_epoch, bool& overfitted);
  /// Fits the entropy coders to the codes of these images as the encoders make them now.
  void fit_coders(const Dataset& images);
  /// With encoders and decoders as they are now.
  [[nodiscard]] std::vector<transfer::Codec> codecs() const;

 private:
  /// Codes as the decoders take them, from a batch of inputs; with gradients where encoders are trained.
  [[nodiscard]] std::vector<torch::Tensor> codes_of(const Values& cut);
  [[nodiscard]] Values trained() const;
  /// What the codes cost over what those of the encoders at the start cost, by the coders of the start.
  [[nodiscard]] torch::Tensor relative_bits(const Values& cut, const std::vector<torch::Tensor>& codes);
  [[nodiscard]] Values restored(const std::vector<torch::Tensor>& codes);

  Module& model_;
  std::vector<std::string> tensors_;
  std::vector<transfer::Codec> codecs_;
  DistillDecoderOptions options_;
  std::string logits_;
  std::vector<std::unique_ptr<Module>> encoders_, decoders_;
  std::vector<std::unique_ptr<Module>> first_encoders_;  // as they were; only where encoders are trained
};

}  // namespace scissionlite::train
