// Training: models run on libtorch with gradients and go back to ONNX.
//
// What lives here, each folder using those before it: tensors/ (ours as libtorch's, where it computes), op/ (one function
// an operator, table ops.inc), network/ (a graph as a module with gradients, what of it is trained, new networks and last
// layers), data/ (images, labels, what varies them), loop/ (losses, optimisers, epochs, checkpoints); the job behind `scissionlite-train train` (this
// file); and what is trained for a purpose: prune/, quantise/, transfer/, privacy/, rare/. Relies on score, vision, onnx, ops. Headers without
// "Private to train/" are free of libtorch. Start with `train_model`, then network/module.h.
#pragma once

#include <string>
#include <vector>

#include "train/data/augment.h"
#include "train/loop/options.h"
#include "train/network/parameters.h"
#include "vision/input_spec.h"

namespace scissionlite::train {

/// A teacher whose answers, and optionally inner values, are imitated.
struct DistillOptions {
  fs::path teacher;   // ONNX file; empty: none
  double weight = 1;  // of the teacher's answers, beside 1 for labels where there are any
  double temperature = 4;
  std::vector<std::string> features;  // "student_value" or "student_value=teacher_value"
  double feature_weight = 1;          // of each feature
};

struct TrainJob {
  fs::path model, output;
  std::vector<fs::path> images;    // or files that hold labelled pictures: CIFAR's, IDX
  std::vector<fs::path> held_out;  // empty: `holdout` of `images`
  std::string holdout = "0.1";     // count or share; by the bytes of the files, as `score` splits
  vision::InputSpec input;
  int64_t most_unreadable =
      0;  // files that may be left out as they are no images, which is found out before the work starts; 0: the run stops at the first one
  int64_t classes = 0;  // of a new classifier in place of the last layer; 0: the model's own
  std::string labels;   // as load_labels; empty: a teacher is needed
  double label_smoothing = 0;
  DistillOptions distill;
  std::vector<std::string> train{"*"}, freeze;
  std::string cut, side;  // id or tensor names of a cut, and "head" or "tail"
  int64_t batch_size = 32;
  AugmentOptions augmentation;
  double mixup = 0;                // alpha of mixtures of two images; 0: none
  bool update_statistics = false;  // of BatchNormalization
  TrainerOptions trainer;          // its identity is filled in
  std::string device = "cpu";      // as of use_device
  std::string command;             // as typed, for the report
};

struct TrainReport {
  std::string model, output, command;
  int64_t images = 0, held_out = 0, unreadable = 0;  // the last: files that were left out
  int64_t parameters_trained = 0, values_trained = 0, parameters = 0;
  std::vector<EpochRecord> epochs;  // the first is before training (epoch 0)
  int64_t best_epoch = 0;           // the one written
  bool resumed = false, stopped_early = false;
  double seconds = 0;
};
[[nodiscard]] Json to_json(const TrainReport& report);

/// Trains and writes `output`. @throws InvalidArgument, Unsupported (what the engine cannot run or train, naming the node),
/// ResourceError (a file that cannot be written, before the work starts).
TrainReport train_model(const TrainJob& job);

}  // namespace scissionlite::train
