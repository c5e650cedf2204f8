// Patches of activations and their statistics: what principal components are fitted on. Holds Eigen's types.
#pragma once

#include <Eigen/Dense>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "transfer/transfer.h"

namespace scissionlite::transfer {

/// Geometry of patches: stride x stride pixels of all channels, zeros beyond the last row and column.
struct PatchGrid {
  int64_t channels = 0, height = 0, width = 0, stride = 1;
  [[nodiscard]] int64_t rows() const { return (height + stride - 1) / stride; }
  [[nodiscard]] int64_t columns() const { return (width + stride - 1) / stride; }
  [[nodiscard]] int64_t positions() const { return rows() * columns(); }
  [[nodiscard]] int64_t dims() const { return channels * stride * stride; }
};

/// The samples as float32. @throws InvalidArgument: one of another shape, or a value that is not finite.
[[nodiscard]] std::vector<Tensor> checked_samples(const PatchGrid& grid, std::span<const Tensor> samples, const std::string& where);
/// Smallest and largest value over all samples. @throws InvalidArgument when they are equal. @pre there is a sample.
[[nodiscard]] std::pair<float, float> value_range(const std::vector<Tensor>& samples, const std::string& where);
[[nodiscard]] std::vector<float> channel_means(const PatchGrid& grid, const std::vector<Tensor>& samples);
/// Every `step`-th patch over all samples in order, less the channels' means: the same choice on every machine.
/// @return (dims, patches), index (channel, dy, dx) as in a convolution's weights.
[[nodiscard]] Eigen::MatrixXf read_patches(const PatchGrid& grid, const std::vector<Tensor>& samples, const std::vector<float>& mean, int64_t step);
/// The mean of x xT, lower triangle. Cost: patches * dims^2 / 2 multiply-adds.
[[nodiscard]] Eigen::MatrixXd covariance(const Eigen::MatrixXf& patches);
/// The sign of an eigenvector is arbitrary: its largest entry becomes positive.
void fix_signs(Eigen::MatrixXf& vectors);
/// Reads about `limit` of `total` patches. An odd step keeps neighbouring images from always giving the same rows.
[[nodiscard]] int64_t patch_step(int64_t total, int64_t limit);

}  // namespace scissionlite::transfer
