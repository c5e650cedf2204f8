// Operators that move elements: Concat, Split, Slice, Gather, Transpose, Pad, Expand, Tile, DepthToSpace, SpaceToDepth.
#include <numeric>

#include "ops/support.h"

namespace scissionlite::ops {
namespace {

bool all_shaped(std::span<const ValueInfo> in) {
  return std::all_of(in.begin(), in.end(), [](const auto& info) { return info.has_shape; });
}
/// A constant input's integers; nothing when the input is given but its value is not known.
std::optional<std::vector<int64_t>> integers(const Context& c, std::span<const Tensor> constants, size_t i, std::vector<int64_t> fallback = {}) {
  if (c.node.inputs.size() <= i || c.node.inputs[i].empty()) return fallback;
  if (constants.size() <= i || constants[i].empty()) return std::nullopt;
  return constants[i].to_i64();
}

// ---- Concat ----
Shape concat_shape_of(const Context& c, const std::vector<Shape>& shapes, size_t axis) {
  Shape out = shapes[0];
  out[axis] = 0;
  for (const auto& shape : shapes) {
    if (shape.size() != out.size()) fail(c, "inputs " + to_string(shapes[0]) + " and " + to_string(shape) + " differ in rank");
    for (size_t d = 0; d < out.size(); ++d)
      if (d != axis && shape[d] >= 0 && out[d] >= 0 && shape[d] != out[d])
        fail(c, "inputs " + to_string(shapes[0]) + " and " + to_string(shape) + " differ outside axis " + std::to_string(axis));
    out[axis] = shape[axis] < 0 || out[axis] < 0 ? -1 : out[axis] + shape[axis];
  }
  return out;
}
std::vector<ValueInfo> concat_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor>) {
  for (const auto& info : in) check_one_type(c, in[0], info);
  if (!all_shaped(in)) return {unshaped(in[0].dtype)};
  std::vector<Shape> shapes;
  for (const auto& info : in) shapes.push_back(info.shape);
  return {typed(in[0].dtype, concat_shape_of(c, shapes, static_cast<size_t>(normal_axis(c, c.node.int_attribute("axis", 1), shapes[0].size()))))};
}
std::vector<Tensor> concat_reference(const Context& c, std::span<const Tensor> in) {
  std::vector<Shape> shapes;
  for (const auto& t : in) shapes.push_back(t.shape());
  const auto axis = static_cast<size_t>(normal_axis(c, c.node.int_attribute("axis", 1), shapes[0].size()));
  Tensor y(in[0].dtype(), concat_shape_of(c, shapes, axis));
  const int64_t outer = element_count({y.shape().begin(), y.shape().begin() + static_cast<std::ptrdiff_t>(axis)});
  auto* out = y.mutable_data();
  for (int64_t o = 0; o < outer; ++o)
    for (const auto& t : in) {
      const size_t bytes = t.size_bytes() / static_cast<size_t>(outer);
      std::memcpy(out, t.data() + static_cast<size_t>(o) * bytes, bytes);
      out += bytes;
    }
  return {y};
}

// ---- Split ----
std::vector<int64_t> split_sizes(const Context& c, int64_t size, const std::vector<int64_t>& given) {
  if (!given.empty()) return given;
  const auto parts = static_cast<int64_t>(c.node.outputs.size());
  std::vector<int64_t> sizes(c.node.outputs.size(), (size + parts - 1) / parts);
  if (size >= 0) sizes.back() = size - (parts - 1) * sizes[0];
  return sizes;
}
std::vector<ValueInfo> split_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  const auto given = c.node.has("split") ? c.node.ints_attribute("split") : integers(c, constants, 1);
  std::vector<ValueInfo> out(c.node.outputs.size(), unshaped(in[0].dtype));
  if (!in[0].has_shape || !given) return out;
  const auto axis = static_cast<size_t>(normal_axis(c, c.node.int_attribute("axis", 0), in[0].shape.size()));
  const auto sizes = split_sizes(c, in[0].shape[axis], *given);
  if (sizes.size() != out.size())
    fail(c, "has " + std::to_string(out.size()) + " outputs, but 'split' has " + std::to_string(sizes.size()) + " entries");
  if (const int64_t size = in[0].shape[axis]; size >= 0 && (std::any_of(sizes.begin(), sizes.end(), [](int64_t part) { return part < 0; }) ||
                                                            std::accumulate(sizes.begin(), sizes.end(), int64_t{0}) != size))
    fail(c, "parts " + to_string(sizes) + " do not add up to " + std::to_string(size));
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = typed(in[0].dtype, in[0].shape);
    out[i].shape[axis] = in[0].shape[axis] < 0 && given->empty() ? -1 : sizes[i];
  }
  return out;
}
std::vector<Tensor> split_reference(const Context& c, std::span<const Tensor> in) {
  const auto given = c.node.has("split") ? c.node.ints_attribute("split") : integers(c, in, 1).value_or(std::vector<int64_t>{});
  const auto axis = static_cast<size_t>(normal_axis(c, c.node.int_attribute("axis", 0), in[0].shape().size()));
  const auto sizes = split_sizes(c, in[0].shape()[axis], given);
  std::vector<Tensor> out;
  int64_t begin = 0;
  for (int64_t size : sizes) {
    Shape shape = in[0].shape();
    if (size < 0 || begin + size > shape[axis]) fail(c, "parts do not add up to " + std::to_string(shape[axis]));
    shape[axis] = size;
    Tensor part(in[0].dtype(), shape);
    const auto strides = strides_of(in[0].shape());
    copy_elements(in[0], part, shape, strides, begin * strides[axis]);
    begin += size;
    out.push_back(std::move(part));
  }
  return out;
}

