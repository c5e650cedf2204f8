// What `scissionlite explain --json` wrote, as the report reads it.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "base/tensor.h"

namespace scissionlite::report {

/// One step of a model in the engine `native`.
struct ExplainedStep {
  std::string node, implementation;
  Shape shape;                                // of its first output
  double macs = 0, bytes = 0, median_us = 0;  // bytes of inputs and outputs
  double gflops = 0, share_of_peak = 0;       // 0 of a step without multiply-adds
  double predicted_us = 0;                    // when its implementation was chosen; 0: there was nothing to choose
  bool is_measured = false;                   // the prediction was tuned, not estimated
  std::string instead;                        // the runner-up; "": none
  double instead_us = 0;                      // that it was predicted to cost more
};

struct Explained {
  std::string model_name, engine, version, isa, precision, command;
  int64_t threads = 1;
  double run_us = 0, peak_gflops = 0, arena_bytes = 0, values_bytes = 0, traffic_bytes = 0, operator_traffic_bytes = 0;
  std::vector<ExplainedStep> steps;  // in the order in which they run
};

/// @throws InvalidArgument naming file and field.
[[nodiscard]] Explained load_explained(const fs::path& path);
[[nodiscard]] Explained explained_from_json(const Json& json, const std::string& where);

}  // namespace scissionlite::report
