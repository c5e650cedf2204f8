// Upsample (opset 7 to 9) and Resize (from 10): nearest, linear and cubic.
#include "ops/resize_rule.h"

namespace scissionlite::ops {
namespace {

std::optional<std::vector<float>> floats(const Context& c, std::span<const Tensor> constants, size_t i) {
  if (c.node.inputs.size() <= i || c.node.inputs[i].empty()) return std::vector<float>{};
  if (constants.size() <= i || constants[i].empty()) return std::nullopt;
  const auto t = constants[i].to_f32();
  return std::vector<float>(t.as<float>().begin(), t.as<float>().end());
}

/// The dimension that each entry of scales and sizes is of.
std::vector<size_t> resized_axes(const Context& c, size_t rank) {
  std::vector<size_t> axes;
  for (const int64_t axis : c.node.ints_attribute("axes")) axes.push_back(static_cast<size_t>(normal_axis(c, axis, rank)));
  if (axes.empty())
    for (size_t d = 0; d < rank; ++d) axes.push_back(d);
  return axes;
}

void check_entries(const Context& c, const char* what, size_t given, size_t expected) {
  if (given != expected)
    fail(c, "'" + std::string(what) + "' has " + std::to_string(given) + (given == 1 ? " entry" : " entries") + ", expected " +
                std::to_string(expected));
}

ResizePlan unchanged(const Shape& in) { return {in, in, std::vector<double>(in.size(), 1), std::vector<Span>(in.size())}; }

/// Sizes asked for, or with one scale for all axes what is within them or reaches over them.
std::optional<ResizePlan> plan_of_sizes(const Context& c, const Shape& in, const std::vector<int64_t>& sizes, const std::vector<size_t>& axes) {
  ResizePlan plan = unchanged(in);
  check_entries(c, "sizes", sizes.size(), axes.size());
  const auto scale = [&](size_t i) { return static_cast<double>(sizes[i]) / static_cast<double>(in[axes[i]]); };
  const auto policy = c.node.text_attribute("keep_aspect_ratio_policy", "stretch");
  if (policy == "stretch") {
    for (size_t i = 0; i < axes.size(); ++i) {
      plan.out[axes[i]] = sizes[i];
      if (in[axes[i]] > 0) plan.scales[axes[i]] = scale(i);
    }
    return plan;
  }
  if (policy != "not_larger" && policy != "not_smaller")
    fail(c, "keep_aspect_ratio_policy is '" + policy + "', expected stretch, not_larger or not_smaller");
  std::optional<double> one;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (in[axes[i]] <= 0) return std::nullopt;
    one = !one ? scale(i) : policy == "not_larger" ? std::min(*one, scale(i)) : std::max(*one, scale(i));
  }
  for (const size_t d : axes) {
    plan.scales[d] = *one;
    plan.out[d] = static_cast<int64_t>(std::round(static_cast<double>(in[d]) * *one));
  }
  return plan;
}

std::optional<ResizePlan> plan_without_parts(const Context& c, const Shape& in, std::span<const Tensor> constants) {
  const bool upsample = c.node.op_type == "Upsample";
  std::vector<float> scales;
  if (upsample && c.opset < 9) {
    scales = c.node.floats_attribute("scales");
  } else {
    const auto given = floats(c, constants, upsample || c.opset < 11 ? 1 : 2);
    if (!given) return std::nullopt;
    scales = *given;
  }
  const auto axes = resized_axes(c, in.size());
  if (!scales.empty()) {
    ResizePlan plan = unchanged(in);
    check_entries(c, "scales", scales.size(), axes.size());
    for (size_t i = 0; i < axes.size(); ++i) {
      if (!(scales[i] > 0) || !std::isfinite(scales[i])) fail(c, "a scale is " + std::to_string(scales[i]) + ", expected a number above 0");
      plan.scales[axes[i]] = scales[i];
      if (in[axes[i]] >= 0) plan.out[axes[i]] = static_cast<int64_t>(std::floor(static_cast<double>(in[axes[i]]) * scales[i]));
    }
    return plan;
  }
  if (c.node.inputs.size() <= 3 || constants.size() <= 3 || constants[3].empty()) return std::nullopt;
  return plan_of_sizes(c, in, constants[3].to_i64(), axes);
}

}  // namespace

std::optional<ResizePlan> read_resize_plan(const Context& c, const Shape& in, std::span<const Tensor> constants) {
  auto plan = plan_without_parts(c, in, constants);
  if (!plan || c.node.text_attribute("coordinate_transformation_mode", "") != "tf_crop_and_resize") return plan;
  const auto parts = floats(c, constants, 1);
  if (!parts) return plan;
  const auto axes = resized_axes(c, in.size());
  check_entries(c, "roi", parts->size(), 2 * axes.size());
  for (size_t i = 0; i < axes.size(); ++i) plan->parts[axes[i]] = {(*parts)[i], (*parts)[axes.size() + i]};
  return plan;
}

