// QuantizeLinear, DequantizeLinear, and the QLinear operators of ONNX and com.microsoft.
// A quantised value q stands for (q - zero_point) * scale.
#include "ops/spatial.h"
#include "ops/support.h"

namespace scissionlite::ops {

extern const Operator conv, matmul;

namespace {

/// Zero points as int64; one 0 when absent.
std::vector<int64_t> zero_points(std::span<const Tensor> in, size_t i) {
  return in.size() > i && !in[i].empty() ? in[i].to_i64() : std::vector<int64_t>{0};
}

struct QuantTarget {
  Dtype dtype;
  double low, high;
};
QuantTarget target(const Context& c, Dtype dtype) {
  switch (dtype) {
    case Dtype::kU8: return {dtype, 0, 255};
    case Dtype::kI8: return {dtype, -128, 127};
    case Dtype::kU16: return {dtype, 0, 65535};
    case Dtype::kI16: return {dtype, -32768, 32767};
    default: fail_unsupported(c, "quantisation to " + std::string(dtype_name(dtype)));
  }
}
void store(Tensor& y, size_t i, double v, const QuantTarget& t) {
  const double clamped = std::isnan(v) ? 0 : std::clamp(v, t.low, t.high);
  switch (t.dtype) {
    case Dtype::kU8: y.mutable_as<uint8_t>()[i] = static_cast<uint8_t>(clamped); break;
    case Dtype::kI8: y.mutable_as<int8_t>()[i] = static_cast<int8_t>(clamped); break;
    case Dtype::kU16: y.mutable_as<uint16_t>()[i] = static_cast<uint16_t>(clamped); break;
    default: y.mutable_as<int16_t>()[i] = static_cast<int16_t>(clamped); break;
  }
}
/// Round to nearest even of x / scale, in float as the runtimes do.
double quantised(float x, float scale, int64_t zero) { return std::nearbyint(x / scale) + static_cast<double>(zero); }

/// Index of the scale that belongs to element `i`: one of the tensor, along an axis, or (from opset 21) of a block of neighbours along it.
struct ScaleIndex {
  int64_t inner = 1, count = 1;
  int64_t size = 0, block = 1;  // with blocks: of the axis in the tensor
  [[nodiscard]] size_t operator()(int64_t i) const {
    if (size > 0) return static_cast<size_t>((i / inner / size * count + i / inner % size / block) * inner + i % inner);
    return count == 1 ? 0 : static_cast<size_t>(i / inner % count);
  }
};
ScaleIndex scale_index(const Context& c, const Shape& shape, const Shape& scale_shape) {
  ScaleIndex index;
  const int64_t scales = element_count(scale_shape), block = c.node.int_attribute("block_size", 0);
  if (block < 0) fail(c, "block_size is " + std::to_string(block) + ", expected 0 (none) or more");
  if (scales == 0) fail(c, "has no scale");
  if (scales == 1 && block == 0) return index;
  const auto axis = static_cast<size_t>(normal_axis(c, c.node.int_attribute("axis", 1), shape.size()));
  if (block > 0) {
    Shape expected = shape;
    expected[axis] = (shape[axis] + block - 1) / block;
    if (scale_shape != expected)
      fail(c, "scales " + to_string(scale_shape) + " do not fit blocks of " + std::to_string(block) + " along axis " + std::to_string(axis) + " of " +
                  to_string(shape) + ", expected " + to_string(expected));
    index.size = shape[axis], index.block = block;
  } else if (shape[axis] != scales) fail(c, std::to_string(scales) + " scales do not fit axis " + std::to_string(axis) + " of " + to_string(shape));
  index.count = block > 0 ? scale_shape[axis] : scales;
  for (size_t d = axis + 1; d < shape.size(); ++d) index.inner *= shape[d];
  return index;
}

void check_zero_points(const Context& c, const std::vector<int64_t>& zero, const Tensor& scale) {
  if (zero.size() != 1 && static_cast<int64_t>(zero.size()) != scale.size())
    fail(c, std::to_string(zero.size()) + " zero points do not fit " + std::to_string(scale.size()) + " scales");
}

/// What a QLinear operator reads one value of, where sizes are known.
void check_single(const Context& c, std::span<const ValueInfo> in, std::initializer_list<size_t> inputs) {
  for (const size_t i : inputs)
    if (i < in.size() && in[i].has_shape && is_static(in[i].shape) && element_count(in[i].shape) != 1)
      fail(c, "scale or zero point '" + in[i].name + "' has " + std::to_string(element_count(in[i].shape)) + " values, expected one");
}
void check_single_or_per_channel(const Context& c, std::span<const ValueInfo> in, std::initializer_list<size_t> inputs, int64_t channels) {
  for (const size_t i : inputs)
    if (i < in.size() && in[i].has_shape && is_static(in[i].shape) && element_count(in[i].shape) != 1)
      check_per_channel(c, in, i, channels, "a scale or zero point");
}

std::vector<ValueInfo> quantize_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor>) {
  ValueInfo out = in[0];
  out.name.clear();
  out.dtype = in.size() > 2 && in[2].dtype != Dtype::kUndefined ? in[2].dtype : static_cast<Dtype>(c.node.int_attribute("output_dtype", 2));
  return {out};
}
std::vector<Tensor> quantize_reference(const Context& c, std::span<const Tensor> in) {
  const auto dtype = in.size() > 2 && !in[2].empty() ? in[2].dtype() : static_cast<Dtype>(c.node.int_attribute("output_dtype", 2));
  const auto t = target(c, dtype);
  const auto scale = in[1].to_f32(), x = in[0].to_f32();
  const auto zero = zero_points(in, 2);
  const auto index = scale_index(c, x.shape(), scale.shape());
  check_zero_points(c, zero, scale);
  Tensor y(dtype, x.shape());
  for (int64_t i = 0; i < x.size(); ++i)
    store(y, static_cast<size_t>(i),
          quantised(x.as<float>()[static_cast<size_t>(i)], scale.as<float>()[index(i)], zero[zero.size() > 1 ? index(i) : 0]), t);
  return {y};
}

std::vector<ValueInfo> dequantize_shape(const Context&, std::span<const ValueInfo> in, std::span<const Tensor>) {
  ValueInfo out = in[0];
  out.name.clear();
  out.dtype = in[1].dtype == Dtype::kUndefined ? Dtype::kF32 : in[1].dtype;
  return {out};
}
std::vector<Tensor> dequantize_reference(const Context& c, std::span<const Tensor> in) {
  const auto x = in[0].to_i64(), zero = zero_points(in, 2);
  const auto scale = in[1].to_f32();
  const auto index = scale_index(c, in[0].shape(), scale.shape());
  check_zero_points(c, zero, scale);
  Tensor y(Dtype::kF32, in[0].shape());
  auto out = y.mutable_as<float>();
  for (int64_t i = 0; i < y.size(); ++i)
    out[static_cast<size_t>(i)] = static_cast<float>(x[static_cast<size_t>(i)] - zero[zero.size() > 1 ? index(i) : 0]) * scale.as<float>()[index(i)];
  if (in[1].dtype() == Dtype::kF32) return {y};
  if (in[1].dtype() != Dtype::kF16) fail(c, "the scale is of type " + std::string(dtype_name(in[1].dtype())) + ", expected float32 or float16");
  Tensor half(Dtype::kF16, y.shape());
  auto* to = reinterpret_cast<uint16_t*>(half.mutable_data());
  for (const float value : y.as<float>()) *to++ = f32_to_f16(value);
  return {half};
}

// ---- QLinearConv: x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias ----
std::vector<ValueInfo> qconv_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  const std::vector<ValueInfo> xw{in[0], in[3]};
  auto out = conv.shape(c, xw, constants);
  check_single(c, in, {1, 2, 6, 7});
  if (in[3].has_shape) {
    check_single_or_per_channel(c, in, {4, 5}, in[3].shape.at(0));
    check_per_channel(c, in, 8, in[3].shape.at(0), "the bias");
  }
  out[0].dtype = in[7].dtype == Dtype::kUndefined ? in[0].dtype : in[7].dtype;
  return out;
}
int64_t qconv_cost(const Context& c, std::span<const ValueInfo> in, std::span<const ValueInfo> out) {
  const std::vector<ValueInfo> xw{in[0], in[3]};
  return conv.cost(c, xw, out);
}
std::vector<Tensor> qconv_reference(const Context& c, std::span<const Tensor> in) {
  // exact: the integer sums of a convolution layer stay far below 2^53, so double arithmetic on integers has no error
  auto window = read_window(c, {in[3].shape().begin() + 2, in[3].shape().end()});
  const int64_t group = c.node.int_attribute("group", 1), channels_in = in[0].shape()[1], channels_out = in[3].shape()[0];
  if (in[3].shape()[1] * group != channels_in)
    fail(c, "weights " + to_string(in[3].shape()) + " expect " + std::to_string(in[3].shape()[1] * group) + " input channels, got " +
                to_string(in[0].shape()));
  if (window.rank() > 2) fail_unsupported(c, "a convolution of three dimensions");
  Tensor y(in[7].dtype(), window_shape(c, window, in[0].shape(), channels_out));
  const auto w = as_2d(window);
  const auto plane_in = planes_of(in[0].shape()), plane_out = planes_of(y.shape());
  const auto t = target(c, y.dtype());
  const auto x = in[0].to_i64(), weights = in[3].to_i64(), w_zero = zero_points(in, 5);
  const int64_t x_zero = zero_points(in, 2)[0], y_zero = zero_points(in, 7)[0];
  const auto bias = in.size() > 8 && !in[8].empty() ? in[8].to_i64() : std::vector<int64_t>(static_cast<size_t>(channels_out), 0);
  const auto x_scale = in[1].to_f32(), w_scale = in[4].to_f32(), y_scale = in[6].to_f32();
  const int64_t per_in = channels_in / group, per_out = channels_out / group, taps = w.kernel[0] * w.kernel[1];
  std::vector<int32_t> sums(static_cast<size_t>(plane_out.size()));
  for (int64_t n = 0; n < y.shape()[0]; ++n)
    for (int64_t oc = 0; oc < channels_out; ++oc) {
      std::fill(sums.begin(), sums.end(), static_cast<int32_t>(bias[static_cast<size_t>(oc)]));
      const int64_t zero_w = w_zero[w_zero.size() > 1 ? static_cast<size_t>(oc) : 0];
      for (int64_t ic = 0; ic < per_in; ++ic) {
        const int64_t* plane = x.data() + (n * channels_in + oc / per_out * per_in + ic) * plane_in.size();
        for (int64_t k = 0; k < taps; ++k) {
          const auto weight = static_cast<int32_t>(weights[static_cast<size_t>((oc * per_in + ic) * taps + k)] - zero_w);
          const int64_t top = k / w.kernel[1] * w.dilations[0] - w.pads_begin[0], left = k % w.kernel[1] * w.dilations[1] - w.pads_begin[1];
          for (int64_t oy = 0; oy < plane_out.h; ++oy) {
            const int64_t iy = oy * w.strides[0] + top;
            if (iy < 0 || iy >= plane_in.h) continue;
            for (int64_t ox = 0; ox < plane_out.w; ++ox) {
              const int64_t ix = ox * w.strides[1] + left;
              if (ix >= 0 && ix < plane_in.w)
                sums[static_cast<size_t>(oy * plane_out.w + ox)] += weight * static_cast<int32_t>(plane[iy * plane_in.w + ix] - x_zero);
            }
          }
        }
      }
      const float scale = x_scale.as<float>()[0] * w_scale.as<float>()[w_scale.size() > 1 ? static_cast<size_t>(oc) : 0] / y_scale.as<float>()[0];
      for (size_t i = 0; i < sums.size(); ++i)
        store(y, static_cast<size_t>((n * channels_out + oc) * plane_out.size()) + i,
              std::nearbyint(static_cast<float>(sums[i]) * scale) + static_cast<double>(y_zero), t);
    }
  return {y};
}

