// Elementwise functions of two or more tensors with numpy broadcasting.
#include "ops/support.h"

namespace scissionlite::ops {
namespace {

std::vector<ValueInfo> shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor>) {
  for (const auto& info : in)
    if (!info.has_shape) return {unshaped(in[0].dtype)};
  Shape out = in[0].shape;
  for (size_t i = 1; i < in.size(); ++i) out = broadcast(c, out, in[i].shape);
  return {typed(in[0].dtype, out)};
}
std::vector<ValueInfo> same_type_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  for (size_t i = 1; i < in.size(); ++i) check_one_type(c, in[0], in[i]);
  return shape(c, in, constants);
}
std::vector<ValueInfo> bool_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  auto out = same_type_shape(c, in, constants);
  out[0].dtype = Dtype::kBool;
  return out;
}

template <typename In, typename Out, typename F>
Tensor combine(const Context& c, const Tensor& a, const Tensor& b, F&& f) {
  const Shape out_shape = broadcast(c, a.shape(), b.shape());
  Tensor y(Tensor::dtype_of<Out>(), out_shape);
  const In* x = a.as<In>().data();
  const In* z = b.as<In>().data();
  Out* out = y.mutable_as<Out>().data();
  if (a.shape() == b.shape())
    for (int64_t i = 0; i < y.size(); ++i) out[i] = static_cast<Out>(f(x[i], z[i]));
  else
    for_each_offset<2>(out_shape, {broadcast_strides(a.shape(), out_shape), broadcast_strides(b.shape(), out_shape)},
                       [&](int64_t i, const auto& offset) { out[i] = static_cast<Out>(f(x[offset[0]], z[offset[1]])); });
  return y;
}

template <typename F>
Tensor arithmetic(const Context& c, const Tensor& a, const Tensor& b, F&& f) {
  if (a.dtype() != b.dtype())
    fail(c, "inputs have types " + std::string(dtype_name(a.dtype())) + " and " + std::string(dtype_name(b.dtype())) + "; expected one type");
  switch (a.dtype()) {
    case Dtype::kF32: return combine<float, float>(c, a, b, f);
    case Dtype::kF64: return combine<double, double>(c, a, b, f);
    case Dtype::kI64: return combine<int64_t, int64_t>(c, a, b, f);
    case Dtype::kI32: return combine<int32_t, int32_t>(c, a, b, f);
    case Dtype::kU8: return combine<uint8_t, uint8_t>(c, a, b, f);
    case Dtype::kI8: return combine<int8_t, int8_t>(c, a, b, f);
    default: fail_unsupported(c, a.dtype());
  }
}
template <typename F>
Tensor compare(const Context& c, const Tensor& a, const Tensor& b, F&& f) {
  switch (a.dtype()) {
    case Dtype::kF32: return combine<float, bool>(c, a, b, f);
    case Dtype::kF64: return combine<double, bool>(c, a, b, f);
    case Dtype::kI64: return combine<int64_t, bool>(c, a, b, f);
    case Dtype::kI32: return combine<int32_t, bool>(c, a, b, f);
    case Dtype::kU8: return combine<uint8_t, bool>(c, a, b, f);
    case Dtype::kI8: return combine<int8_t, bool>(c, a, b, f);
    case Dtype::kBool: return combine<bool, bool>(c, a, b, f);
    default: fail_unsupported(c, a.dtype());
  }
}

/// Folds any number of inputs from left to right.
template <typename F>
std::vector<Tensor> fold(const Context& c, std::span<const Tensor> in, F&& f) {
  Tensor out = in[0];
  for (size_t i = 1; i < in.size(); ++i) out = arithmetic(c, out, in[i], f);
  return {out};
}

/// The least integer stays what it is.
template <typename T>
T negated(T a) {
  return static_cast<T>(0 - static_cast<uint64_t>(a));
}

template <typename T>
T divide(T a, T b) {
  if constexpr (std::is_integral_v<T>) return b == 0 ? T{0} : b == static_cast<T>(-1) && std::is_signed_v<T> ? negated(a) : static_cast<T>(a / b);
  else return a / b;
}
template <typename T>
T modulo(T a, T b, bool c_sign) {
  if constexpr (std::is_integral_v<T>) {
    if (b == 0 || (std::is_signed_v<T> && b == static_cast<T>(-1))) return T{0};
    const T r = static_cast<T>(a % b);
    return !c_sign && r != 0 && ((r < 0) != (b < 0)) ? static_cast<T>(r + b) : r;
  } else {
    return std::fmod(a, b);
  }
}