ResizeMode read_resize_mode(const Context& c) {
  const auto mode = c.node.text_attribute("mode", "nearest");
  const auto kind = mode == "bilinear" ? std::string("linear") : mode;
  if (kind != "nearest" && kind != "linear" && kind != "cubic") fail_unsupported(c, "mode '" + mode + "'");
  if (c.node.op_type == "Upsample" || c.opset < 11) return {kind, "asymmetric", "floor"};
  ResizeMode read{kind, c.node.text_attribute("coordinate_transformation_mode", "half_pixel"),
                  c.node.text_attribute("nearest_mode", "round_prefer_floor")};
  const std::initializer_list<std::string_view> coordinates{"asymmetric",           "align_corners",      "half_pixel",
                                                            "half_pixel_symmetric", "pytorch_half_pixel", "tf_crop_and_resize"},
      roundings{"floor", "ceil", "round_prefer_floor", "round_prefer_ceil"};
  if (std::find(coordinates.begin(), coordinates.end(), read.coordinates) == coordinates.end())
    fail_unsupported(c, "coordinate_transformation_mode '" + read.coordinates + "'");
  if (std::find(roundings.begin(), roundings.end(), read.rounding) == roundings.end()) fail_unsupported(c, "nearest_mode '" + read.rounding + "'");
  read.averages = c.node.int_attribute("antialias", 0) != 0;
  read.leaves_out = c.node.int_attribute("exclude_outside", 0) != 0;
  read.cubic_a = c.node.float_attribute("cubic_coeff_a", -0.75F);
  read.beyond = c.node.float_attribute("extrapolation_value", 0);
  return read;
}

bool is_kept(const ResizePlan& plan, const ResizeMode& mode, size_t axis) {
  return plan.out[axis] == plan.in[axis] && plan.scales[axis] == 1 &&
         (mode.coordinates != "tf_crop_and_resize" || (plan.parts[axis].begin == 0 && plan.parts[axis].end == 1));
}

namespace {

/// Position in the input that an output index stands for. In float, as the runtimes do: whether 4 / 1.6 is exactly 2.5 decides which neighbour is
/// nearest.
float source_position(const ResizePlan& plan, const std::string& coordinates, size_t axis, int64_t i) {
  const int64_t in = plan.in[axis], out = plan.out[axis];
  const auto x = static_cast<float>(i), factor = static_cast<float>(plan.scales[axis]);
  if (coordinates == "asymmetric") return x / factor;
  if (coordinates == "align_corners") return out == 1 ? 0 : x * static_cast<float>(in - 1) / static_cast<float>(out - 1);
  if (coordinates == "pytorch_half_pixel") return out > 1 ? (x + 0.5f) / factor - 0.5f : 0;
  if (coordinates == "tf_crop_and_resize") {
    const auto begin = static_cast<float>(plan.parts[axis].begin), end = static_cast<float>(plan.parts[axis].end), last = static_cast<float>(in - 1);
    return out > 1 ? begin * last + x * (end - begin) * last / static_cast<float>(out - 1) : 0.5f * (begin + end) * last;
  }
  const float half_pixel = (x + 0.5f) / factor - 0.5f;
  if (coordinates != "half_pixel_symmetric") return half_pixel;
  const float center = static_cast<float>(in) / 2,
              covered = static_cast<float>(out) / (factor * static_cast<float>(in));  // of what the scale alone would make
  return center * (1 - covered) + half_pixel;
}
bool lies_outside(const ResizePlan& plan, const ResizeMode& mode, size_t axis, float position) {
  return mode.coordinates == "tf_crop_and_resize" && (position < 0 || position > static_cast<float>(plan.in[axis] - 1));
}

int64_t nearest_index(const std::string& rounding, double x, int64_t size) {
  double r = 0;
  if (rounding == "floor") r = std::floor(x);
  else if (rounding == "ceil") r = std::ceil(x);
  else if (rounding == "round_prefer_ceil") r = std::floor(x + 0.5);
  else r = std::ceil(x - 0.5);  // round_prefer_floor
  return std::clamp<int64_t>(static_cast<int64_t>(r), 0, size - 1);
}

/// Weight of an input so far from an output's position.
double kernel_at(const ResizeMode& mode, double distance) {
  const double x = std::abs(distance), a = mode.cubic_a;
  if (mode.kind == "linear") return std::max(0.0, 1 - x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0;
}

}  // namespace

std::vector<int64_t> nearest_indices(const ResizePlan& plan, const ResizeMode& mode, size_t axis) {
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < plan.out[axis]; ++i) {
    const float position = source_position(plan, mode.coordinates, axis, i);
    indices.push_back(lies_outside(plan, mode, axis, position) ? -1 : nearest_index(mode.rounding, position, plan.in[axis]));
  }
  return indices;
}

