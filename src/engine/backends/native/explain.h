// Where the time of the native backend goes, step by step.
#pragma once

#include "engine/engine.h"

namespace scissionlite {

/// One step of a compiled model.
struct StepFacts {
  std::string node, implementation;
  Shape shape;                  // of the first output
  int64_t macs = 0, bytes = 0;  // multiply-adds; bytes of inputs and outputs
  double median_us = 0;
  double predicted_us = 0;   // when it was chosen, without conversions; 0: there was nothing to choose
  bool is_measured = false;  // the prediction was tuned, not estimated
  std::string instead = "";  // the best other way; empty: none
  double instead_us = 0;     // that it was predicted to cost more in all, conversions and consequences for neighbours included
};

struct Explanation {
  std::vector<StepFacts> steps;               // in the order in which they run
  double run_us = 0;                          // median of a whole run, untimed inside
  double peak_gflops = 0;                     // measured here: multiply-adds in registers, all threads
  int64_t arena_bytes = 0, values_bytes = 0;  // memory for values with and without reuse
  int64_t traffic_bytes = 0;                  // of values that steps read and write
  int64_t operator_traffic_bytes =
      0;  // the same, were each operator of the model computed by itself, with values as the model has them; 0: not all shapes are known
  EngineInfo engine;
};

/// Compiles for batch 1 and times each step `repeats` times on random inputs. @throws Unsupported, ModelError as compile does.
[[nodiscard]] Explanation explain_native(const Graph& graph, const CompileOptions& options, int repeats);

}  // namespace scissionlite
