// Costs of the steps of a program in microseconds. Private to the native backend.
#pragma once

#include "engine/backends/native/choosing/selection.h"
#include "engine/backends/native/lowering/conv_stage.h"
#include "tune/rates.h"

namespace scissionlite::native {

class GraphCosts {
 public:
  GraphCosts(const Lowering& l, const tune::Choices* tuned) : l_(l), tuned_(tuned), rates_(tuned ? tuned->rates() : tune::Rates{}) {}

  [[nodiscard]] ConversionCosts conversions(const std::string& value) const;
  /// One pass that reads and writes these values.
  [[nodiscard]] double pass_us(const std::vector<std::string>& values) const;
  /// Of the reference code, which takes some nanoseconds a value.
  [[nodiscard]] double reference_us(const std::string& value) const;

  /// A way to convolve.
  struct Conv {
    kernels::ConvChoice choice;
    double us = 0;  // without converting the input
    bool is_measured = false;
  };
  /// Every implementation that can, with its usual knobs; of a tuned convolution the tuned one first.
  [[nodiscard]] std::vector<Conv> convolutions(const tune::ConvWithEnd& conv, const std::string& input) const;

  struct Chain {
    int64_t rows = 0;                           // of a band
    std::optional<kernels::KernelPlan> kernel;  // instead
    double us = 0;
    bool is_measured = false;
  };
  /// A chain of stages that take `separate_us` one by one.
  [[nodiscard]] Chain chain(const std::vector<Stage>& stages, double separate_us) const;
  /// A pooling or a strip where it was tuned.
  [[nodiscard]] std::optional<tune::TunedKernel> kernel(const Node& node) const;

 private:
  [[nodiscard]] double bytes_of(const std::string& value, Form form) const;
  [[nodiscard]] double cycles_us(double cycles) const { return cycles / rates_.cycles_per_us / l_.threads(); }
  [[nodiscard]] double bytes_us(double bytes) const { return bytes / rates_.bytes_per_us; }
  const Lowering& l_;
  const tune::Choices* tuned_;
  tune::Rates rates_;
};

}  // namespace scissionlite::native