// ---- Slice ----
struct SliceRange {
  std::vector<int64_t> starts, ends, axes, steps;
};
std::optional<SliceRange> read_range(const Context& c, std::span<const Tensor> constants) {
  SliceRange r;
  if (c.opset < 10) {
    r.starts = c.node.ints_attribute("starts");
    r.ends = c.node.ints_attribute("ends");
    r.axes = c.node.ints_attribute("axes");
  } else {
    const auto starts = integers(c, constants, 1), ends = integers(c, constants, 2), axes = integers(c, constants, 3),
               steps = integers(c, constants, 4);
    if (!starts || !ends || !axes || !steps) return std::nullopt;
    r = {*starts, *ends, *axes, *steps};
  }
  if (r.axes.empty())
    for (size_t i = 0; i < r.starts.size(); ++i) r.axes.push_back(static_cast<int64_t>(i));
  if (r.steps.empty()) r.steps.assign(r.starts.size(), 1);
  if (r.ends.size() != r.starts.size() || r.axes.size() != r.starts.size() || r.steps.size() != r.starts.size())
    fail(c, "starts, ends, axes and steps differ in length");
  return r;
}
Sliced sliced(const Context& c, const Shape& in, const SliceRange& r) {
  Sliced s{in, std::vector<int64_t>(in.size(), 0), std::vector<int64_t>(in.size(), 1)};
  for (size_t i = 0; i < r.starts.size(); ++i) {
    const auto d = static_cast<size_t>(normal_axis(c, r.axes[i], in.size()));
    const int64_t step = r.steps[i], size = in[d];
    if (step == 0) fail(c, "a step is 0");
    if (size < 0) {
      s.shape[d] = -1;
      continue;
    }
    int64_t begin = r.starts[i] < 0 ? r.starts[i] + size : r.starts[i],
            end = r.ends[i] < 0 ? std::max<int64_t>(r.ends[i], -size - 1) + size : r.ends[i];
    begin = std::clamp<int64_t>(begin, 0, step > 0 ? size : size - 1);
    end = std::clamp<int64_t>(end, step > 0 ? 0 : -1, size);
    s.shape[d] = std::max<int64_t>(0, step > 0 ? (end - begin + step - 1) / step : (begin - end - step - 1) / -step);
    s.begins[d] = begin;
    s.steps[d] = step;
  }
  return s;
}
std::vector<ValueInfo> slice_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  const auto slice = in[0].has_shape ? read_slice(c, in[0].shape, constants) : std::nullopt;
  return {slice ? typed(in[0].dtype, slice->shape) : unshaped(in[0].dtype)};
}
std::vector<Tensor> slice_reference(const Context& c, std::span<const Tensor> in) {
  const auto slice = *read_slice(c, in[0].shape(), in);
  auto strides = strides_of(in[0].shape());
  Tensor y(in[0].dtype(), slice.shape);
  int64_t base = 0;
  for (size_t d = 0; d < strides.size(); ++d) {
    base += slice.begins[d] * strides[d];
    strides[d] *= slice.steps[d];
  }
  copy_elements(in[0], y, y.shape(), strides, base);
  return {y};
}

