// Retraining a model with a transfer layer inside, as ScissionLite's paper does (arXiv 2105.02019): Inserter, Trainer,
// Splitter. The job behind `scissionlite-train retrain`. Free of libtorch.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "train/train.h"

namespace scissionlite::train {

struct RetrainJob {
  TrainJob train;           // its cut is where the TL goes; its side is "tail" (the head stays bit for bit) or "all"
  std::string tl = "pool";  // spec of a family
  bool without_tl = false;  // write the original graph with the new weights; it answers rightly only when split there
};

struct RetrainReport {
  std::string tl, side;
  std::string cut_id;                // in the original
  std::vector<std::string> tensors;  // of the cut
  std::string candidate;             // that `prepare` splits the written file by
  int64_t wire_bytes = 0;            // for one image
  // Share of right answers on the held-out images; nullopt without labels.
  std::optional<double> accuracy_original;  // uncut
  std::optional<double> accuracy_with_tl;   // the TL put in, nothing retrained
  std::optional<double> accuracy_retrained;
  TrainReport training;
};
[[nodiscard]] Json to_json(const RetrainReport& report);

/// Puts the TL in, trains and writes the model with the TL inside, whose split at the TL is the Splitter's result.
/// Checkpoints as in train_model. @throws InvalidArgument: an unknown cut or TL, a TL that cannot take the cut's tensors,
/// no gradient through the TL where the head is trained; and as train_model.
RetrainReport retrain(const RetrainJob& job);

}  // namespace scissionlite::train
