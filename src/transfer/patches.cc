#include "transfer/patches.h"

#include <algorithm>
#include <cmath>

namespace scissionlite::transfer {
namespace {

/// Copies the patch at (row, column) into `out`, less the channels' means; beyond the border stands zero less mean.
void read_patch(const PatchGrid& grid, std::span<const float> image, int64_t row, int64_t column, const std::vector<float>& mean, float* out) {
  for (int64_t c = 0; c < grid.channels; ++c)
    for (int64_t dy = 0; dy < grid.stride; ++dy)
      for (int64_t dx = 0; dx < grid.stride; ++dx) {
        const int64_t y = row * grid.stride + dy, x = column * grid.stride + dx;
        const bool inside = y < grid.height && x < grid.width;
        *out++ = (inside ? image[(c * grid.height + y) * grid.width + x] : 0.0F) - mean[c];
      }
}

}  // namespace

std::vector<Tensor> checked_samples(const PatchGrid& grid, std::span<const Tensor> samples, const std::string& where) {
  const Shape wanted{1, grid.channels, grid.height, grid.width};
  std::vector<Tensor> out;
  for (const auto& sample : samples) {
    if (sample.shape() != wanted)
      throw InvalidArgument("[" + where + "] a sample has shape " + to_string(sample.shape()) + ", expected " + to_string(wanted));
    out.push_back(sample.to_f32());
    for (const float v : out.back().as<float>())
      if (!std::isfinite(v)) throw InvalidArgument("[" + where + "] a sample holds a value that is not finite; check the preprocessing of its image");
  }
  return out;
}

std::pair<float, float> value_range(const std::vector<Tensor>& samples, const std::string& where) {
  std::pair<float, float> range{samples[0].as<float>()[0], samples[0].as<float>()[0]};
  for (const auto& sample : samples) {
    const auto [low, high] = std::minmax_element(sample.as<float>().begin(), sample.as<float>().end());
    range = {std::min(range.first, *low), std::max(range.second, *high)};
  }
  if (!(range.second > range.first))
    throw InvalidArgument("[" + where + "] all values of all fitting images are " + std::to_string(range.first) +
                          "; a KLT needs variance, check the images");
  return range;
}

std::vector<float> channel_means(const PatchGrid& grid, const std::vector<Tensor>& samples) {
  std::vector<double> sums(grid.channels, 0);
  const int64_t area = grid.height * grid.width;
  for (const auto& sample : samples) {
    const auto values = sample.as<float>();
    for (int64_t c = 0; c < grid.channels; ++c)
      for (int64_t i = 0; i < area; ++i) sums[c] += values[c * area + i];
  }
  std::vector<float> mean(grid.channels);
  for (int64_t c = 0; c < grid.channels; ++c) mean[c] = static_cast<float>(sums[c] / static_cast<double>(area * samples.size()));
  return mean;
}

Eigen::MatrixXf read_patches(const PatchGrid& grid, const std::vector<Tensor>& samples, const std::vector<float>& mean, int64_t step) {
  const int64_t total = grid.positions() * static_cast<int64_t>(samples.size());
  Eigen::MatrixXf patches(grid.dims(), (total + step - 1) / step);
  for (int64_t i = 0, column = 0; i < total; i += step, ++column) {
    const int64_t position = i % grid.positions();
    read_patch(grid, samples[i / grid.positions()].as<float>(), position / grid.columns(), position % grid.columns(), mean,
               patches.col(column).data());
  }
  return patches;
}

Eigen::MatrixXd covariance(const Eigen::MatrixXf& patches) {
  constexpr Eigen::Index kBlock = 512;  // sums within a block in float, over blocks in double
  Eigen::MatrixXd sum = Eigen::MatrixXd::Zero(patches.rows(), patches.rows());
  Eigen::MatrixXf part(patches.rows(), patches.rows());
  for (Eigen::Index i = 0; i < patches.cols(); i += kBlock) {
    const auto block = patches.middleCols(i, std::min(kBlock, patches.cols() - i));
    part.setZero();
    part.selfadjointView<Eigen::Lower>().rankUpdate(block);
    sum += part.cast<double>();
  }
  return sum / static_cast<double>(patches.cols());
}

void fix_signs(Eigen::MatrixXf& vectors) {
  for (Eigen::Index k = 0; k < vectors.cols(); ++k) {
    Eigen::Index largest = 0;
    vectors.col(k).cwiseAbs().maxCoeff(&largest);
    if (vectors(largest, k) < 0) vectors.col(k) = -vectors.col(k);
  }
}

int64_t patch_step(int64_t total, int64_t limit) { return ((total + limit - 1) / limit) | 1; }

}  // namespace scissionlite::transfer