// ---- Gather ----
Shape gathered(const Context& c, const Shape& data, const Shape& indices, size_t& axis) {
  axis = static_cast<size_t>(normal_axis(c, c.node.int_attribute("axis", 0), data.size()));
  Shape out(data.begin(), data.begin() + static_cast<std::ptrdiff_t>(axis));
  out.insert(out.end(), indices.begin(), indices.end());
  out.insert(out.end(), data.begin() + static_cast<std::ptrdiff_t>(axis) + 1, data.end());
  return out;
}
std::vector<ValueInfo> gather_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor>) {
  if (!all_shaped(in)) return {unshaped(in[0].dtype)};
  size_t axis = 0;
  return {typed(in[0].dtype, gathered(c, in[0].shape, in[1].shape, axis))};
}
std::vector<Tensor> gather_reference(const Context& c, std::span<const Tensor> in) {
  size_t axis = 0;
  Tensor y(in[0].dtype(), gathered(c, in[0].shape(), in[1].shape(), axis));
  const auto& shape = in[0].shape();
  const int64_t size = shape[axis];
  int64_t outer = 1, inner = 1;
  for (size_t d = 0; d < shape.size(); ++d) (d < axis ? outer : d > axis ? inner : outer) *= d == axis ? 1 : shape[d];
  const size_t bytes = static_cast<size_t>(inner) * dtype_size(y.dtype());
  auto* out = y.mutable_data();
  const auto indices = in[1].to_i64();
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t index : indices) {
      if (index < 0) index += size;
      if (index < 0 || index >= size)
        fail(c, "index " + std::to_string(index < 0 ? index - size : index) + " is out of range for axis of size " + std::to_string(size));
      std::memcpy(out, in[0].data() + static_cast<size_t>(o * size + index) * bytes, bytes);
      out += bytes;
    }
  return {y};
}

// ---- Transpose ----
std::vector<ValueInfo> transpose_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor>) {
  if (!in[0].has_shape) return {unshaped(in[0].dtype)};
  Shape out;
  for (int64_t axis : read_permutation(c, in[0].shape.size())) out.push_back(in[0].shape[static_cast<size_t>(axis)]);
  return {typed(in[0].dtype, out)};
}
std::vector<Tensor> transpose_reference(const Context& c, std::span<const Tensor> in) {
  const auto own = strides_of(in[0].shape());
  Shape shape;
  std::vector<int64_t> strides;
  for (int64_t axis : read_permutation(c, own.size())) {
    shape.push_back(in[0].shape()[static_cast<size_t>(axis)]);
    strides.push_back(own[static_cast<size_t>(axis)]);
  }
  Tensor y(in[0].dtype(), shape);
  copy_elements(in[0], y, shape, strides);
  return {y};
}

