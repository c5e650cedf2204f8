// Elementwise functions of one tensor.
#include "ops/support.h"

namespace scissionlite::ops {
namespace {

template <typename F>
std::vector<Tensor> map(const Tensor& x, F&& f) {
  Tensor y(Dtype::kF32, x.shape());
  const auto in = x.as<float>();
  auto out = y.mutable_as<float>();
  for (size_t i = 0; i < in.size(); ++i) out[i] = f(in[i]);
  return {y};
}

#define SCISSIONLITE_UNARY(symbol, type, expression)                                                \
  std::vector<Tensor> run_##symbol([[maybe_unused]] const Context& c, std::span<const Tensor> in) { \
    return map(in[0], [&](float x) -> float { return expression; });                                \
  }

SCISSIONLITE_UNARY(relu, "Relu", x > 0 || std::isnan(x) ? x : 0.0f)
SCISSIONLITE_UNARY(sigmoid, "Sigmoid", 1.0f / (1.0f + std::exp(-x)))
SCISSIONLITE_UNARY(tanh_op, "Tanh", std::tanh(x))
SCISSIONLITE_UNARY(exp_op, "Exp", std::exp(x))
SCISSIONLITE_UNARY(log_op, "Log", std::log(x))
SCISSIONLITE_UNARY(sqrt_op, "Sqrt", std::sqrt(x))
SCISSIONLITE_UNARY(reciprocal, "Reciprocal", 1.0f / x)
SCISSIONLITE_UNARY(floor_op, "Floor", std::floor(x))
SCISSIONLITE_UNARY(ceil_op, "Ceil", std::ceil(x))
SCISSIONLITE_UNARY(round_op, "Round", std::nearbyint(x))
SCISSIONLITE_UNARY(erf_op, "Erf", std::erf(x))
SCISSIONLITE_UNARY(softplus, "Softplus", std::log1p(std::exp(-std::fabs(x))) + std::max(x, 0.0f))
SCISSIONLITE_UNARY(softsign, "Softsign", x / (1.0f + std::fabs(x)))
SCISSIONLITE_UNARY(mish, "Mish", x* std::tanh(std::log1p(std::exp(x))))
SCISSIONLITE_UNARY(hard_swish, "HardSwish", x* std::max(0.0f, std::min(1.0f, x / 6.0f + 0.5f)))
SCISSIONLITE_UNARY(leaky_relu, "LeakyRelu", x < 0 ? x * c.node.float_attribute("alpha", 0.01f) : x)
SCISSIONLITE_UNARY(elu, "Elu", x < 0 ? c.node.float_attribute("alpha", 1.0f) * (std::exp(x) - 1.0f) : x)
SCISSIONLITE_UNARY(hard_sigmoid, "HardSigmoid",
                   std::max(0.0f, std::min(1.0f, c.node.float_attribute("alpha", 0.2f) * x + c.node.float_attribute("beta", 0.5f))))

template <typename T, typename F>
Tensor map_typed(const Tensor& x, F&& f) {
  Tensor y(x.dtype(), x.shape());
  const auto in = x.as<T>();
  auto out = y.mutable_as<T>();
  for (size_t i = 0; i < in.size(); ++i) out[i] = static_cast<T>(f(in[i]));
  return y;
}
/// Signed types of any width.
template <typename F>
std::vector<Tensor> map_signed(const Context& c, const Tensor& x, F&& f) {
  switch (x.dtype()) {
    case Dtype::kF32: return {map_typed<float>(x, f)};
    case Dtype::kF64: return {map_typed<double>(x, f)};
    case Dtype::kI64: return {map_typed<int64_t>(x, f)};
    case Dtype::kI32: return {map_typed<int32_t>(x, f)};
    case Dtype::kI8: return {map_typed<int8_t>(x, f)};
    default: fail_unsupported(c, x.dtype());
  }
}
std::vector<Tensor> run_abs_op(const Context& c, std::span<const Tensor> in) {
  return map_signed(c, in[0], [](auto x) { return x < 0 ? -x : x; });
}
std::vector<Tensor> run_neg(const Context& c, std::span<const Tensor> in) {
  return map_signed(c, in[0], [](auto x) { return -x; });
}
std::vector<Tensor> run_not_op(const Context&, std::span<const Tensor> in) {
  Tensor y(Dtype::kBool, in[0].shape());
  const auto x = in[0].as<bool>();
  for (size_t i = 0; i < x.size(); ++i) y.mutable_as<bool>()[i] = !x[i];
  return {y};
}

/// Bounds are attributes below opset 11 and inputs of the same type from it. Where they cross, all is the upper one.
template <typename T>
Tensor clip_typed(const Context& c, std::span<const Tensor> in) {
  const auto bound = [&](size_t i, const char* name, T none) {
    if (c.opset < 11) return c.node.has(name) ? static_cast<T>(c.node.float_attribute(name, 0)) : none;
    return in.size() > i && !in[i].empty() ? in[i].as<T>()[0] : none;
  };
  using Limits = std::numeric_limits<T>;
  const T low = bound(1, "min", Limits::has_infinity ? -Limits::infinity() : Limits::min()),
          high = bound(2, "max", Limits::has_infinity ? Limits::infinity() : Limits::max());
  return map_typed<T>(in[0], [&](T x) {
    const T raised = x < low ? low : x;
    return raised > high ? high : raised;
  });
}
std::vector<Tensor> run_clip(const Context& c, std::span<const Tensor> in) {
  for (size_t i = 1; i < in.size(); ++i)
    if (!in[i].empty() && in[i].size() != 1) fail(c, "a bound has " + std::to_string(in[i].size()) + " values, expected one");
  switch (in[0].dtype()) {
    case Dtype::kF32: return {clip_typed<float>(c, in)};
    case Dtype::kF64: return {clip_typed<double>(c, in)};
    case Dtype::kI64: return {clip_typed<int64_t>(c, in)};
    case Dtype::kU64: return {clip_typed<uint64_t>(c, in)};
    case Dtype::kI32: return {clip_typed<int32_t>(c, in)};
    case Dtype::kU32: return {clip_typed<uint32_t>(c, in)};
    case Dtype::kI16: return {clip_typed<int16_t>(c, in)};
    case Dtype::kU16: return {clip_typed<uint16_t>(c, in)};
    case Dtype::kI8: return {clip_typed<int8_t>(c, in)};
    case Dtype::kU8: return {clip_typed<uint8_t>(c, in)};
    default: fail_unsupported(c, in[0].dtype());
  }
}

std::vector<ValueInfo> prelu_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  if (in[0].has_shape && in[1].has_shape && in[1].shape.size() > in[0].shape.size())
    fail(c, "slope " + to_string(in[1].shape) + " has more dimensions than the activation " + to_string(in[0].shape));
  return same_as_first(c, in, constants);
}
std::vector<Tensor> run_prelu(const Context& c, std::span<const Tensor> in) {
  Tensor y(Dtype::kF32, in[0].shape());
  const auto x = in[0].as<float>(), slope = in[1].as<float>();
  auto out = y.mutable_as<float>();
  if (broadcast(c, in[1].shape(), in[0].shape()) != in[0].shape())
    fail(c, "slope " + to_string(in[1].shape()) + " does not broadcast to the activation " + to_string(in[0].shape()));
  for_each_offset<1>(in[0].shape(), {broadcast_strides(in[1].shape(), in[0].shape())}, [&](int64_t i, const auto& offset) {
    const float v = x[static_cast<size_t>(i)];
    out[static_cast<size_t>(i)] = v < 0 ? v * slope[static_cast<size_t>(offset[0])] : v;
  });
  return {y};
}

}  // namespace

