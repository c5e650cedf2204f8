// Operators that change the shape and not the data: Reshape, Flatten, Squeeze, Unsqueeze, Identity, Dropout.
#include "ops/support.h"

namespace scissionlite::ops {
namespace {

int64_t known_count(const Shape& shape) { return is_static(shape) ? element_count(shape) : -1; }

/// Resolves 0 (copy) and -1 (the rest). With a dynamic input the -1 stays open unless it follows from the sizes.
Shape resolve_reshape(const Context& c, const Shape& in, const std::vector<int64_t>& wanted) {
  Shape out(wanted.begin(), wanted.end());
  const bool allow_zero = c.node.int_attribute("allowzero", 0) != 0;
  int rest = -1;
  std::vector<bool> copied(out.size(), false);
  for (size_t i = 0; i < out.size(); ++i) {
    if (out[i] == 0 && !allow_zero) {
      if (i >= in.size()) fail(c, "shape asks to copy dimension " + std::to_string(i) + ", which " + to_string(in) + " does not have");
      out[i] = in[i];
      copied[i] = true;
    } else if (out[i] == -1) {
      if (rest >= 0) fail(c, "shape has two sizes of -1");
      rest = static_cast<int>(i);
    }
  }
  if (rest < 0) {
    if (is_static(out) && is_static(in) && element_count(out) != element_count(in))
      fail(c, "cannot reshape " + to_string(in) + " to " + to_string(out));
    return out;
  }
  // dynamic sizes that are copied on both sides cancel
  int64_t have = 1, used = 1;
  for (size_t i = 0; i < in.size(); ++i)
    if (!(i < out.size() && copied[i] && in[i] < 0)) {
      if (in[i] < 0) return out;
      have *= in[i];
    }
  for (size_t i = 0; i < out.size(); ++i)
    if (static_cast<int>(i) != rest && !(copied[i] && out[i] < 0)) used *= out[i];
  if (used == 0 || have % used != 0) fail(c, "cannot reshape " + to_string(in) + " to " + to_string({wanted.begin(), wanted.end()}));
  out[static_cast<size_t>(rest)] = have / used;
  return out;
}

std::vector<ValueInfo> reshape_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  if (!in[0].has_shape || constants.size() < 2 || constants[1].empty()) return {unshaped(in[0].dtype)};
  return {typed(in[0].dtype, resolve_reshape(c, in[0].shape, constants[1].to_i64()))};
}
std::vector<Tensor> reshape_reference(const Context& c, std::span<const Tensor> in) {
  return {in[0].reshaped(resolve_reshape(c, in[0].shape(), in[1].to_i64()))};
}

Shape flat_shape(const Context& c, const Shape& in) {
  int64_t axis = c.node.int_attribute("axis", 1);
  if (axis < 0) axis += static_cast<int64_t>(in.size());
  if (axis < 0 || axis > static_cast<int64_t>(in.size())) fail(c, "axis is out of range for " + to_string(in));
  const auto split = in.begin() + axis;
  const auto product = [](auto begin, auto end) { return known_count(Shape(begin, end)); };
  return {product(in.begin(), split), product(split, in.end())};
}
std::vector<ValueInfo> flatten_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor>) {
  if (!in[0].has_shape) return {unshaped(in[0].dtype)};
  return {typed(in[0].dtype, flat_shape(c, in[0].shape))};
}
std::vector<Tensor> flatten_reference(const Context& c, std::span<const Tensor> in) { return {in[0].reshaped(flat_shape(c, in[0].shape()))}; }

Shape squeezed(const Context& c, const Shape& in, std::vector<int64_t> axes) {
  for (auto& axis : axes) axis = normal_axis(c, axis, in.size());
  Shape out;
  for (size_t d = 0; d < in.size(); ++d) {
    const bool named = std::find(axes.begin(), axes.end(), static_cast<int64_t>(d)) != axes.end();
    if (named && in[d] > 1) fail(c, "cannot squeeze axis " + std::to_string(d) + " of " + to_string(in));
    if (!(axes.empty() ? in[d] == 1 : named)) out.push_back(in[d]);
  }
  return out;
}
Shape unsqueezed(const Context& c, const Shape& in, std::vector<int64_t> axes) {
  const size_t rank = in.size() + axes.size();
  for (auto& axis : axes) axis = normal_axis(c, axis, rank);
  Shape out;
  size_t next = 0;
  for (size_t d = 0; d < rank; ++d) {
    if (std::find(axes.begin(), axes.end(), static_cast<int64_t>(d)) != axes.end()) out.push_back(1);
    else if (next < in.size()) out.push_back(in[next++]);
  }
  return out;
}
template <Shape (*Change)(const Context&, const Shape&, std::vector<int64_t>)>
std::vector<ValueInfo> axes_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  const auto axes = read_axes(c, constants);
  if (!in[0].has_shape || !axes) return {unshaped(in[0].dtype)};
  return {typed(in[0].dtype, Change(c, in[0].shape, *axes))};
}
template <Shape (*Change)(const Context&, const Shape&, std::vector<int64_t>)>
std::vector<Tensor> axes_reference(const Context& c, std::span<const Tensor> in) {
  return {in[0].reshaped(Change(c, in[0].shape(), read_axes(c, in).value_or(std::vector<int64_t>{})))};
}

/// Below opset 10 the mask has the data's type.
bool mask_is_bool(const Context& c) { return c.opset >= 10; }

std::vector<ValueInfo> identity_shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor> constants) {
  auto out = same_as_first(c, in, constants);
  if (c.node.outputs.size() > 1) {  // Dropout's mask: all true in inference
    out.push_back(out[0]);
    if (mask_is_bool(c)) out[1].dtype = Dtype::kBool;
  }
  return out;
}
std::vector<Tensor> identity_reference(const Context& c, std::span<const Tensor> in) {
  std::vector<Tensor> out{in[0]};
  if (c.node.outputs.size() > 1) {
    Tensor mask(mask_is_bool(c) ? Dtype::kBool : in[0].dtype(), in[0].shape());
    if (mask.dtype() == Dtype::kBool) std::fill_n(mask.mutable_data(), mask.size_bytes(), std::byte{1});
    else if (mask.dtype() == Dtype::kF32) std::fill_n(mask.mutable_as<float>().data(), mask.size(), 1.0F);
    else if (mask.dtype() == Dtype::kF16) std::fill_n(mask.mutable_as<uint16_t>().data(), mask.size(), f32_to_f16(1.0F));
    else
      throw Unsupported("[reference] the mask of Dropout below opset 10 is known for float32 and float16, not " +
                        std::string(dtype_name(mask.dtype())));
    out.push_back(std::move(mask));
  }
  return out;
}

}  // namespace

extern const Operator reshape, flatten, squeeze, unsqueeze, identity, dropout;
const Operator reshape{"", "Reshape", reshape_shape, no_cost, reshape_reference, 2};
const Operator flatten{"", "Flatten", flatten_shape, no_cost, flatten_reference};
const Operator squeeze{"", "Squeeze", axes_shape<squeezed>, no_cost, axes_reference<squeezed>};
const Operator unsqueeze{"", "Unsqueeze", axes_shape<unsqueezed>, no_cost, axes_reference<unsqueezed>};
const Operator identity{"", "Identity", identity_shape, no_cost, identity_reference};
const Operator dropout{"", "Dropout", identity_shape, no_cost, identity_reference};

}  // namespace scissionlite::ops