// ---- Pad ----
/// Of the data's type, and one.
void check_pad_value(const Context& c, std::span<const ValueInfo> in) {
  if (c.opset < 11 || in.size() < 3 || c.node.inputs[2].empty()) return;
  check_one_type(c, in[0], in[2]);
  if (in[2].has_shape && is_static(in[2].shape) && element_count(in[2].shape) != 1)
    fail(c, "the constant value has " + std::to_string(element_count(in[2].shape)) + " elements, expected one");
}
std::vector<ValueInfo> pad_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  if (!in[0].has_shape) return {unshaped(in[0].dtype)};
  const auto pads = read_pads(c, constants, in[0].shape.size());
  check_pad_value(c, in);
  if (!pads) return {unshaped(in[0].dtype)};
  const bool repeats = c.node.text_attribute("mode", "constant") != "constant";
  Shape out = in[0].shape;
  for (size_t d = 0; d < out.size(); ++d) {
    if (out[d] < 0) continue;
    const int64_t size = out[d];
    out[d] += (*pads)[d] + (*pads)[d + out.size()];
    if (repeats && size == 0 && out[d] > 0)
      fail(c, "pads dimension " + std::to_string(d) + " of " + to_string(in[0].shape) + " with values it has not");
  }
  return {typed(in[0].dtype, out)};
}
/// Index in the input of a padded position; -1 where the constant stands.
int64_t pad_source(int64_t i, int64_t size, const std::string& mode) {
  if (i >= 0 && i < size) return i;
  if (mode == "edge") return std::clamp<int64_t>(i, 0, size - 1);
  if (mode == "wrap") return ((i % size) + size) % size;
  if (mode == "reflect") {
    if (size == 1) return 0;
    const int64_t period = 2 * (size - 1);
    i = ((i % period) + period) % period;
    return i < size ? i : period - i;
  }
  return -1;
}
std::vector<Tensor> pad_reference(const Context& c, std::span<const Tensor> in) {
  const auto& shape = in[0].shape();
  const size_t rank = shape.size(), bytes = dtype_size(in[0].dtype());
  const auto pads = *read_pads(c, in, rank);
  Shape out = shape;
  for (size_t d = 0; d < rank; ++d) out[d] += pads[d] + pads[d + rank];
  Tensor y(in[0].dtype(), out);
  const auto mode = c.node.text_attribute("mode", "constant");
  std::vector<std::byte> value(bytes);
  if (c.opset >= 11 && in.size() > 2 && !in[2].empty()) std::memcpy(value.data(), in[2].data(), bytes);
  if (c.opset < 11) {
    const float v = c.node.float_attribute("value", 0);
    const double wide = v;
    const uint16_t half = f32_to_f16(v);
    if (in[0].dtype() == Dtype::kF32) std::memcpy(value.data(), &v, bytes);
    else if (in[0].dtype() == Dtype::kF64) std::memcpy(value.data(), &wide, bytes);
    else if (in[0].dtype() == Dtype::kF16) std::memcpy(value.data(), &half, bytes);
    else if (v != 0) fail_unsupported(c, "a value other than 0 of " + std::string(dtype_name(in[0].dtype())));
  }
  const auto strides = strides_of(shape), out_strides = strides_of(out);
  for (int64_t linear = 0; linear < y.size(); ++linear) {
    int64_t rest = linear, from = 0;
    bool inside = true;
    for (size_t d = 0; d < rank && inside; ++d) {
      const int64_t source = pad_source(rest / out_strides[d] - pads[d], shape[d], mode);
      rest %= out_strides[d];
      inside = source >= 0;
      from += source * strides[d];
    }
    std::memcpy(y.mutable_data() + static_cast<size_t>(linear) * bytes, inside ? in[0].data() + static_cast<size_t>(from) * bytes : value.data(),
                bytes);
  }
  return {y};
}

