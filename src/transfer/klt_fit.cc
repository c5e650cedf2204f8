#include <algorithm>
#include <cmath>
#include <tuple>

#include "transfer/klt_internal.h"

namespace scissionlite::transfer {

KltBasis fit_klt(const PatchGrid& grid, std::span<const Tensor> given, int64_t components, const std::string& where) {
  const auto samples = checked_samples(grid, given, where);
  const int64_t total = grid.positions() * static_cast<int64_t>(samples.size());
  if (total < components || samples.empty())
    throw InvalidArgument("[" + where + "] " + std::to_string(samples.size()) + " fitting images give " + std::to_string(total) + " patches for " +
                          std::to_string(components) + " components; give at least " +
                          std::to_string((components + grid.positions() - 1) / grid.positions()) + " images (about ten times that fits well)");
  KltBasis basis;
  basis.mean = channel_means(grid, samples);
  std::tie(basis.low, basis.high) = value_range(samples, where);
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