Taps taps_of(const ResizePlan& plan, const ResizeMode& mode, size_t axis) {
  const int64_t in = plan.in[axis];
  if (plan.out[axis] == 0) return {1, {}, {}};  // scales so small have no number of taps
  const double stretch = mode.averages ? std::max(1.0, 1 / plan.scales[axis]) : 1, reach = (mode.kind == "cubic" ? 2 : 1) * stretch;
  Taps taps{2 * static_cast<int64_t>(std::ceil(reach)), {}, {}};
  for (int64_t i = 0; i < plan.out[axis]; ++i) {
    const float position = source_position(plan, mode.coordinates, axis, i);
    const bool outside = lies_outside(plan, mode, axis, position);
    const auto first = static_cast<int64_t>(std::floor(position - reach)) + 1;
    std::vector<double> weights;
    double sum = 0;
    for (int64_t k = 0; k < taps.count; ++k) {
      const bool counts = !mode.leaves_out || (first + k >= 0 && first + k < in);
      weights.push_back(counts ? kernel_at(mode, (static_cast<double>(first + k) - position) / stretch) : 0);
      sum += weights.back();
    }
    for (int64_t k = 0; k < taps.count; ++k) {
      taps.from.push_back(outside ? -1 : std::clamp<int64_t>(first + k, 0, in - 1));
      taps.weights.push_back(static_cast<float>(weights[static_cast<size_t>(k)] / sum));
    }
  }
  return taps;
}

namespace {

std::vector<ValueInfo> shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  if (!in[0].has_shape) return {unshaped(in[0].dtype)};
  const auto plan = read_resize_plan(c, in[0].shape, constants);
  return {plan ? typed(in[0].dtype, plan->out) : unshaped(in[0].dtype)};
}

std::vector<Tensor> nearest(const Context& c, const Tensor& x, const ResizePlan& plan, const ResizeMode& mode) {
  if (mode.beyond != 0 && x.dtype() != Dtype::kF32) fail_unsupported(c, "extrapolation_value of another type than float32");
  Tensor y(x.dtype(), plan.out);
  std::vector<std::byte> beyond(std::max(dtype_size(x.dtype()), sizeof(float)));  // zero in each type
  std::memcpy(beyond.data(), &mode.beyond, sizeof(float));
  const auto strides = strides_of(x.shape()), out_strides = strides_of(plan.out);
  std::vector<std::vector<int64_t>> source;
  for (size_t d = 0; d < plan.out.size(); ++d) source.push_back(nearest_indices(plan, mode, d));
  const size_t bytes = dtype_size(x.dtype());
  for (int64_t linear = 0; linear < y.size(); ++linear) {
    int64_t rest = linear, from = 0;
    bool outside = false;
    for (size_t d = 0; d < plan.out.size(); ++d) {
      const int64_t index = source[d][static_cast<size_t>(rest / out_strides[d])];
      outside = outside || index < 0;
      from += index * strides[d];
      rest %= out_strides[d];
    }
    std::memcpy(y.mutable_data() + static_cast<size_t>(linear) * bytes, outside ? beyond.data() : x.data() + static_cast<size_t>(from) * bytes,
                bytes);
  }
  return {y};
}

/// One dimension at a time: the weights of several are products of those of each.
Tensor blend_along(const Tensor& x, size_t axis, int64_t size, const Taps& taps, float beyond) {
  Shape shape = x.shape();
  const int64_t in = shape[axis];
  shape[axis] = size;
  int64_t outer = 1, inner = 1;
  for (size_t d = 0; d < shape.size(); ++d)
    if (d != axis) (d < axis ? outer : inner) *= shape[d];
  Tensor y(Dtype::kF32, shape);
  const float* from = x.as<float>().data();
  float* to = y.mutable_as<float>().data();
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t i = 0; i < size; ++i) {
      float* row = to + (o * size + i) * inner;
      const auto tap = static_cast<size_t>(i * taps.count);
      const bool outside = taps.from[tap] < 0;
      std::fill(row, row + inner, outside ? beyond : 0);
      for (size_t k = tap; !outside && k < tap + static_cast<size_t>(taps.count); ++k) {
        const float* source = from + (o * in + taps.from[k]) * inner;
        if (const float weight = taps.weights[k]; weight != 0)
          for (int64_t p = 0; p < inner; ++p) row[p] += weight * source[p];
      }
    }
  return y;
}

std::vector<Tensor> reference(const Context& c, std::span<const Tensor> in) {
  const auto plan = read_resize_plan(c, in[0].shape(), in);
  if (!plan) fail(c, "has neither scales nor sizes");
  const auto mode = read_resize_mode(c);
  if (mode.kind == "nearest") return nearest(c, in[0], *plan, mode);
  Tensor y = in[0];
  for (size_t d = 0; d < plan->out.size(); ++d)
    if (!is_kept(*plan, mode, d)) y = blend_along(y, d, plan->out[d], taps_of(*plan, mode, d), mode.beyond);
  return {y};
}

}  // namespace

extern const Operator upsample, resize;
const Operator upsample{"", "Upsample", shape, no_cost, reference};
const Operator resize{"", "Resize", shape, no_cost, reference};

}  // namespace scissionlite::ops
