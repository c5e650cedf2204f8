// Constant, ConstantOfShape, Shape, Cast.
#include "ops/exact_values.h"
#include "ops/support.h"

namespace scissionlite::ops {
namespace {

Tensor constant_value(const Context& c) {
  const auto& a = c.node.attributes;
  if (const auto it = a.find("value"); it != a.end() && std::holds_alternative<Tensor>(it->second)) return std::get<Tensor>(it->second);
  if (c.node.has("value_float")) return Tensor::of<float>({}, {c.node.float_attribute("value_float", 0)});
  if (c.node.has("value_int")) return Tensor::of<int64_t>({}, {c.node.int_attribute("value_int", 0)});
  if (c.node.has("value_ints")) {
    const auto v = c.node.ints_attribute("value_ints");
    return Tensor::of<int64_t>({static_cast<int64_t>(v.size())}, std::span<const int64_t>(v));
  }
  if (c.node.has("value_floats")) {
    const auto v = c.node.floats_attribute("value_floats");
    return Tensor::of<float>({static_cast<int64_t>(v.size())}, std::span<const float>(v));
  }
  fail(c, "has no numeric value");
}
std::vector<ValueInfo> constant_shape(const Context& c, std::span<const ValueInfo>, std::span<const Tensor>) {
  const auto value = constant_value(c);
  return {typed(value.dtype(), value.shape())};
}
std::vector<Tensor> constant_reference(const Context& c, std::span<const Tensor>) { return {constant_value(c)}; }

Tensor fill_value(const Context& c) {
  const auto it = c.node.attributes.find("value");
  if (it == c.node.attributes.end()) return Tensor::of<float>({1}, {0.0f});
  const auto* value = std::get_if<Tensor>(&it->second);
  if (!value || value->size() != 1) fail(c, "'value' is no tensor of one element");
  return *value;
}
std::vector<ValueInfo> constant_of_shape_shape(const Context& c, std::span<const ValueInfo>, std::span<const Tensor> constants) {
  const auto dtype = fill_value(c).dtype();
  if (constants[0].empty()) return {unshaped(dtype)};
  const auto sizes = constants[0].to_i64();
  return {typed(dtype, {sizes.begin(), sizes.end()})};
}
std::vector<Tensor> constant_of_shape_reference(const Context& c, std::span<const Tensor> in) {
  const auto value = fill_value(c);
  const auto sizes = in[0].to_i64();
  Tensor y(value.dtype(), {sizes.begin(), sizes.end()});
  copy_elements(value, y, y.shape(), std::vector<int64_t>(sizes.size(), 0));
  return {y};
}

std::vector<ValueInfo> shape_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor>) {
  if (!in[0].has_shape) return {unshaped(Dtype::kI64)};
  return {typed(Dtype::kI64, {static_cast<int64_t>(selected_sizes(c.node, in[0].shape).size())})};
}
std::vector<Tensor> shape_reference(const Context& c, std::span<const Tensor> in) {
  const auto sizes = selected_sizes(c.node, in[0].shape());
  return {Tensor::of<int64_t>({static_cast<int64_t>(sizes.size())}, std::span<const int64_t>(sizes))};
}

std::vector<ValueInfo> cast_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor>) {
  ValueInfo out = in[0];
  out.name.clear();
  out.dtype = static_cast<Dtype>(c.node.int_attribute("to", 1));
  return {out};
}
/// Floats to integers truncate; what does not fit (NaN included) is clamped, so that nothing is undefined. Integers to narrower ones wrap around.
template <typename T, typename S>
T cast_value(S value) {
  if constexpr (std::is_same_v<T, bool>) return value != 0;
  else if constexpr (std::is_floating_point_v<T> || !std::is_floating_point_v<S>) return static_cast<T>(value);
  else {
    constexpr auto kLow = static_cast<S>(std::numeric_limits<T>::min()), kHigh = static_cast<S>(std::numeric_limits<T>::max());
    return std::isnan(value) ? T{0}
           : value <= kLow   ? std::numeric_limits<T>::min()
           : value >= kHigh  ? std::numeric_limits<T>::max()
                             : static_cast<T>(value);
  }
}
template <typename T>
void cast_to(const Tensor& x, Tensor& y) {
  auto* out = reinterpret_cast<T*>(y.mutable_data());
  with_exact_values(x, [&](const auto values) {
    for (const auto value : values) *out++ = cast_value<T>(value);
  });
}
std::vector<Tensor> cast_reference(const Context& c, std::span<const Tensor> in) {
  const auto to = static_cast<Dtype>(c.node.int_attribute("to", 1));
  if (to == in[0].dtype()) return {in[0]};
  Tensor y(to, in[0].shape());
  switch (to) {
    case Dtype::kF32: cast_to<float>(in[0], y); break;
    case Dtype::kF64: cast_to<double>(in[0], y); break;
    case Dtype::kU8: cast_to<uint8_t>(in[0], y); break;
    case Dtype::kI8: cast_to<int8_t>(in[0], y); break;
    case Dtype::kU16: cast_to<uint16_t>(in[0], y); break;
    case Dtype::kI16: cast_to<int16_t>(in[0], y); break;
    case Dtype::kU32: cast_to<uint32_t>(in[0], y); break;
    case Dtype::kI32: cast_to<int32_t>(in[0], y); break;
    case Dtype::kU64: cast_to<uint64_t>(in[0], y); break;
    case Dtype::kI64: cast_to<int64_t>(in[0], y); break;
    case Dtype::kBool: cast_to<bool>(in[0], y); break;
    case Dtype::kF16:
    case Dtype::kBF16: {
      const auto values = in[0].to_f32();
      auto* out = reinterpret_cast<uint16_t*>(y.mutable_data());
      for (float v : values.as<float>()) *out++ = to == Dtype::kF16 ? f32_to_f16(v) : f32_to_bf16(v);
      break;
    }
    default: fail(c, "cannot cast to type " + std::to_string(static_cast<int>(to)));
  }
  return {y};
}

}  // namespace

std::vector<int64_t> selected_sizes(const Node& node, const Shape& shape) {
  const auto rank = static_cast<int64_t>(shape.size());
  const auto clip = [&](int64_t v) { return std::clamp<int64_t>(v < 0 ? v + rank : v, 0, rank); };
  const int64_t begin = clip(node.int_attribute("start", 0)), end = std::max(begin, clip(node.int_attribute("end", rank)));
  return {shape.begin() + begin, shape.begin() + end};
}

extern const Operator constant, constant_of_shape, shape_op, cast;
const Operator constant{"", "Constant", constant_shape, no_cost, constant_reference, 0};
const Operator constant_of_shape{"", "ConstantOfShape", constant_of_shape_shape, no_cost, constant_of_shape_reference};
const Operator shape_op{"", "Shape", shape_shape, no_cost, shape_reference};
const Operator cast{"", "Cast", cast_shape, no_cost, cast_reference};

}  // namespace scissionlite::ops