// ---- Expand, Tile ----
std::vector<ValueInfo> expand_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  const auto wanted = integers(c, constants, 1);
  if (!in[0].has_shape || !wanted) return {unshaped(in[0].dtype)};
  return {typed(in[0].dtype, broadcast(c, in[0].shape, {wanted->begin(), wanted->end()}))};
}
std::vector<Tensor> expand_reference(const Context& c, std::span<const Tensor> in) {
  const auto wanted = in[1].to_i64();
  Tensor y(in[0].dtype(), broadcast(c, in[0].shape(), {wanted.begin(), wanted.end()}));
  copy_elements(in[0], y, y.shape(), broadcast_strides(in[0].shape(), y.shape()));
  return {y};
}
std::vector<ValueInfo> tile_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  const auto repeats = integers(c, constants, 1);
  if (!in[0].has_shape || !repeats || repeats->size() != in[0].shape.size()) return {unshaped(in[0].dtype)};
  Shape out = in[0].shape;
  for (size_t d = 0; d < out.size(); ++d)
    if (out[d] >= 0) out[d] *= (*repeats)[d];
  return {typed(in[0].dtype, out)};
}
std::vector<Tensor> tile_reference(const Context& c, std::span<const Tensor> in) {
  const auto& shape = in[0].shape();
  const auto repeats = in[1].to_i64();
  if (repeats.size() != shape.size()) fail(c, "'repeats' has " + std::to_string(repeats.size()) + " entries for " + to_string(shape));
  // as (repeat, size) pairs of dimensions, of which the first reads with stride 0
  Shape paired, out;
  std::vector<int64_t> strides;
  const auto own = strides_of(shape);
  for (size_t d = 0; d < shape.size(); ++d) {
    paired.insert(paired.end(), {repeats[d], shape[d]});
    strides.insert(strides.end(), {0, own[d]});
    out.push_back(repeats[d] * shape[d]);
  }
  Tensor y(in[0].dtype(), out);
  copy_elements(in[0], y, paired, strides);
  return {y};
}

// ---- DepthToSpace, SpaceToDepth ----
std::vector<ValueInfo> block_shape(const Context& c, std::span<const ValueInfo> in, bool to_space) {
  if (!in[0].has_shape) return {unshaped(in[0].dtype)};
  if (in[0].shape.size() != 4) fail(c, "got an activation " + to_string(in[0].shape) + ", expected rank 4");
  const int64_t b = c.node.int_attribute("blocksize", 1);
  if (b < 1 || b > 1024) fail(c, "blocksize is " + std::to_string(b) + ", expected 1 to 1024");
  Shape out = in[0].shape;
  for (size_t d = 1; d < 4; ++d)
    if (const int64_t by = d == 1 ? b * b : b; (d == 1) == to_space && out[d] >= 0 && out[d] % by != 0)
      fail(c, "blocks of " + std::to_string(b) + " do not divide " + to_string(in[0].shape));
  for (size_t d = 1; d < 4; ++d)
    if (out[d] >= 0) out[d] = (d == 1) == to_space ? out[d] / (d == 1 ? b * b : b) : out[d] * (d == 1 ? b * b : b);
  return {typed(in[0].dtype, out)};
}
std::vector<ValueInfo> depth_to_space_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor>) {
  return block_shape(c, in, true);
}
std::vector<ValueInfo> space_to_depth_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor>) {
  return block_shape(c, in, false);
}
/// Reads `x` as `shape`, permutes, and gives it the shape `out`.
Tensor permuted(const Tensor& x, const Shape& shape, const std::vector<size_t>& perm, const Shape& out) {
  const auto own = strides_of(shape);
  Shape to;
  std::vector<int64_t> strides;
  for (size_t axis : perm) {
    to.push_back(shape[axis]);
    strides.push_back(own[axis]);
  }
  Tensor y(x.dtype(), out);
  copy_elements(x, y, to, strides);
  return y;
}
std::vector<Tensor> depth_to_space_reference(const Context& c, std::span<const Tensor> in) {
  const auto& s = in[0].shape();
  const int64_t b = c.node.int_attribute("blocksize", 1), ch = s[1] / (b * b);
  const Shape out{s[0], ch, s[2] * b, s[3] * b};
  if (c.node.text_attribute("mode", "DCR") == "DCR") return {permuted(in[0], {s[0], b, b, ch, s[2], s[3]}, {0, 3, 4, 1, 5, 2}, out)};
  return {permuted(in[0], {s[0], ch, b, b, s[2], s[3]}, {0, 1, 4, 2, 5, 3}, out)};
}
std::vector<Tensor> space_to_depth_reference(const Context& c, std::span<const Tensor> in) {
  const auto& s = in[0].shape();
  const int64_t b = c.node.int_attribute("blocksize", 1);
  return {permuted(in[0], {s[0], s[1], s[2] / b, b, s[3] / b, b}, {0, 3, 5, 1, 2, 4}, {s[0], s[1] * b * b, s[2] / b, s[3] / b})};
}

}  // namespace

