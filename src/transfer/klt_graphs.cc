#include "transfer/klt_graphs.h"

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

std::string restore_range(GraphBuilder& build, float low, float high, const std::string& x) {
  constexpr float kRelu6 = 6;
  if (low != 0) return x;
  return high == kRelu6 ? build.clip(x, 0, kRelu6) : build.relu(x);
}

}  // namespace scissionlite::transfer
