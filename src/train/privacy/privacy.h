// How well can the input be rebuilt from what leaves the device? A decoder a candidate is trained for it and judged on held-out
// images. The job behind `scissionlite-train privacy`. Free of libtorch.
#pragma once

#include <string>
#include <vector>

#include "score/privacy.h"
#include "train/data/augment.h"
#include "transfer/fitted.h"
#include "vision/input_spec.h"

namespace scissionlite::train {

struct PrivacyJob {
  fs::path model, output;        // output: privacy.json, written after each candidate
  std::vector<fs::path> images;  // unlabelled
  std::string holdout = "0.2";   // count or share of `images`: rebuilt pictures are judged on these, nothing is trained on them
  vision::InputSpec input;
  std::vector<std::string> cuts;          // see choose_cuts
  std::vector<std::string> tls{"uint8"};  // see choose_tls
  transfer::Shelf shelf;                  // TLs fitted beforehand
  int size = 64;                          // longer side of the rebuilt picture; at most the model's input
  int64_t views = 4;                      // of an image: the first as at inference, the others augmented
  AugmentOptions augmentation{.flip = true, .crop = 0.5, .jitter = 0};
  int64_t epochs = 30;
  int64_t patience = 5;  // epochs without a better PSNR on the held-out images
  double rate = 2e-3;    // of Adam
  int64_t batch_size = 16;
  uint64_t seed = 1;
  std::string engine;  // that runs head and transfer layer; "": the default
  int threads = 0;
  std::string command;
};

/// Measures every cut with every TL, and two baselines: the mean of the training pictures, and the picture itself as JPEG.
/// When `output` is there from an equal job, what it holds is kept, so that a killed run goes on with the next candidate and
/// further candidates are added to the table; one with a fitted TL that has changed since is measured again.
/// @throws InvalidArgument: fewer than two different images, an unknown cut or TL, `output` of another job (names the first
/// difference) or damaged; ResourceError before the work starts.
/// Cost a candidate: one run of head and TL a view, then epochs of a network of some 0.02 to 0.5 million weights
/// (of values without rows and columns: each meets 64 channels of every pixel at an eighth of the picture's size).
Privacy measure_privacy(const PrivacyJob& job);

}  // namespace scissionlite::train
