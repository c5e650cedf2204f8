// Fitting of the KLT family: statistics of patches, the basis, the range of each quantiser. Holds Eigen's types.
#pragma once

#include <Eigen/Dense>
#include <span>
#include <string>
#include <vector>

#include "transfer/bit_layout.h"
#include "transfer/patches.h"

namespace scissionlite::transfer {

/// Principal components of the patches, index (channel, dy, dx) as in a convolution's weights.
struct KltBasis {
  std::vector<float> mean;        // (channels)
  Eigen::MatrixXf vectors;        // (dims, components), orthonormal columns, largest variance first
  std::vector<double> variances;  // (dims)
  Eigen::MatrixXf projections;    // (patches, components): a sample of what the quantisers will see
  float low = 0, high = 0;        // over all samples
  double total_variance = 0;
};
/// @throws InvalidArgument: fewer patches than components, a sample of another shape, no variance.
/// Cost: patches * dims^2 + about 9 dims^3 multiply-adds; at most 8 * dims + 8192 patches are read.
[[nodiscard]] KltBasis fit_klt(const PatchGrid& grid, std::span<const Tensor> samples, int64_t components, const std::string& where);

/// A uniform quantiser q = floor((z - low) * levels / (high - low)), clipped, and its reconstruction z = scale * q + shift.
struct Quantiser {
  float low = 0, high = 1;
  float scale = 1, shift = 0;
  double error = 0;  // mean square over the values fitted on
};
/// Range with the least squared error among pairs of quantiles; the reconstruction is the regression of z on q.
[[nodiscard]] Quantiser fit_quantiser(std::vector<float> values, int levels);

}  // namespace scissionlite::transfer
