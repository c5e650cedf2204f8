// What the graphs of the KLT families share.
#pragma once

#include <map>
#include <string>

#include "transfer/graph_builder.h"
#include "transfer/patches.h"

namespace scissionlite::transfer {

[[nodiscard]] PatchGrid grid_of(const ValueInfo& tensor, int64_t stride);
/// yes for a float tensor of four known dimensions whose patches are not too large.
[[nodiscard]] Support supports_patches(const ValueInfo& tensor, int64_t stride);
/// Strides and end padding that both convolutions share: what the last patch has beyond the border.
[[nodiscard]] std::map<std::string, Attribute> convolution_attributes(const PatchGrid& grid);
/// (rows, c, stride, stride) from (rows, dims): a row a channel of the code.
[[nodiscard]] Tensor convolution_weights(const PatchGrid& grid, const Eigen::MatrixXf& rows);
/// The product of a row of `dims` values with the channels' means.
[[nodiscard]] double mean_projection(const PatchGrid& grid, const std::vector<float>& mean, const Eigen::VectorXf& row);
/// What an activation function left: (0, infinity) of a ReLU, (0, 6) of a ReLU6, without bounds else.
/// @param low, high  the range of the fitting samples.
[[nodiscard]] std::pair<float, float> range_to_restore(float low, float high);
/// Brings `x` back into it.
[[nodiscard]] std::string restore_range(GraphBuilder& build, float low, float high, const std::string& x);

/// The entropy-coded KLT (coded_klt.cc).
std::unique_ptr<TransferLayer> make_coded_klt(const std::string& spec, int64_t stride, int64_t step_percent);

}  // namespace scissionlite::transfer
