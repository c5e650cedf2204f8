// The search for one convolution's fastest choice: searcher, measurer and log together.
#pragma once

#include <functional>

#include "tune/conv_space.h"
#include "tune/measure.h"
#include "tune/measurement_log.h"

namespace scissionlite::tune {

struct TuneOptions {
  std::string method = "genetic";
  int64_t budget = 48;  // configurations measured, those of the log included
  uint64_t seed = 1;
  double until_us = 0;  // by Clock::steady; no further measurement begins; 0: none
  MeasureOptions measure;
};

constexpr int kFinalRounds = 5;      // in which the best few run in turns with the usual choice
constexpr double kLeastGain = 0.02;  // below, the usual choice stays: the machine's own drift is larger
/// Whether no further measurement may begin.
[[nodiscard]] bool is_late(const TuneOptions& options);

/// What is told after each measurement.
struct TuneStep {
  std::string choice;
  Outcome outcome;
  double best_us = 0;  // so far; 0: none yet
};

struct Tuned {
  TuningKey key;
  TuningEntry entry;
  int64_t failed = 0;
  bool is_finished = true;  // false: time ran out before the budget
};

/// The usual choice is measured first, then what the searcher asks for; `log` has what was measured before, and gets the rest. At the
/// end the best few and the usual one run in turns, so that a busy moment of the machine favours none.
/// @throws Unsupported when nothing computes the problem, or no choice could be measured (with the reason); ResourceError.
[[nodiscard]] Tuned tune_conv(const ConvWithEnd& conv, const TuneOptions& options, MeasurementLog& log,
                              const std::function<void(const TuneStep&)>& told = {});

}  // namespace scissionlite::tune
