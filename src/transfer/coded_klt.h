// Fitting of the entropy-coded KLT: one quantiser step for all components of a space in which errors count as they move
// the answers, at each position as much as answers depend on it. Holds Eigen's types.
#pragma once

#include <Eigen/Dense>
#include <span>
#include <string>
#include <vector>

#include "transfer/patches.h"

namespace scissionlite::transfer {

/// Symbols q = sign(z) floor(|z| + kRoundUp) of z = weight analysis (x - mean), weight that of the patch's position; x is
/// restored as mean + synthesis q / weight + what the symbols of the eight patches around add.
inline constexpr double kRoundUp = 0.35;  // under 0.5: a wider zero saves more bits than it costs in error (rate-distortion)

struct CodedBasis {
  std::vector<float> mean;     // (channels)
  Eigen::MatrixXf analysis;    // (components, dims), in units of the step
  std::vector<float> weights;  // (positions): a wider step where answers depend less on a position; 1 on average
  Eigen::MatrixXf synthesis;   // (dims, components), the regression of patches on symbols over weight
  // The same of the first components of the patches around, row by row without the middle: eight of (dims, neighbours), or
  // none. What the step sends to zero here often shows in them.
  std::vector<Eigen::MatrixXf> around;
  std::vector<int> zeros, levels;  // (components): the code is q + zero, in 0 .. levels - 1
  float low = 0, high = 0;         // over all samples
  // Whether what is restored is brought back into the range of a Relu. That takes away error of the values that were zero,
  // but adds error in directions which the transform had kept well, so it is done only where the weighted error falls.
  bool in_range = false;
  double error_share = 0;     // of the (weighted) variance that quantisation loses
  std::vector<Tensor> codes;  // of the samples it was fitted on, as `codes_of` gives them
  int64_t dims = 0;
};

struct CodedFit {
  PatchGrid grid;
  std::span<const Tensor> samples;    // activations
  std::span<const Tensor> gradients;  // of how answers move with them; empty: all directions and positions count alike
  double step = 0.5;                  // over the root mean square of a component
  std::string where;
  bool keep_range = false;  // as in FitContext
};
/// With M = mean of g gT over patches of the gradients (scaled to trace dims, plus kFlat of the identity) and w^2 the mean
/// energy of the gradients at a position, the error of a patch counts w^2 eT M e: the KLT of w M^1/2 x has white noise of
/// that measure, and one step for all components is the reverse water-filling of it. Components that the step sends to zero
/// everywhere are left out.
/// Source: Cover and Thomas, Elements of Information Theory, 2nd ed., Sec. 10.3.3; M is the Fisher information of the
/// answers when g are gradients of log p(y), y drawn from the model's own p.
/// @throws InvalidArgument: no sample, another shape, values that are not finite, no variance, a step that leaves nothing.
/// Cost: two eigendecompositions of dims, about 4 * patches * dims^2 multiply-adds.
[[nodiscard]] CodedBasis fit_coded_klt(const CodedFit& fit);

/// What does not depend on the step, so that several rates are made of one analysis.
struct CodedAnalysis {
  PatchGrid grid;
  std::vector<Tensor> samples;       // float32, checked
  std::vector<float> mean, weights;  // as in CodedBasis
  float low = 0, high = 0;
  Eigen::MatrixXf patches;  // (dims, some of all patches), less the mean, times the weights
  Eigen::MatrixXd root;     // M^1/2
  Eigen::MatrixXd vectors;  // of the KLT of root * patches, largest value first
  Eigen::VectorXd values;
  bool keep_range = false;
};
/// All that `fit_coded_klt` does before it needs `fit.step`. @throws as it does.
[[nodiscard]] CodedAnalysis analyse(const CodedFit& fit);
/// @throws InvalidArgument: a step that leaves nothing.
[[nodiscard]] CodedBasis fit_coded_klt(const CodedAnalysis& analysis, double step, const std::string& where);

/// Sets `synthesis` and `around` by least squares, then `in_range` and `error_share`; all else of the basis is given, `codes` too.
void fit_synthesis(const CodedAnalysis& from, CodedBasis& basis);

/// Symbols of one sample: (components, positions).
[[nodiscard]] Eigen::MatrixXf symbols_of(const PatchGrid& grid, const CodedBasis& basis, const Tensor& sample);

/// The codes of one sample, uint8 (1, components, rows, columns): what the encoder's graph gives, up to rounding.
[[nodiscard]] Tensor codes_of(const PatchGrid& grid, const CodedBasis& basis, const Tensor& sample);

}  // namespace scissionlite::transfer
