#include <algorithm>
#include <cmath>

#include "transfer/klt_internal.h"

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

std::vector<Tensor> checked(const PatchGrid& grid, std::span<const Tensor> samples, const std::string& where) {
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

/// Every `step`-th patch over all samples in order: the same choice on every machine.
Eigen::MatrixXf read_patches(const PatchGrid& grid, const std::vector<Tensor>& samples, const std::vector<float>& mean, int64_t step) {
  const int64_t total = grid.positions() * static_cast<int64_t>(samples.size());
  Eigen::MatrixXf patches(grid.dims(), (total + step - 1) / step);
  for (int64_t i = 0, column = 0; i < total; i += step, ++column) {
    const int64_t position = i % grid.positions();
    read_patch(grid, samples[i / grid.positions()].as<float>(), position / grid.columns(), position % grid.columns(), mean, patches.col(column).data());
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

/// The sign of an eigenvector is arbitrary: its largest entry becomes positive.
void fix_signs(Eigen::MatrixXf& vectors) {
  for (Eigen::Index k = 0; k < vectors.cols(); ++k) {
    Eigen::Index largest = 0;
    vectors.col(k).cwiseAbs().maxCoeff(&largest);
    if (vectors(largest, k) < 0) vectors.col(k) = -vectors.col(k);
  }
}

/// An odd step keeps neighbouring images from always giving the same rows.
int64_t patch_step(int64_t total, int64_t limit) { return ((total + limit - 1) / limit) | 1; }

}  // namespace

KltBasis fit_klt(const PatchGrid& grid, std::span<const Tensor> given, int64_t components, const std::string& where) {
  const auto samples = checked(grid, given, where);
  const int64_t total = grid.positions() * static_cast<int64_t>(samples.size());
  if (total < components || samples.empty())
    throw InvalidArgument("[" + where + "] " + std::to_string(samples.size()) + " fitting images give " + std::to_string(total) + " patches for " +
                          std::to_string(components) + " components; give at least " +
                          std::to_string((components + grid.positions() - 1) / grid.positions()) + " images (about ten times that fits well)");
  KltBasis basis;
  basis.mean = channel_means(grid, samples);
  basis.low = basis.high = samples[0].as<float>()[0];
  for (const auto& sample : samples) {
    const auto [low, high] = std::minmax_element(sample.as<float>().begin(), sample.as<float>().end());
    basis.low = std::min(basis.low, *low), basis.high = std::max(basis.high, *high);
  }
  if (!(basis.high > basis.low))
    throw InvalidArgument("[" + where + "] all values of all fitting images are " + std::to_string(basis.low) + "; a KLT needs variance, check the images");
  const auto patches = read_patches(grid, samples, basis.mean, patch_step(total, std::max(8 * grid.dims() + 8192, components)));
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(covariance(patches));  // reads the lower triangle
  if (solver.info() != Eigen::Success) throw InternalError("[" + where + "] the eigenvalues did not converge");
  for (int64_t k = 0; k < grid.dims(); ++k) {
    basis.variances.push_back(std::max(0.0, solver.eigenvalues()(grid.dims() - 1 - k)));
    basis.total_variance += basis.variances.back();
  }
  basis.vectors = solver.eigenvectors().rightCols(components).rowwise().reverse().cast<float>();
  fix_signs(basis.vectors);
  constexpr int64_t kQuantiserSamples = 6000;
  const int64_t keep = (patches.cols() + kQuantiserSamples - 1) / kQuantiserSamples;
  Eigen::MatrixXf some(patches.rows(), (patches.cols() + keep - 1) / keep);
  for (Eigen::Index i = 0; i < some.cols(); ++i) some.col(i) = patches.col(i * keep);
  basis.projections = some.transpose() * basis.vectors;
  return basis;
}

namespace {

/// Quantises `sorted` over [low, high] and regresses the values on their codes.
Quantiser try_range(const std::vector<float>& sorted, int levels, float low, float high) {
  Quantiser out{low, high, 1, 0, 0};
  const double n = static_cast<double>(sorted.size()), rate = levels / (static_cast<double>(high) - low);
  double sum_z = 0, sum_zz = 0, sum_q = 0, sum_qq = 0, sum_zq = 0;
  for (const float z : sorted) {
    const double q = std::clamp(std::floor((z - low) * rate), 0.0, levels - 1.0);
    sum_z += z, sum_zz += static_cast<double>(z) * z, sum_q += q, sum_qq += q * q, sum_zq += z * q;
  }
  const double var_q = sum_qq / n - sum_q * sum_q / (n * n), var_z = sum_zz / n - sum_z * sum_z / (n * n);
  const double covariance = sum_zq / n - sum_z * sum_q / (n * n);
  if (!(var_q > 0) || !(covariance > 0)) {  // every value has one code
    out.scale = 1, out.shift = static_cast<float>(sum_z / n), out.error = var_z;
    return out;
  }
  out.scale = static_cast<float>(covariance / var_q);
  out.shift = static_cast<float>(sum_z / n - out.scale * sum_q / n);
  out.error = std::max(0.0, var_z - covariance * covariance / var_q);
  return out;
}

}  // namespace

Quantiser fit_quantiser(std::vector<float> values, int levels) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) { return values[static_cast<size_t>(std::lround(share * static_cast<double>(values.size() - 1)))]; };
  constexpr double kTails[] = {0, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.03, 0.06, 0.12};
  Quantiser best;
  best.error = -1;
  const auto consider = [&](float low, float high) {
    if (!(high > low)) return;
    auto tried = try_range(values, levels, low, high);
    if (best.error < 0 || tried.error < best.error) best = tried;
  };
  for (const double tail : kTails) consider(at(tail), at(1 - tail));
  if (best.error >= 0) {  // the two ends apart: components are often skewed
    const float high = best.high;
    for (const double tail : kTails) consider(at(tail), high);
    const float better_low = best.low;
    for (const double tail : kTails) consider(better_low, at(1 - tail));
  }
  if (best.error >= 0) return best;
  const float middle = values[values.size() / 2];  // constant
  return {middle - 0.5F, middle + 0.5F, 1.0F, middle - static_cast<float>(levels / 2), 0};
}

}  // namespace scissionlite::transfer
