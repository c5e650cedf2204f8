// ReduceMean, ReduceSum, ReduceMax, ReduceMin, ReduceProd, ReduceL2, ArgMax, ArgMin.
#include "ops/exact_values.h"
#include "ops/support.h"

namespace scissionlite::ops {
namespace {

/// Which dimensions are reduced. No axes: all, unless noop_with_empty_axes.
std::vector<bool> reduced(const Context& c, const std::vector<int64_t>& axes, size_t rank) {
  std::vector<bool> out(rank, axes.empty() && c.node.int_attribute("noop_with_empty_axes", 0) == 0);
  for (int64_t axis : axes) out[static_cast<size_t>(normal_axis(c, axis, rank))] = true;
  return out;
}
Shape reduced_shape(const Context& c, const Shape& in, const std::vector<bool>& gone) {
  const bool keep = c.node.int_attribute("keepdims", 1) != 0;
  Shape out;
  for (size_t d = 0; d < in.size(); ++d) {
    if (!gone[d]) out.push_back(in[d]);
    else if (keep) out.push_back(1);
  }
  return out;
}
std::vector<ValueInfo> shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  const auto axes = read_axes(c, constants);
  if (!in[0].has_shape || !axes) return {unshaped(in[0].dtype)};
  return {typed(in[0].dtype, reduced_shape(c, in[0].shape, reduced(c, *axes, in[0].shape.size())))};
}

/// Folds in row-major order of the input, in double.
template <typename Fold, typename Finish>
std::vector<Tensor> reduce(const Context& c, std::span<const Tensor> in, double start, Fold&& fold, Finish&& finish) {
  const auto& x_shape = in[0].shape();
  const auto gone = reduced(c, read_axes(c, in).value_or(std::vector<int64_t>{}), x_shape.size());
  Tensor y(in[0].dtype(), reduced_shape(c, x_shape, gone));
  Shape kept;
  for (size_t d = 0; d < x_shape.size(); ++d) kept.push_back(gone[d] ? 1 : x_shape[d]);
  std::vector<double> sums(static_cast<size_t>(y.size()), start);
  const bool whole_numbers = in[0].dtype() == Dtype::kI64 || in[0].dtype() == Dtype::kI32;
  const auto floats = whole_numbers ? Tensor() : in[0].to_f32();
  const auto integers = whole_numbers ? in[0].to_i64() : std::vector<int64_t>{};
  for_each_offset<1>(x_shape, {broadcast_strides(kept, x_shape)}, [&](int64_t i, const auto& offset) {
    const double v = whole_numbers ? static_cast<double>(integers[static_cast<size_t>(i)]) : floats.as<float>()[static_cast<size_t>(i)];
    auto& sum = sums[static_cast<size_t>(offset[0])];
    sum = fold(sum, v);
  });
  const double count = y.size() ? static_cast<double>(in[0].size()) / static_cast<double>(y.size()) : 1;
  for (size_t i = 0; i < sums.size(); ++i) {
    const double v = finish(sums[i], count);
    switch (y.dtype()) {
      case Dtype::kF32: y.mutable_as<float>()[i] = static_cast<float>(v); break;
      case Dtype::kI64: y.mutable_as<int64_t>()[i] = static_cast<int64_t>(v); break;
      case Dtype::kI32: y.mutable_as<int32_t>()[i] = static_cast<int32_t>(v); break;
      default: fail_unsupported(c, y.dtype());
    }
  }
  return {y};
}
constexpr double kInfinite = std::numeric_limits<double>::infinity();
const auto same = [](double v, double) { return v; };
std::vector<Tensor> run_sum(const Context& c, std::span<const Tensor> in) {
  return reduce(
      c, in, 0, [](double s, double v) { return s + v; }, same);
}
std::vector<Tensor> run_mean(const Context& c, std::span<const Tensor> in) {
  return reduce(
      c, in, 0, [](double s, double v) { return s + v; }, [](double s, double n) { return s / n; });
}
std::vector<Tensor> run_max(const Context& c, std::span<const Tensor> in) {
  return reduce(
      c, in, -kInfinite, [](double s, double v) { return v > s || std::isnan(v) ? v : s; }, same);
}
std::vector<Tensor> run_min(const Context& c, std::span<const Tensor> in) {
  return reduce(
      c, in, kInfinite, [](double s, double v) { return v < s || std::isnan(v) ? v : s; }, same);
}
std::vector<Tensor> run_prod(const Context& c, std::span<const Tensor> in) {
  return reduce(
      c, in, 1, [](double s, double v) { return s * v; }, same);
}
std::vector<Tensor> run_l2(const Context& c, std::span<const Tensor> in) {
  return reduce(
      c, in, 0, [](double s, double v) { return s + v * v; }, [](double s, double) { return std::sqrt(s); });
}

std::vector<ValueInfo> arg_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor>) {
  if (!in[0].has_shape) return {unshaped(Dtype::kI64)};
  std::vector<bool> gone(in[0].shape.size(), false);
  gone[static_cast<size_t>(normal_axis(c, c.node.int_attribute("axis", 0), gone.size()))] = true;
  return {typed(Dtype::kI64, reduced_shape(c, in[0].shape, gone))};
}
template <typename T, typename Better>
std::vector<Tensor> arg_of(const Context& c, const Shape& s, std::span<const T> x, Better&& better) {
  const auto axis = static_cast<size_t>(normal_axis(c, c.node.int_attribute("axis", 0), s.size()));
  std::vector<bool> gone(s.size(), false);
  gone[axis] = true;
  Tensor y(Dtype::kI64, reduced_shape(c, s, gone));
  int64_t outer = 1, inner = 1;
  for (size_t d = 0; d < s.size(); ++d)
    if (d != axis) (d < axis ? outer : inner) *= s[d];
  const bool last = c.node.int_attribute("select_last_index", 0) != 0;
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < inner; ++i) {
      const auto at = [&](int64_t k) { return x[static_cast<size_t>((o * s[axis] + k) * inner + i)]; };
      int64_t best = 0;
      for (int64_t k = 1; k < s[axis]; ++k)
        if (better(at(k), at(best)) || (last && at(k) == at(best))) best = k;
      y.mutable_as<int64_t>()[static_cast<size_t>(o * inner + i)] = best;
    }
  return {y};
}
template <typename Better>
std::vector<Tensor> arg(const Context& c, const Tensor& x, Better&& better) {
  return with_exact_values(x, [&](const auto values) { return arg_of(c, x.shape(), values, better); });
}
std::vector<Tensor> run_arg_max(const Context& c, std::span<const Tensor> in) {
  return arg(c, in[0], [](auto a, auto b) { return a > b; });
}
std::vector<Tensor> run_arg_min(const Context& c, std::span<const Tensor> in) {
  return arg(c, in[0], [](auto a, auto b) { return a < b; });
}

}  // namespace

extern const Operator reduce_sum, reduce_mean, reduce_max, reduce_min, reduce_prod, reduce_l2, arg_max, arg_min;
const Operator reduce_sum{"", "ReduceSum", shape, no_cost, run_sum};
const Operator reduce_mean{"", "ReduceMean", shape, no_cost, run_mean};
const Operator reduce_max{"", "ReduceMax", shape, no_cost, run_max};
const Operator reduce_min{"", "ReduceMin", shape, no_cost, run_min};
const Operator reduce_prod{"", "ReduceProd", shape, no_cost, run_prod};
const Operator reduce_l2{"", "ReduceL2", shape, no_cost, run_l2};
const Operator arg_max{"", "ArgMax", arg_shape, no_cost, run_arg_max};
const Operator arg_min{"", "ArgMin", arg_shape, no_cost, run_arg_min};

}  // namespace scissionlite::ops
