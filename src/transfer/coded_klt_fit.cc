#include <algorithm>
#include <cmath>
#include <tuple>

#include "transfer/coded_klt.h"

namespace scissionlite::transfer {
namespace {

using Eigen::MatrixXd;
using Eigen::MatrixXf;

constexpr double kFlat = 0.02;          // how much directions count that no gradient points in
constexpr double kFlatPositions = 0.1;  // the same of positions
constexpr double kGradientsToTrust = 8;
constexpr double kReach = 6;                       // components narrower than the step / kReach are zero but for outliers
constexpr double kSeldom = 1e-4;                   // a component with fewer symbols that are not zero is left out
constexpr int64_t kMostValues = int64_t{1} << 26;  // of patches held at once: 256 MiB

struct Spectrum {
  MatrixXd vectors;        // columns, largest value first
  Eigen::VectorXd values;  // not negative
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

/// M^1/2.
MatrixXd sensitivity_root(const PatchGrid& grid, const std::vector<Tensor>& gradients, const std::string& where) {
  const auto dims = grid.dims();
  if (gradients.empty()) return MatrixXd::Identity(dims, dims);
  const std::vector<float> none(static_cast<size_t>(grid.channels), 0.0F);
  const auto root = eigen(covariance(read_patches(grid, gradients, none, step_for(grid, gradients.size()))), where);
  const double trace = root.values.sum();
  if (!(trace > 0)) return MatrixXd::Identity(dims, dims);  // nothing moves the answers
  const Eigen::VectorXd weights = (root.values * (static_cast<double>(dims) / trace)).array() + kFlat;
  return root.vectors * weights.cwiseSqrt().asDiagonal() * root.vectors.transpose();
}

MatrixXf symbols(const MatrixXf& z) {
  return z.unaryExpr([](float v) { return std::copysign(std::floor(std::fabs(v) + static_cast<float>(kRoundUp)), v); });
}

/// A code is a byte. Gives the few components whose symbols reach beyond it (the first of a wide tensor at a small step) a
/// wider step instead of clipping what they hold most of: one of a hundred components at three times the step adds a tenth of
/// the error, while a clipped one loses the brightest images.
void fit_into_bytes(CodedBasis& basis, const MatrixXf& patches) {
  constexpr float kReachOfAByte = 100;  // leaves a fifth for images that were not seen
  const Eigen::VectorXf most = (basis.analysis * patches).cwiseAbs().rowwise().maxCoeff();
  for (Eigen::Index k = 0; k < most.size(); ++k)
    if (most[k] > kReachOfAByte) basis.analysis.row(k) *= kReachOfAByte / most[k];
}

/// Keeps the components that ever send a symbol, and notes how far their symbols reach.
void keep_used(CodedBasis& basis, const MatrixXf& q, const std::string& where) {
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
}

/// Root of the mean energy of the gradients at each position, 1 on average.
std::vector<float> position_weights(const PatchGrid& grid, const std::vector<Tensor>& gradients) {
  const auto positions = grid.positions();
  std::vector<float> weights(static_cast<size_t>(positions), 1.0F);
  if (gradients.empty()) return weights;
  const std::vector<float> none(static_cast<size_t>(grid.channels), 0.0F);
  Eigen::VectorXd energy = Eigen::VectorXd::Zero(positions);
  for (const auto& gradient : gradients) energy += read_patches(grid, {gradient}, none, 1).colwise().squaredNorm().transpose().cast<double>();
  if (!(energy.mean() > 0)) return weights;
  // Few gradients say little about single positions.
  const double flat = kFlatPositions + kGradientsToTrust / static_cast<double>(gradients.size());
  energy = (energy / energy.mean()).array() + flat;
  energy = (energy / energy.mean()).cwiseSqrt();
  for (Eigen::Index i = 0; i < positions; ++i) weights[static_cast<size_t>(i)] = static_cast<float>(energy[i]);
  return weights;
}

/// Patches times the weights of their positions, as read with `step`.
void weigh(MatrixXf& patches, const std::vector<float>& weights, int64_t step) {
  const auto positions = static_cast<int64_t>(weights.size());
  for (Eigen::Index i = 0; i < patches.cols(); ++i) patches.col(i) *= weights[static_cast<size_t>(i * step % positions)];
}

}  // namespace

CodedAnalysis analyse(const CodedFit& fit) {
  CodedAnalysis out;
  out.grid = fit.grid;
  out.samples = checked_samples(fit.grid, fit.samples, fit.where);
  out.keep_range = fit.keep_range;
  const auto& grid = out.grid;
  if (out.samples.empty()) throw InvalidArgument("[" + fit.where + "] there is no fitting image; give at least one, better a hundred");
  const auto gradients = checked_samples(grid, fit.gradients, fit.where);
  std::tie(out.low, out.high) = value_range(out.samples, fit.where);
  out.mean = channel_means(grid, out.samples);
  out.weights = position_weights(grid, gradients);
  const auto read_step = step_for(grid, out.samples.size());
  out.patches = read_patches(grid, out.samples, out.mean, read_step);
  weigh(out.patches, out.weights, read_step);
  out.root = sensitivity_root(grid, gradients, fit.where);
  const MatrixXd spread = covariance(out.patches).selfadjointView<Eigen::Lower>();
  auto klt = eigen(out.root * spread * out.root, fit.where);
  out.vectors = std::move(klt.vectors);
  out.values = std::move(klt.values);
  return out;
}

CodedBasis fit_coded_klt(const CodedAnalysis& from, double relative_step, const std::string& where) {
  CodedBasis basis;
  basis.dims = from.grid.dims();
  basis.mean = from.mean;
  basis.weights = from.weights;
  basis.low = from.low, basis.high = from.high;
  const double step = relative_step * std::sqrt(from.values.sum() / static_cast<double>(basis.dims));
  const Eigen::Index reach = (from.values.array() > std::pow(step / kReach, 2)).count();
  if (reach == 0) throw InvalidArgument("[" + where + "] the step is so wide that every symbol is zero; take a smaller q");
  MatrixXf vectors = from.vectors.leftCols(reach).cast<float>();
  fix_signs(vectors);
  basis.analysis = (vectors.cast<double>().transpose() * from.root / step).cast<float>();
  fit_into_bytes(basis, from.patches);
  keep_used(basis, symbols(basis.analysis * from.patches), where);
  for (const auto& sample : from.samples) basis.codes.push_back(codes_of(from.grid, basis, sample));
  fit_synthesis(from, basis);
  return basis;
}

CodedBasis fit_coded_klt(const CodedFit& fit) { return fit_coded_klt(analyse(fit), fit.step, fit.where); }

MatrixXf symbols_of(const PatchGrid& grid, const CodedBasis& basis, const Tensor& sample) {
  auto patches = read_patches(grid, {sample}, basis.mean, 1);
  weigh(patches, basis.weights, 1);
  return symbols(basis.analysis * patches);
}

Tensor codes_of(const PatchGrid& grid, const CodedBasis& basis, const Tensor& sample) {
  const MatrixXf q = symbols_of(grid, basis, sample.to_f32());
  Tensor out(Dtype::kU8, {1, static_cast<int64_t>(basis.zeros.size()), grid.rows(), grid.columns()});
  auto codes = out.mutable_as<uint8_t>();
  for (Eigen::Index k = 0; k < q.rows(); ++k)
    for (Eigen::Index i = 0; i < q.cols(); ++i)
      codes[static_cast<size_t>(k * q.cols() + i)] = static_cast<uint8_t>(
          std::clamp(static_cast<int>(q(k, i)) + basis.zeros[static_cast<size_t>(k)], 0, basis.levels[static_cast<size_t>(k)] - 1));
  return out;
}

}  // namespace scissionlite::transfer
