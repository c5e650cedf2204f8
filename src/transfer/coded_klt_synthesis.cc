// The decoder of the entropy-coded KLT: least squares from the symbols of a patch and of the eight patches around it.
#include <algorithm>
#include <tuple>

#include "transfer/coded_klt.h"
#include "transfer/klt_graphs.h"

namespace scissionlite::transfer {
namespace {

using Eigen::MatrixXd;
using Eigen::MatrixXf;

constexpr int64_t kMostNeighbours = 64;  // components of the patches around that are looked at: the strongest
constexpr int64_t kFewestNeighbours = 4;
constexpr int64_t kPatchesAFeature = 12;  // fewer would fit noise
constexpr int64_t kMostPatches = 1 << 16;

/// Columns of `symbols` moved so that position (r, c) holds what (r + dr, c + dc) had, zero beyond the border.
MatrixXf moved(const PatchGrid& grid, const MatrixXf& symbols, int64_t dr, int64_t dc) {
  MatrixXf out = MatrixXf::Zero(symbols.rows(), symbols.cols());
  for (int64_t r = std::max<int64_t>(0, -dr); r < grid.rows() - std::max<int64_t>(0, dr); ++r)
    for (int64_t c = std::max<int64_t>(0, -dc); c < grid.columns() - std::max<int64_t>(0, dc); ++c)
      out.col(r * grid.columns() + c) = symbols.col((r + dr) * grid.columns() + c + dc);
  return out;
}

/// Symbols over weight of a sample's code, and below them those of the patches around.
MatrixXf features_of(const PatchGrid& grid, const CodedBasis& basis, const Tensor& code, int64_t neighbours) {
  using Rows = Eigen::Matrix<uint8_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  MatrixXf q = Eigen::Map<const Rows>(code.as<uint8_t>().data(), static_cast<Eigen::Index>(basis.zeros.size()), grid.positions()).cast<float>();
  q.colwise() -= Eigen::Map<const Eigen::VectorXi>(basis.zeros.data(), q.rows()).cast<float>();
  for (Eigen::Index i = 0; i < q.cols(); ++i) q.col(i) /= basis.weights[static_cast<size_t>(i)];
  MatrixXf out(q.rows() + 8 * neighbours, q.cols());
  out.topRows(q.rows()) = q;
  Eigen::Index row = q.rows();
  for (int64_t dr = -1; dr <= 1 && neighbours > 0; ++dr)
    for (int64_t dc = -1; dc <= 1; ++dc) {
      if (dr == 0 && dc == 0) continue;
      out.middleRows(row, neighbours) = moved(grid, q.topRows(neighbours), dr, dc);
      row += neighbours;
    }
  return out;
}

int64_t neighbours_for(const PatchGrid& grid, int64_t components, int64_t patches) {
  if (grid.rows() < 2 || grid.columns() < 2) return 0;
  const auto n = std::min({kMostNeighbours, components, (patches / kPatchesAFeature - components) / 8});
  return n < kFewestNeighbours ? 0 : n;
}

/// Sums for the normal equations.
struct Sums {
  MatrixXd ff, xf;
  double count = 0;
  void add(const MatrixXf& patches, const MatrixXf& features) {
    if (ff.size() == 0) ff = MatrixXd::Zero(features.rows(), features.rows()), xf = MatrixXd::Zero(patches.rows(), features.rows());
    MatrixXf part = MatrixXf::Zero(features.rows(), features.rows());
    part.selfadjointView<Eigen::Lower>().rankUpdate(features);
    ff += part.cast<double>();
    xf += (patches * features.transpose()).eval().cast<double>();
    count += static_cast<double>(features.cols());
  }
  [[nodiscard]] MatrixXf solve() {
    constexpr double kRidge = 1e-4;
    ff.diagonal().array() += kRidge * count;
    const MatrixXd full = ff.selfadjointView<Eigen::Lower>();
    return full.ldlt().solve(xf.transpose()).transpose().cast<float>();
  }
};

/// Mean of a channel, for each row of a patch.
Eigen::VectorXf means_of_rows(const PatchGrid& grid, const CodedBasis& basis) {
  const auto area = grid.stride * grid.stride;
  Eigen::VectorXf out(grid.dims());
  for (Eigen::Index d = 0; d < out.size(); ++d) out[d] = basis.mean[static_cast<size_t>(d / area)];
  return out;
}

/// Decides whether to restore the range, and by what share of the weighted variance patches are missed then.
void judge(const CodedAnalysis& from, const MatrixXf& map, int64_t neighbours, CodedBasis& basis) {
  constexpr size_t kImages = 64;
  const auto& [grid, samples] = std::tie(from.grid, from.samples);
  const MatrixXf root = from.root.cast<float>();
  const auto weights = Eigen::Map<const Eigen::VectorXf>(basis.weights.data(), static_cast<Eigen::Index>(basis.weights.size())).asDiagonal();
  const Eigen::VectorXf mean = means_of_rows(grid, basis);
  const auto [low, high] = range_to_restore(basis.low, basis.high);
  double free = 0, in_range = 0, all = 0;
  for (size_t i = 0; i < std::min(kImages, samples.size()); ++i) {
    const MatrixXf patches = read_patches(grid, {samples[i]}, basis.mean, 1);
    MatrixXf restored = map * features_of(grid, basis, basis.codes[i], neighbours);
    free += (root * (patches - restored) * weights).squaredNorm();
    restored = ((restored.colwise() + mean).cwiseMax(low).cwiseMin(high)).colwise() - mean;
    in_range += (root * (patches - restored) * weights).squaredNorm();
    all += (root * patches * weights).squaredNorm();
  }
  basis.in_range = from.keep_range || in_range < free;
  basis.error_share = all > 0 ? (basis.in_range ? in_range : free) / all : 0;
}

}  // namespace

void fit_synthesis(const CodedAnalysis& from, CodedBasis& basis) {
  const auto& [grid, samples] = std::tie(from.grid, from.samples);
  const auto components = basis.analysis.rows();
  const auto total = grid.positions() * static_cast<int64_t>(samples.size());
  const auto neighbours = neighbours_for(grid, components, total);
  const auto stride = static_cast<size_t>(std::max<int64_t>(1, total / std::max(kMostPatches, 2 * kPatchesAFeature * (components + 8 * neighbours))));
  // Several samples at once: the sums are large, so that adding to them costs as much as the products of a few patches.
  constexpr int64_t kColumns = 1024;
  const auto positions = grid.positions();
  const auto together = static_cast<size_t>(std::max<int64_t>(1, kColumns / positions));
  Sums sums;
  for (size_t i = 0; i < samples.size();) {
    std::vector<Tensor> block;
    MatrixXf features(components + 8 * neighbours, static_cast<Eigen::Index>(together) * positions);
    for (; block.size() < together && i < samples.size(); i += stride) {
      features.middleCols(static_cast<Eigen::Index>(block.size()) * positions, positions) = features_of(grid, basis, basis.codes[i], neighbours);
      block.push_back(samples[i]);
    }
    sums.add(read_patches(grid, block, basis.mean, 1), features.leftCols(static_cast<Eigen::Index>(block.size()) * positions));
  }
  const MatrixXf map = sums.solve();
  basis.synthesis = map.leftCols(components);
  basis.around.clear();
  for (int64_t i = 0; i < 8 && neighbours > 0; ++i) basis.around.push_back(map.middleCols(components + i * neighbours, neighbours));
  judge(from, map, neighbours, basis);
}

}  // namespace scissionlite::transfer