std::vector<Tensor> run_add(const Context& c, std::span<const Tensor> in) {
  return fold(c, in, [](auto a, auto b) { return a + b; });
}
std::vector<Tensor> run_sub(const Context& c, std::span<const Tensor> in) {
  return fold(c, in, [](auto a, auto b) { return a - b; });
}
std::vector<Tensor> run_mul(const Context& c, std::span<const Tensor> in) {
  return fold(c, in, [](auto a, auto b) { return a * b; });
}
std::vector<Tensor> run_div(const Context& c, std::span<const Tensor> in) {
  return fold(c, in, [](auto a, auto b) { return divide(a, b); });
}
std::vector<Tensor> run_min(const Context& c, std::span<const Tensor> in) {
  return fold(c, in, [](auto a, auto b) { return b < a || b != b ? b : a; });
}
std::vector<Tensor> run_max(const Context& c, std::span<const Tensor> in) {
  return fold(c, in, [](auto a, auto b) { return b > a || b != b ? b : a; });
}
std::vector<Tensor> run_mean(const Context& c, std::span<const Tensor> in) {
  const auto sum = run_add(c, in)[0];
  const auto n = static_cast<float>(in.size());
  Tensor y(Dtype::kF32, sum.shape());
  for (size_t i = 0; i < sum.as<float>().size(); ++i) y.mutable_as<float>()[i] = sum.as<float>()[i] / n;
  return {y};
}
std::vector<Tensor> run_pow(const Context& c, std::span<const Tensor> in) {
  return {arithmetic(c, in[0], in[1].dtype() == in[0].dtype() ? in[1] : in[1].to_f32(), [](auto a, auto b) { return std::pow(a, b); })};
}
std::vector<Tensor> run_mod(const Context& c, std::span<const Tensor> in) {
  const bool c_sign = c.node.int_attribute("fmod", 0) != 0;
  return {arithmetic(c, in[0], in[1], [&](auto a, auto b) { return modulo(a, b, c_sign); })};
}
std::vector<Tensor> run_equal(const Context& c, std::span<const Tensor> in) {
  return {compare(c, in[0], in[1], [](auto a, auto b) { return a == b; })};
}
std::vector<Tensor> run_less(const Context& c, std::span<const Tensor> in) {
  return {compare(c, in[0], in[1], [](auto a, auto b) { return a < b; })};
}
std::vector<Tensor> run_greater(const Context& c, std::span<const Tensor> in) {
  return {compare(c, in[0], in[1], [](auto a, auto b) { return a > b; })};
}
std::vector<Tensor> run_less_equal(const Context& c, std::span<const Tensor> in) {
  return {compare(c, in[0], in[1], [](auto a, auto b) { return a <= b; })};
}
std::vector<Tensor> run_greater_equal(const Context& c, std::span<const Tensor> in) {
  return {compare(c, in[0], in[1], [](auto a, auto b) { return a >= b; })};
}
std::vector<Tensor> run_and(const Context& c, std::span<const Tensor> in) {
  return {combine<bool, bool>(c, in[0], in[1], [](bool a, bool b) { return a && b; })};
}
std::vector<Tensor> run_or(const Context& c, std::span<const Tensor> in) {
  return {combine<bool, bool>(c, in[0], in[1], [](bool a, bool b) { return a || b; })};
}

std::vector<ValueInfo> where_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor>) {
  if (in[0].dtype != Dtype::kBool && in[0].dtype != Dtype::kUndefined)
    fail(c, "the condition is of type " + std::string(dtype_name(in[0].dtype)) + ", expected bool");
  check_one_type(c, in[1], in[2]);
  for (const auto& info : in)
    if (!info.has_shape) return {unshaped(in[1].dtype)};
  return {typed(in[1].dtype, broadcast(c, in[0].shape, broadcast(c, in[1].shape, in[2].shape)))};
}
std::vector<Tensor> run_where(const Context& c, std::span<const Tensor> in) {
  const Shape out = broadcast(c, in[0].shape(), broadcast(c, in[1].shape(), in[2].shape()));
  Tensor y(in[1].dtype(), out);
  const size_t size = dtype_size(y.dtype());
  for_each_offset<3>(out, {broadcast_strides(in[0].shape(), out), broadcast_strides(in[1].shape(), out), broadcast_strides(in[2].shape(), out)},
                     [&](int64_t i, const auto& o) {
                       const bool first = in[0].as<bool>()[static_cast<size_t>(o[0])];
                       const auto* from = first ? in[1].data() + static_cast<size_t>(o[1]) * size : in[2].data() + static_cast<size_t>(o[2]) * size;
                       std::memcpy(y.mutable_data() + static_cast<size_t>(i) * size, from, size);
                     });
  return {y};
}

}  // namespace

extern const Operator add, sum, sub, mul, div_op, min_op, max_op, mean_op, pow_op, mod_op, equal, less, greater, less_equal, greater_equal, and_op,
    or_op, where;
const Operator add{"", "Add", same_type_shape, no_cost, run_add, 2};
const Operator sum{"", "Sum", same_type_shape, no_cost, run_add};
const Operator sub{"", "Sub", same_type_shape, no_cost, run_sub, 2};
const Operator mul{"", "Mul", same_type_shape, no_cost, run_mul, 2};
const Operator div_op{"", "Div", same_type_shape, no_cost, run_div, 2};
const Operator min_op{"", "Min", same_type_shape, no_cost, run_min};
const Operator max_op{"", "Max", same_type_shape, no_cost, run_max};
const Operator mean_op{"", "Mean", same_type_shape, no_cost, run_mean};
const Operator pow_op{"", "Pow", shape, no_cost, run_pow, 2};
const Operator mod_op{"", "Mod", same_type_shape, no_cost, run_mod, 2};
const Operator equal{"", "Equal", bool_shape, no_cost, run_equal, 2};
const Operator less{"", "Less", bool_shape, no_cost, run_less, 2};
const Operator greater{"", "Greater", bool_shape, no_cost, run_greater, 2};
const Operator less_equal{"", "LessOrEqual", bool_shape, no_cost, run_less_equal, 2};
const Operator greater_equal{"", "GreaterOrEqual", bool_shape, no_cost, run_greater_equal, 2};
const Operator and_op{"", "And", bool_shape, no_cost, run_and, 2};
const Operator or_op{"", "Or", bool_shape, no_cost, run_or, 2};
const Operator where{"", "Where", where_shape, no_cost, run_where, 3};

}  // namespace scissionlite::ops
