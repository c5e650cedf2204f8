// What a training run is told. Free of libtorch.
#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"
#include "train/loop/schedule.h"

namespace scissionlite::train {

struct OptimizerOptions {
  std::string kind = "sgd";                           // sgd, adam, adamw
  double momentum = 0.9;                              // sgd
  bool nesterov = false;                              // sgd
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;  // adam, adamw
  double weight_decay = 0;                            // of weights with two dimensions or more; never of biases, scales and shifts
};

struct TrainerOptions {
  int64_t epochs = 1;
  OptimizerOptions optimizer;
  ScheduleOptions schedule;
  double clip_norm = 0;            // largest norm of all gradients together; 0: no limit
  uint64_t seed = 1;               // of libtorch's random numbers; the data has its own
  int threads = 0;                 // of libtorch; 0: every core of this process
  bool keep_best = false;          // the state of the epoch with the best score is the result, else the last one
  int64_t patience = 0;            // stop after that many epochs without a better score; 0: never
  fs::path checkpoint;             // empty: none
  double checkpoint_seconds = 60;  // also written at the end of each epoch
  Json identity;                   // what has to be equal for a checkpoint to be continued, by name
  int64_t stop_after_steps = 0;    // for tests of checkpoints: returns as if killed; 0: never
};

/// What an epoch gave.
struct EpochRecord {
  int64_t epoch = 0;  // from 1; 0 is before training
  double loss = 0;    // mean over the examples trained on
  double rate = 0;    // learning rate of the last step
  double score = 0;   // held out, higher is better
  Json metrics;       // held out, by name
  double seconds = 0;
};
[[nodiscard]] Json to_json(const EpochRecord& record);
[[nodiscard]] EpochRecord epoch_from_json(const JsonReader& json);

}  // namespace scissionlite::train
