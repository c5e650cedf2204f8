#include <algorithm>
#include <cmath>
#include <tuple>

#include "transfer/coded_klt.h"

namespace scissionlite::transfer {
namespace {

using Eigen::MatrixXd;
using Eigen::MatrixXf;

constexpr double kFlat = 0.2;          // how much directions count that no gradient points in
constexpr double kReach = 6;           // components narrower than the step / kReach are zero but for outliers
constexpr double kSeldom = 1e-4;       // a component with fewer symbols that are not zero is left out
constexpr int64_t kMostValues = int64_t{1} << 26;  // of patches held at once: 256 MiB

struct Spectrum {
  MatrixXd vectors;          // columns, largest value first
  Eigen::VectorXd values;    // not negative
};

Spectrum eigen(const MatrixXd& lower, const std::string& where) {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(lower);  // reads the lower triangle
  if (solver.info() != Eigen::Success) throw InternalError("[" + where + "] the eigenvalues did not converge");
  return {solver.eigenvectors().rowwise().reverse(), solver.eigenvalues().reverse().cwiseMax(0)};
}

int64_t step_for(const PatchGrid& grid, size_t samples) {
  const int64_t total = grid.positions() * static_cast<int64_t>(samples);
  return patch_step(total, std::min(kMostValues / grid.dims(), std::max<int64_t>(16 * grid.dims(), 1 << 16)));
}

/// M^1/2 and its inverse.
std::pair<MatrixXd, MatrixXd> sensitivity_roots(const CodedFit& fit) {
  const auto dims = fit.grid.dims();
  if (fit.gradients.empty()) return {MatrixXd::Identity(dims, dims), MatrixXd::Identity(dims, dims)};
  const auto gradients = checked_samples(fit.grid, fit.gradients, fit.where);
  const std::vector<float> none(static_cast<size_t>(fit.grid.channels), 0.0F);
  const auto root = eigen(covariance(read_patches(fit.grid, gradients, none, step_for(fit.grid, gradients.size()))), fit.where);
  const double trace = root.values.sum();
  if (!(trace > 0)) return {MatrixXd::Identity(dims, dims), MatrixXd::Identity(dims, dims)};  // nothing moves the answers
  const Eigen::VectorXd weights = (root.values * (static_cast<double>(dims) / trace)).array() + kFlat;
  const auto with = [&](const Eigen::VectorXd& diagonal) -> MatrixXd { return root.vectors * diagonal.asDiagonal() * root.vectors.transpose(); };
  return {with(weights.cwiseSqrt()), with(weights.cwiseSqrt().cwiseInverse())};
}

MatrixXf symbols(const MatrixXf& z) {
  return z.unaryExpr([](float v) { return std::copysign(std::floor(std::fabs(v) + static_cast<float>(kRoundUp)), v); });
}

/// Keeps the components that ever send a symbol, and notes how far their symbols reach.
MatrixXf keep_used(CodedBasis& basis, const MatrixXf& q, const std::string& where) {
  constexpr int kMostLevels = 256;
  std::vector<Eigen::Index> used;
  for (Eigen::Index k = 0; k < q.rows(); ++k)
    if (static_cast<double>((q.row(k).array() != 0).count()) > kSeldom * static_cast<double>(q.cols())) used.push_back(k);
  if (used.empty()) throw InvalidArgument("[" + where + "] the step is so wide that every symbol is zero; take a smaller q");
  for (const auto k : used) {
    const int least = static_cast<int>(q.row(k).minCoeff()), most = static_cast<int>(q.row(k).maxCoeff());
    const int margin = 2 + (most - least) / 4;  // for images that were not seen
    const int zero = std::clamp(margin - least, 1, kMostLevels / 2);
    basis.zeros.push_back(zero);
    basis.levels.push_back(std::min(zero + std::max(most, 0) + margin + 1, kMostLevels));
  }
  basis.analysis = MatrixXf(basis.analysis(used, Eigen::all));
  return q(used, Eigen::all);
}

/// The least-squares map from symbols to patches.
MatrixXf regression(const MatrixXf& patches, const MatrixXf& q) {
  constexpr double kRidge = 1e-4;
  MatrixXd qq = MatrixXd::Zero(q.rows(), q.rows()), xq = MatrixXd::Zero(patches.rows(), q.rows());
  constexpr Eigen::Index kBlock = 2048;  // sums within a block in float, over blocks in double
  for (Eigen::Index i = 0; i < q.cols(); i += kBlock) {
    const auto n = std::min(kBlock, q.cols() - i);
    const MatrixXf block_qq = q.middleCols(i, n) * q.middleCols(i, n).transpose(), block_xq = patches.middleCols(i, n) * q.middleCols(i, n).transpose();
    qq += block_qq.cast<double>(), xq += block_xq.cast<double>();
  }
  qq.diagonal().array() += kRidge * static_cast<double>(q.cols()) / 100;
  return qq.ldlt().solve(xq.transpose()).transpose().cast<float>();
}

}  // namespace

CodedBasis fit_coded_klt(const CodedFit& fit) {
  const auto& grid = fit.grid;
  const auto samples = checked_samples(grid, fit.samples, fit.where);
  if (samples.empty()) throw InvalidArgument("[" + fit.where + "] there is no fitting image; give at least one, better a hundred");
  CodedBasis basis;
  basis.dims = grid.dims();
  std::tie(basis.low, basis.high) = value_range(samples, fit.where);
  basis.mean = channel_means(grid, samples);
  const auto patches = read_patches(grid, samples, basis.mean, step_for(grid, samples.size()));
  const auto [root, inverse] = sensitivity_roots(fit);
  const MatrixXd spread = covariance(patches).selfadjointView<Eigen::Lower>();
  const auto klt = eigen(root * spread * root, fit.where);
  const double step = fit.step * std::sqrt(klt.values.sum() / static_cast<double>(grid.dims()));
  const Eigen::Index reach = (klt.values.array() > std::pow(step / kReach, 2)).count();
  if (reach == 0) throw InvalidArgument("[" + fit.where + "] the step is so wide that every symbol is zero; take a smaller q");
  MatrixXf vectors = klt.vectors.leftCols(reach).cast<float>();
  fix_signs(vectors);
  basis.analysis = (vectors.cast<double>().transpose() * root / step).cast<float>();
  const auto q = keep_used(basis, symbols(basis.analysis * patches), fit.where);
  basis.synthesis = regression(patches, q);
  const MatrixXf error = root.cast<float>() * (patches - basis.synthesis * q);
  basis.error_share = error.squaredNorm() / (root.cast<float>() * patches).squaredNorm();
  return basis;
}

Tensor codes_of(const PatchGrid& grid, const CodedBasis& basis, const Tensor& sample) {
  const MatrixXf q = symbols(basis.analysis * read_patches(grid, {sample.to_f32()}, basis.mean, 1));
  Tensor out(Dtype::kU8, {1, static_cast<int64_t>(basis.zeros.size()), grid.rows(), grid.columns()});
  auto codes = out.mutable_as<uint8_t>();
  for (Eigen::Index k = 0; k < q.rows(); ++k)
    for (Eigen::Index i = 0; i < q.cols(); ++i)
      codes[static_cast<size_t>(k * q.cols() + i)] =
          static_cast<uint8_t>(std::clamp(static_cast<int>(q(k, i)) + basis.zeros[static_cast<size_t>(k)], 0, basis.levels[static_cast<size_t>(k)] - 1));
  return out;
}

}  // namespace scissionlite::transfer
