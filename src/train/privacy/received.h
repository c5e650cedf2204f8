// What the edge receives of images, and the pictures that they show: the examples that rebuilding is learned from.
// Private to train/.
#pragma once

#include <string>
#include <vector>

#include "graph/cuts.h"
#include "score/measure.h"
#include "train/data/augment.h"
#include "train/tensors/torch.h"
#include "transfer/transfer.h"

namespace scissionlite::train {

/// A picture of `size` on its longer side in the proportions of the model's input, never larger than that.
struct PictureSize {
  int width = 0, height = 0;
};
[[nodiscard]] PictureSize picture_size(const vision::InputSpec& input, int size);

struct Received {
  torch::Tensor tensors;   // (examples, c, h, w), half: behind the TL's decoder; a cut's tensors at the size of the largest, joined
  torch::Tensor pictures;  // (examples, 3, height, width), uint8
  [[nodiscard]] int64_t size() const { return tensors.size(0); }
};

struct SendOptions {
  PictureSize picture;
  int64_t views = 1;  // the first as at inference
  AugmentOptions augmentation;
  uint64_t seed = 1;
  int64_t most_bytes = int64_t{2} << 30;  // of tensors: then later views, and at last images, are left out
  std::string what;                       // for the progress bar
};

/// Head, TL encoder and TL decoder of one candidate.
class Sender {
 public:
  Sender(const Graph& model, const Cut& cut, const std::vector<transfer::Codec>& codecs, vision::InputSpec input, const std::string& engine,
         int threads);

  /// @throws InvalidArgument for an unreadable image (names it); Unsupported for tensors too large to begin from.
  [[nodiscard]] Received send(const std::vector<fs::path>& images, const SendOptions& options);

 private:
  [[nodiscard]] torch::Tensor cross(int worker, const Tensor& input);
  [[nodiscard]] vision::Image view(const fs::path& path, int64_t example, bool as_at_inference, const SendOptions& options) const;

  vision::InputSpec input_;
  int workers_;
  ExecutablePool head_;
  std::vector<ExecutablePool> encoders_, decoders_;  // per tensor
};

/// 8-bit RGB to (3, height, width), and back from values in [0, 1].
[[nodiscard]] torch::Tensor to_planes(const vision::Image& image);
[[nodiscard]] vision::Image to_image(const torch::Tensor& planes);

}  // namespace scissionlite::train
