// What `scissionlite-train train --objective --report` wrote, as the report reads it.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace scissionlite::report {

struct RareOperation {
  double threshold = 0, recall = 0, false_alarms = 0, precision = 0;
};
struct RareMeasure {
  int64_t stage = 0, step = 0, rounds = 0;
  double auc = 0, low = 0, high = 0;  // of the held-out images, and 95 % of it
};
struct RareMember {
  int64_t images = 0, positives = 0;
};
struct RareTraining {
  std::string model, output, command;
  int64_t images = 0, held_out = 0, held_out_positives = 0;
  double positive_rate = 0;  // of batches
  std::vector<RareMember> members;
  std::vector<RareMeasure> measures;
  RareOperation operation;             // that was chosen
  std::vector<RareOperation> curve;    // by falling threshold
  int64_t rounds = 0, bytes_sent = 0;  // of a member
  std::vector<std::string> notes;
};

/// @throws InvalidArgument naming file and field.
[[nodiscard]] RareTraining load_rare_training(const fs::path& path);
[[nodiscard]] RareTraining rare_training_from_json(const Json& json, const std::string& where);

}  // namespace scissionlite::report