// ---- QLinearMatMul: a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero ----
std::vector<ValueInfo> qmatmul_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  const std::vector<ValueInfo> ab{in[0], in[3]};
  auto out = matmul.shape(c, ab, constants);
  check_single(c, in, {1, 2, 6, 7});
  if (in[3].has_shape && !in[3].shape.empty()) check_single_or_per_channel(c, in, {4, 5}, in[3].shape.back());
  out[0].dtype = in[7].dtype == Dtype::kUndefined ? in[0].dtype : in[7].dtype;
  return out;
}
int64_t qmatmul_cost(const Context& c, std::span<const ValueInfo> in, std::span<const ValueInfo> out) {
  const std::vector<ValueInfo> ab{in[0], in[3]};
  return matmul.cost(c, ab, out);
}
/// (q - zero) as float: exact for 8-bit values, and float sums of their products are exact below 2^24.
Tensor centred(const Tensor& q, const std::vector<int64_t>& zero, int64_t columns) {
  Tensor out(Dtype::kF32, q.shape());
  const auto values = q.to_i64();
  for (size_t i = 0; i < values.size(); ++i)
    out.mutable_as<float>()[i] = static_cast<float>(values[i] - zero[zero.size() > 1 ? i % static_cast<size_t>(columns) : 0]);
  return out;
}
std::vector<Tensor> qmatmul_reference(const Context& c, std::span<const Tensor> in) {
  const int64_t columns = in[3].shape().back();
  const std::vector<Tensor> ab{centred(in[0], zero_points(in, 2), 1), centred(in[3], zero_points(in, 5), columns)};
  const auto sums = matmul.reference(c, ab)[0];
  const auto t = target(c, in[7].dtype());
  const auto a_scale = in[1].to_f32(), b_scale = in[4].to_f32(), y_scale = in[6].to_f32();
  const auto zero = static_cast<double>(zero_points(in, 7)[0]);
  Tensor y(in[7].dtype(), sums.shape());
  for (size_t i = 0; i < static_cast<size_t>(sums.size()); ++i) {
    const float scale =
        a_scale.as<float>()[0] * b_scale.as<float>()[b_scale.size() > 1 ? i % static_cast<size_t>(columns) : 0] / y_scale.as<float>()[0];
    store(y, i, std::nearbyint(sums.as<float>()[i] * scale) + zero, t);
  }
  return {y};
}

