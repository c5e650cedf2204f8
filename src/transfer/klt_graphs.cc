#include "transfer/klt_graphs.h"

#include <cmath>
#include <limits>

#include "transfer/families.h"

namespace scissionlite::transfer {
namespace {

constexpr int64_t kMostDims = 4096;  // a patch: its covariance takes 128 MiB

}  // namespace

PatchGrid grid_of(const ValueInfo& tensor, int64_t stride) { return {tensor.shape[1], tensor.shape[2], tensor.shape[3], stride}; }

Support supports_patches(const ValueInfo& tensor, int64_t stride) {
  if (auto support = supports_float(tensor, 4); !support.ok) return support;
  if (tensor.shape.size() != 4) return {false, "needs 4 dimensions, '" + tensor.name + "' is " + to_string(tensor.shape)};
  const auto grid = grid_of(tensor, stride);
  if (grid.dims() > kMostDims)
    return {false, "a patch has " + std::to_string(grid.dims()) + " values, at most " + std::to_string(kMostDims) + "; take a smaller stride"};
  return {};
}

std::map<std::string, Attribute> convolution_attributes(const PatchGrid& grid) {
  const std::vector<int64_t> strides{grid.stride, grid.stride};
  const std::vector<int64_t> pads{0, 0, grid.rows() * grid.stride - grid.height, grid.columns() * grid.stride - grid.width};
  return {{"kernel_shape", strides}, {"strides", strides}, {"pads", pads}};
}

Tensor convolution_weights(const PatchGrid& grid, const Eigen::MatrixXf& rows) {
  Tensor out(Dtype::kF32, {rows.rows(), grid.channels, grid.stride, grid.stride});
  auto values = out.mutable_as<float>();
  for (Eigen::Index k = 0; k < rows.rows(); ++k)
    for (Eigen::Index i = 0; i < rows.cols(); ++i) values[static_cast<size_t>(k * rows.cols() + i)] = rows(k, i);
  return out;
}

double mean_projection(const PatchGrid& grid, const std::vector<float>& mean, const Eigen::VectorXf& row) {
  const int64_t area = grid.stride * grid.stride;
  double sum = 0;
  for (Eigen::Index i = 0; i < row.size(); ++i) sum += static_cast<double>(mean[static_cast<size_t>(i / area)]) * row[i];
  return sum;
}

std::pair<float, float> range_to_restore(float low, float high) {
  constexpr float kRelu6 = 6, kInfinity = std::numeric_limits<float>::infinity();
  if (low != 0) return {-kInfinity, kInfinity};
  return {0, high == kRelu6 ? kRelu6 : kInfinity};
}

std::string restore_range(GraphBuilder& build, float low, float high, const std::string& x) {
  const auto [least, most] = range_to_restore(low, high);
  if (std::isinf(least)) return x;
  return std::isinf(most) ? build.relu(x) : build.clip(x, least, most);
}

}  // namespace scissionlite::transfer