std::optional<Sliced> read_slice(const Context& c, const Shape& in, std::span<const Tensor> constants) {
  const auto range = read_range(c, constants);
  return range ? std::optional(sliced(c, in, *range)) : std::nullopt;
}

std::vector<int64_t> read_permutation(const Context& c, size_t rank) {
  std::vector<int64_t> perm = c.node.ints_attribute("perm");
  if (perm.empty())
    for (size_t i = 0; i < rank; ++i) perm.push_back(static_cast<int64_t>(rank - 1 - i));
  auto sorted = perm;
  std::sort(sorted.begin(), sorted.end());
  std::vector<int64_t> axes(rank);
  std::iota(axes.begin(), axes.end(), 0);
  if (sorted != axes) fail(c, "'perm' is no permutation of " + std::to_string(rank) + " dimensions");
  return perm;
}

std::optional<std::vector<int64_t>> read_pads(const Context& c, std::span<const Tensor> constants, size_t rank) {
  auto pads = c.opset < 11 ? std::optional(c.node.ints_attribute("pads")) : integers(c, constants, 1);
  const auto axes = c.opset < 18 ? std::optional(std::vector<int64_t>{}) : integers(c, constants, 3);
  if (!pads || !axes) return std::nullopt;
  if (!axes->empty()) {
    if (pads->size() != 2 * axes->size())
      fail(c, "'pads' has " + std::to_string(pads->size()) + " entries, expected " + std::to_string(2 * axes->size()));
    std::vector<int64_t> full(2 * rank, 0);
    for (size_t i = 0; i < axes->size(); ++i) {
      const auto d = static_cast<size_t>(normal_axis(c, (*axes)[i], rank));
      full[d] = (*pads)[i];
      full[d + rank] = (*pads)[i + axes->size()];
    }
    return full;
  }
  if (pads->size() != 2 * rank) fail(c, "'pads' has " + std::to_string(pads->size()) + " entries, expected " + std::to_string(2 * rank));
  return pads;
}

extern const Operator concat, split_op, slice, gather, transpose, pad, expand, tile, depth_to_space, space_to_depth;
const Operator concat{"", "Concat", concat_shape, no_cost, concat_reference};
const Operator split_op{"", "Split", split_shape, no_cost, split_reference};
const Operator slice{"", "Slice", slice_shape, no_cost, slice_reference};
const Operator gather{"", "Gather", gather_shape, no_cost, gather_reference, 2};
const Operator transpose{"", "Transpose", transpose_shape, no_cost, transpose_reference};
const Operator pad{"", "Pad", pad_shape, no_cost, pad_reference};
const Operator expand{"", "Expand", expand_shape, no_cost, expand_reference, 2};
const Operator tile{"", "Tile", tile_shape, no_cost, tile_reference, 2};
const Operator depth_to_space{"", "DepthToSpace", depth_to_space_shape, no_cost, depth_to_space_reference};
const Operator space_to_depth{"", "SpaceToDepth", space_to_depth_shape, no_cost, space_to_depth_reference};

}  // namespace scissionlite::ops