#undef SCISSIONLITE_UNARY
#define SCISSIONLITE_UNARY(symbol, type) \
  extern const Operator symbol;          \
  const Operator symbol{"", type, same_as_first, no_cost, run_##symbol};
SCISSIONLITE_UNARY(relu, "Relu")
SCISSIONLITE_UNARY(sigmoid, "Sigmoid")
SCISSIONLITE_UNARY(tanh_op, "Tanh")
SCISSIONLITE_UNARY(exp_op, "Exp")
SCISSIONLITE_UNARY(log_op, "Log")
SCISSIONLITE_UNARY(sqrt_op, "Sqrt")
SCISSIONLITE_UNARY(reciprocal, "Reciprocal")
SCISSIONLITE_UNARY(floor_op, "Floor")
SCISSIONLITE_UNARY(ceil_op, "Ceil")
SCISSIONLITE_UNARY(round_op, "Round")
SCISSIONLITE_UNARY(erf_op, "Erf")
SCISSIONLITE_UNARY(softplus, "Softplus")
SCISSIONLITE_UNARY(softsign, "Softsign")
SCISSIONLITE_UNARY(mish, "Mish")
SCISSIONLITE_UNARY(hard_swish, "HardSwish")
SCISSIONLITE_UNARY(leaky_relu, "LeakyRelu")
SCISSIONLITE_UNARY(elu, "Elu")
SCISSIONLITE_UNARY(hard_sigmoid, "HardSigmoid")
SCISSIONLITE_UNARY(abs_op, "Abs")
SCISSIONLITE_UNARY(neg, "Neg")
SCISSIONLITE_UNARY(not_op, "Not")
SCISSIONLITE_UNARY(clip, "Clip")
#undef SCISSIONLITE_UNARY
extern const Operator prelu;
const Operator prelu{"", "PRelu", prelu_shape, no_cost, run_prelu, 2};

}  // namespace scissionlite::ops
