// How near an answer is to the uncut model's answer.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/stats.h"
#include "base/tensor.h"

namespace scissionlite {

/// Compares the outputs of one image. Safe to call from several threads.
class Metric {
 public:
  virtual ~Metric() = default;
  [[nodiscard]] virtual std::string spec() const = 0;
  /// In [0, 1]; 1 = as good as the reference.
  [[nodiscard]] virtual double compare(std::span<const Tensor> reference, std::span<const Tensor> answer) const = 0;
  /// 95 % interval of the mean.
  [[nodiscard]] virtual Interval interval(const std::vector<double>& values) const = 0;
};

/// "top1": 1 when the largest value of the first output stands at the same place (Wilson interval).
/// "cosine": cosine of the angle between all outputs seen as one vector, 0 when negative (bootstrap interval).
/// "cmd:PROGRAM ARGS": runs `PROGRAM ARGS REFERENCE ANSWER` in a shell and reads a number in [0, 1] from its stdout;
/// both are .npy files, or folders of 0.npy, 1.npy, ... when the model has several outputs (bootstrap interval).
/// @throws InvalidArgument for another spec.
[[nodiscard]] std::unique_ptr<Metric> make_metric(const std::string& spec);

/// Index of the largest value; the first of equals.
[[nodiscard]] int64_t top1(const Tensor& output);

/// 95 % percentile bootstrap of the mean, 2,000 resamples, seeded: the same on every run.
/// Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, Sec. 13.3.
[[nodiscard]] Interval bootstrap_interval(const std::vector<double>& values);

}  // namespace scissionlite
