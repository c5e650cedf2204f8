// What operators on libtorch share. Private to train/op/.
#pragma once

#include "ops/support.h"
#include "train/op/operators.h"

namespace scissionlite::train::op {

/// The context as src/ops knows it, for its windows and axes.
[[nodiscard]] inline ops::Context plain(const OpContext& c) { return {c.node, c.opset}; }
[[noreturn]] inline void fail(const OpContext& c, const std::string& message) { ops::fail(plain(c), message); }
[[nodiscard]] inline bool given(const Tensors& in, size_t i) { return in.size() > i && in[i].defined(); }
[[nodiscard]] inline Shape shape_of(const torch::Tensor& t) { return {t.sizes().begin(), t.sizes().end()}; }
/// Whether a gradient will be asked of `t`.
[[nodiscard]] inline bool carries_gradient(const torch::Tensor& t) { return t.requires_grad() && torch::GradMode::is_enabled(); }

/// Values of a tensor of integers.
[[nodiscard]] std::vector<int64_t> integers(const torch::Tensor& t);
/// Values of a tensor of floats.
[[nodiscard]] std::vector<double> floats(const torch::Tensor& t);
[[nodiscard]] double scalar(const torch::Tensor& t);
/// The input's integers, else the attribute's, else none: many operators moved theirs from one to the other.
[[nodiscard]] std::vector<int64_t> attribute_or_input(const OpContext& c, const Tensors& in, size_t i, const std::string& attribute);
/// Negative axes count from the end.
[[nodiscard]] inline int64_t normal_axis(const OpContext& c, int64_t axis, int64_t rank) {
  return ops::normal_axis(plain(c), axis, static_cast<size_t>(rank));
}
/// As the run's floating type, unless it is of that type already.
[[nodiscard]] inline torch::Tensor wide(const OpContext& c, const torch::Tensor& t) { return t.scalar_type() == c.compute ? t : t.to(c.compute); }
/// Zero (or `value`) padding per dimension from the third on; negative pads crop.
[[nodiscard]] torch::Tensor pad_spatial(const torch::Tensor& x, const std::vector<int64_t>& begin, const std::vector<int64_t>& end, double value);

/// a (n, k) times b (k, m).
[[nodiscard]] torch::Tensor product(const torch::Tensor& a, const torch::Tensor& b);
/// Forward `rounded`, whose gradient is that of `x`.
[[nodiscard]] torch::Tensor straight_through(const torch::Tensor& x, const torch::Tensor& rounded);

}  // namespace scissionlite::train::op
