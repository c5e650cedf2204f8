// Pruning: a network learns which channels and blocks it needs, and is rebuilt without the others. The job behind
// `scissionlite-train prune`. Free of libtorch.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "train/train.h"

namespace scissionlite::train {

/// What the search has to reach: what the loss misses least for what it costs is taken out until it is met. Nothing given: the network
/// keeps what the loss holds on to.
struct PruneBudget {
  std::optional<double> parameters, macs;  // at most so many, or such a share of the model's where the value is at most 1
  std::optional<double> latency_us;        // at most so long on the machine of the job's profile, as ExpectedLatency predicts
  [[nodiscard]] bool is_given() const { return parameters || macs || latency_us; }
};

struct PruneJob {
  TrainJob train;  // its epochs are those of the fine-tuning; distilled from the model itself by default
  int64_t search_epochs = 10;
  double strength = 1;            // of the penalty: see PruneSearch
  double threshold_share = 1e-3;  // of a layer's sum of squared scales that may go with its small channels
  int64_t width_multiple = 1;     // what is left of a layer is a multiple of it, or all
  bool blocks = true, channels = true;
  PruneBudget budget;
  fs::path profile;  // of the model, for the latency predicted; empty: none, and no budget of latency
  fs::path report;   // JSON; empty: none
};

struct PrunedLayer {
  std::string name;
  int64_t channels = 0, kept = 0;
  std::vector<double> magnitudes;  // of all its channels at the end of the search, relative to the start, ascending
};
struct PrunedBlock {
  std::string name;
  double gate = 1;  // 0: removed
};
struct PruneReport {
  std::vector<PrunedLayer> layers;
  std::vector<PrunedBlock> blocks;
  int64_t parameters_before = 0, parameters_after = 0, macs_before = 0, macs_after = 0;
  double latency_before_us = 0, latency_after_us = 0;  // engine `native`, one thread, medians measured in turns
  struct Predicted {
    std::string machine;  // the profile's
    double before_us = 0, after_us = 0;
  };
  std::optional<Predicted> predicted;  // where there is a profile
  PruneBudget budget;                  // as given
  // Share of right answers (of agreement with the model where there are no labels) on the held-out images.
  std::optional<double> before, searched, rebuilt, after;
  double largest_error = 0;          // of the rebuilt network against the masked one, relative
  std::vector<std::string> refused;  // channels that were small but could not go, with the reason, once each
  bool is_within_budget = true;
  TrainReport search, tuning;
};
[[nodiscard]] Json to_json(const PruneReport& report);

/// Searches, rebuilds, fine-tunes and writes the smaller model and, where asked for, the report. A checkpoint FILE has a second one beside
/// it, FILE.search. @throws as train_model; Unsupported: a quantised or a float16 model; InvalidArgument: a network of which nothing
/// could be removed, with the reasons, a budget of latency without a profile, a profile of another model.
PruneReport prune(const PruneJob& job);

}  // namespace scissionlite::train
