// Tries choices for one convolution in a child process: one child for many of them, a new one when it dies.
#pragma once

#include <memory>

#include "tune/child.h"
#include "tune/conv_with_end.h"
#include "tune/searcher.h"
#include "tune/trial.h"

namespace scissionlite::tune {

struct MeasureOptions {
  TrialOptions trial;
  ChildLimits limits;
};

class Measurer {
 public:
  Measurer(const ConvWithEnd& conv, const MeasureOptions& options);

  /// The choice's implementation has to exist since before the first call. A failure says why: "no answer within 10.0 s", "crash by
  /// signal 11 (Segmentation fault)", "wrong by 0.3 of the largest value, ...". @throws ResourceError, Unsupported as Child does.
  [[nodiscard]] Outcome measure(const kernels::ConvChoice& choice);

 private:
  std::unique_ptr<Child> child_;
};

}  // namespace scissionlite::tune