// ---- com.microsoft QLinearAdd and QLinearMul: a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero ----
std::vector<ValueInfo> qbinary_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor>) {
  check_single(c, in, {1, 2, 4, 5, 6, 7});
  if (!in[0].has_shape || !in[3].has_shape) return {unshaped(in[0].dtype)};
  return {typed(in[0].dtype, broadcast(c, in[0].shape, in[3].shape))};
}
/// Zero points are added before rounding, so that ties go to the even byte, as in ONNX Runtime.
template <typename F>
std::vector<Tensor> qbinary(const Context& c, std::span<const Tensor> in, F&& f) {
  const Shape out = broadcast(c, in[0].shape(), in[3].shape());
  Tensor y(in[0].dtype(), out);
  const auto t = target(c, y.dtype());
  const auto a = in[0].to_i64(), b = in[3].to_i64();
  for_each_offset<2>(out, {broadcast_strides(in[0].shape(), out), broadcast_strides(in[3].shape(), out)}, [&](int64_t i, const auto& o) {
    store(y, static_cast<size_t>(i),
          std::nearbyint(f(static_cast<float>(a[static_cast<size_t>(o[0])]), static_cast<float>(b[static_cast<size_t>(o[1])]))), t);
  });
  return {y};
}
struct BinaryScales {
  float a_scale, a_zero, b_scale, b_zero, y_scale, y_zero;
};
BinaryScales binary_scales(std::span<const Tensor> in) {
  const auto scale = [&](size_t i) { return in[i].to_f32().as<float>()[0]; };
  const auto zero = [&](size_t i) { return static_cast<float>(zero_points(in, i)[0]); };
  return {scale(1), zero(2), scale(4), zero(5), scale(6), zero(7)};
}
std::vector<Tensor> qadd_reference(const Context& c, std::span<const Tensor> in) {
  const auto s = binary_scales(in);
  const float ra = s.a_scale / s.y_scale, rb = s.b_scale / s.y_scale, offset = s.y_zero - std::fma(ra, s.a_zero, rb * s.b_zero);
  return qbinary(c, in, [&](float a, float b) { return std::fma(a, ra, std::fma(b, rb, offset)); });
}
std::vector<Tensor> qmul_reference(const Context& c, std::span<const Tensor> in) {
  const auto s = binary_scales(in);
  const float ratio = s.a_scale * s.b_scale / s.y_scale;
  return qbinary(c, in, [&](float a, float b) { return std::fma((a - s.a_zero) * (b - s.b_zero), ratio, s.y_zero); });
}

