// Fitting transfer layers from unlabelled images alone: closed form weighted by what moves the answers, then distillation
// of the decoder from the uncut model. The job behind `scissionlite-train calibrate`. Free of libtorch.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/stats.h"
#include "train/data/augment.h"
#include "train/loop/options.h"
#include "vision/input_spec.h"

namespace scissionlite::train {

struct CalibrateJob {
  fs::path model, output;          // output: a folder that gets a folder a rate, "<name>-q<step>"
  std::vector<fs::path> images;    // unlabelled
  std::vector<fs::path> held_out;  // agreement is measured on these, nothing is fitted on them; empty: a part of `images`
  std::string holdout = "0.2";     // that part: a count or a share
  vision::InputSpec input;
  std::string cut;  // id or tensor names
  std::string name = "cal";
  std::string family = "klt";                        // klt: linear, closed form; conv: starts as that, its encoder and a refined decoder learn
  int64_t hidden = 32;                               // channels of conv's refinement
  int64_t stride = 0;                                // of patches; 0: 2 where a patch of that has at most 1,024 values, else 1
  std::vector<int64_t> steps{35, 50, 70, 100, 140};  // quantiser steps in percent of the components' rms: a rate each
  int64_t views = 3;                                 // of an image: the first as at inference, the others augmented
  AugmentOptions augmentation{.flip = true, .crop = 0.7, .jitter = 0};
  std::string sensitivity = "margin";  // what errors count by: margin, fisher or none (see sensitivity.h)
  int64_t epochs = 0;                  // of distilling each decoder
  double rate = 1e-3;                  // of Adam in that
  int64_t patience = 3;                // epochs without better agreement on the held-out images
  double temperature = 2;
  int64_t batch_size = 16;
  uint64_t seed = 1;
  int threads = 0;
  std::string command;
};

/// One rate, as measured on the held-out images.
struct CalibratedRate {
  std::string spec, folder;
  int64_t step = 0;
  double bytes_mean = 0, bytes_p95 = 0;  // of the streams
  double bytes_closed = 0;               // before distillation
  double agreement_closed = 0;
  double agreement = 0;
  double divergence = 0;  // KL of the answers from the uncut model's, nats, mean
  Interval interval;
  int64_t best_epoch = 0;   // 0: the closed form was best
  bool overfitted = false;  // the loss on fitted images fell while held-out agreement did
};
struct CalibrateReport {
  std::string model, cut_id, command;
  std::vector<std::string> tensors;
  int64_t images = 0, held_out = 0, views = 0;
  std::vector<CalibratedRate> rates;
  double seconds = 0;
};
[[nodiscard]] Json to_json(const CalibrateReport& report);

/// Fits and writes every rate. A folder that is there already and was fitted by the same job is kept, so that a killed
/// calibration goes on with the next rate.
/// @throws InvalidArgument: no or one image, images all equal, an unknown cut, activations that are not finite;
/// Unsupported: a model that cannot be differentiated (names the node); ResourceError before the work starts.
CalibrateReport calibrate(const CalibrateJob& job);

}  // namespace scissionlite::train