// ---- com.microsoft QLinearGlobalAveragePool: x, x_scale, x_zero, y_scale, y_zero ----
std::vector<ValueInfo> qpool_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor>) {
  check_single(c, in, {1, 2, 3, 4});
  if (!in[0].has_shape || in[0].shape.size() < 3) return {unshaped(in[0].dtype)};
  const bool last = c.node.int_attribute("channels_last", 0) != 0;
  Shape out = in[0].shape;
  for (size_t d = last ? 1 : 2; d < (last ? out.size() - 1 : out.size()); ++d) out[d] = 1;
  return {typed(in[0].dtype, out)};
}
std::vector<Tensor> qpool_reference(const Context& c, std::span<const Tensor> in) {
  if (c.node.int_attribute("channels_last", 0) != 0) fail_unsupported(c, "channels_last");
  Shape out = in[0].shape();
  int64_t size = 1;
  for (size_t d = 2; d < out.size(); ++d) {
    size *= out[d];
    out[d] = 1;
  }
  Tensor y(in[0].dtype(), out);
  const auto t = target(c, y.dtype());
  const auto x = in[0].to_i64();
  const int64_t x_zero = zero_points(in, 2)[0], y_zero = zero_points(in, 4)[0];
  const float x_scale = in[1].to_f32().as<float>()[0], y_scale = in[3].to_f32().as<float>()[0];
  for (int64_t p = 0; p < y.size(); ++p) {
    int64_t sum = 0;
    for (int64_t i = 0; i < size; ++i) sum += x[static_cast<size_t>(p * size + i)] - x_zero;
    store(y, static_cast<size_t>(p),
          std::nearbyint(static_cast<float>(sum) * (x_scale / (y_scale * static_cast<float>(size)))) + static_cast<double>(y_zero), t);
  }
  return {y};
}

}  // namespace

extern const Operator quantize, dequantize, qlinear_conv, qlinear_matmul, qlinear_add, qlinear_mul, qlinear_global_average_pool;
const Operator quantize{"", "QuantizeLinear", quantize_shape, no_cost, quantize_reference, 2};
const Operator dequantize{"", "DequantizeLinear", dequantize_shape, no_cost, dequantize_reference, 2};
const Operator qlinear_conv{"", "QLinearConv", qconv_shape, qconv_cost, qconv_reference, 8};
const Operator qlinear_matmul{"", "QLinearMatMul", qmatmul_shape, qmatmul_cost, qmatmul_reference, 8};
const Operator qlinear_add{"com.microsoft", "QLinearAdd", qbinary_shape, no_cost, qadd_reference, 7};
const Operator qlinear_mul{"com.microsoft", "QLinearMul", qbinary_shape, no_cost, qmul_reference, 7};
const Operator qlinear_global_average_pool{"com.microsoft", "QLinearGlobalAveragePool", qpool_shape, no_cost, qpool_reference, 5};

}  // namespace scissionlite::ops
