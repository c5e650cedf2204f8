// Operators that move elements: Concat, Split, Slice, Gather, Transpose, Pad, Expand, Tile, DepthToSpace, SpaceToDepth.
#include "train/op/support.h"
#include "train/tensors/device.h"

namespace scissionlite::train::op {

Tensors concat(const OpContext& c, const Tensors& in) { return {at::cat(in, normal_axis(c, c.node.int_attribute("axis", 1), in[0].dim()))}; }

Tensors split(const OpContext& c, const Tensors& in) {
  const int64_t axis = normal_axis(c, c.node.int_attribute("axis", 0), in[0].dim()), size = in[0].size(axis);
  auto sizes = attribute_or_input(c, in, 1, "split");
  if (sizes.empty()) {
    const auto parts = static_cast<int64_t>(c.node.outputs.size());
    sizes.assign(c.node.outputs.size(), (size + parts - 1) / parts);
    sizes.back() = size - (parts - 1) * sizes[0];
  }
  return in[0].split_with_sizes(sizes, axis);
}

namespace {

/// One axis from `begin` to `end` (after ONNX's clamping) in steps that may be negative.
torch::Tensor sliced(const OpContext& c, const torch::Tensor& x, int64_t axis, int64_t begin, int64_t end, int64_t step) {
  const int64_t size = x.size(axis);
  if (step == 0) fail(c, "a step is 0");
  begin = std::clamp<int64_t>(begin < 0 ? begin + size : begin, 0, step > 0 ? size : size - 1);
  end = end < 0 ? std::max<int64_t>(end, -size - 1) + size : end;
  end = std::clamp<int64_t>(end, step > 0 ? 0 : -1, size);
  if (step > 0) return x.slice(axis, begin, std::max(begin, end), step);
  std::vector<int64_t> indices;
  for (int64_t i = begin; i > end; i += step) indices.push_back(i);
  return x.index_select(axis, integers_for(x, indices));
}

}  // namespace

Tensors slice(const OpContext& c, const Tensors& in) {
  const bool old = c.opset < 10;
  const auto starts = old ? c.node.ints_attribute("starts") : integers(in[1]), ends = old ? c.node.ints_attribute("ends") : integers(in[2]);
  const auto axes = attribute_or_input(c, in, 3, "axes");
  const auto steps = given(in, 4) ? integers(in[4]) : std::vector<int64_t>(starts.size(), 1);
  if (ends.size() != starts.size() || steps.size() != starts.size() || (!axes.empty() && axes.size() != starts.size()))
    fail(c, "starts, ends, axes and steps differ in length");
  auto y = in[0];
  for (size_t i = 0; i < starts.size(); ++i)
    y = sliced(c, y, normal_axis(c, axes.empty() ? static_cast<int64_t>(i) : axes[i], y.dim()), starts[i], ends[i], steps[i]);
  return {y};
}

Tensors gather(const OpContext& c, const Tensors& in) {
  const int64_t axis = normal_axis(c, c.node.int_attribute("axis", 0), in[0].dim()), size = in[0].size(axis);
  auto indices = in[1].to(in[0].device(), torch::kLong);
  indices = at::where(indices < 0, indices + size, indices);
  auto shape = in[0].sizes().vec();
  shape.erase(shape.begin() + axis);
  shape.insert(shape.begin() + axis, indices.sizes().begin(), indices.sizes().end());
  return {in[0].index_select(axis, indices.reshape(-1)).view(shape)};
}

Tensors transpose(const OpContext& c, const Tensors& in) {
  auto perm = c.node.ints_attribute("perm");
  if (perm.empty())
    for (int64_t d = in[0].dim(); d-- > 0;) perm.push_back(d);
  return {in[0].permute(perm)};
}

namespace {

/// Index in the input of a padded position.
int64_t pad_source(int64_t i, int64_t size, const std::string& mode) {
  if (mode == "edge") return std::clamp<int64_t>(i, 0, size - 1);
  if (mode == "wrap") return ((i % size) + size) % size;
  if (size == 1) return 0;
  const int64_t period = 2 * (size - 1);  // reflect
  i = ((i % period) + period) % period;
  return i < size ? i : period - i;
}

torch::Tensor pad_by_index(torch::Tensor x, const std::vector<int64_t>& pads, const std::string& mode) {
  const int64_t rank = x.dim();
  for (int64_t d = 0; d < rank; ++d) {
    const int64_t begin = pads[static_cast<size_t>(d)], end = pads[static_cast<size_t>(d + rank)], size = x.size(d);
    if (begin == 0 && end == 0) continue;
    std::vector<int64_t> indices;
    for (int64_t i = -begin; i < size + end; ++i) indices.push_back(pad_source(i, size, mode));
    x = x.index_select(d, integers_for(x, indices));
  }
  return x;
}

/// Begin of every dimension, then end of every dimension.
std::vector<int64_t> read_pads(const OpContext& c, const Tensors& in) {
  const auto pads = c.opset < 11 ? c.node.ints_attribute("pads") : integers(in[1]);
  const auto rank = static_cast<size_t>(in[0].dim());
  if (!given(in, 3)) {
    if (pads.size() != 2 * rank) fail(c, "'pads' has " + std::to_string(pads.size()) + " entries, expected " + std::to_string(2 * rank));
    return pads;
  }
  const auto axes = integers(in[3]);
  std::vector<int64_t> full(2 * rank, 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto d = static_cast<size_t>(normal_axis(c, axes[i], in[0].dim()));
    full[d] = pads[i];
    full[d + rank] = pads[i + axes.size()];
  }
  return full;
}

}  // namespace

Tensors pad(const OpContext& c, const Tensors& in) {
  const auto pads = read_pads(c, in);
  const auto mode = c.node.text_attribute("mode", "constant");
  if (mode != "constant") return {pad_by_index(in[0], pads, mode)};
  const double value = c.opset < 11 ? c.node.float_attribute("value", 0) : given(in, 2) ? scalar(in[2]) : 0;
  std::vector<int64_t> reversed;
  const auto rank = static_cast<size_t>(in[0].dim());
  for (size_t d = rank; d-- > 0;) reversed.insert(reversed.end(), {pads[d], pads[d + rank]});
  return {at::constant_pad_nd(in[0], reversed, value)};
}

Tensors expand(const OpContext& c, const Tensors& in) {
  const auto shape = ops::broadcast(plain(c), shape_of(in[0]), integers(in[1]));
  return {in[0].expand(shape)};
}
Tensors tile(const OpContext&, const Tensors& in) { return {in[0].repeat(integers(in[1]))}; }

Tensors depth_to_space(const OpContext& c, const Tensors& in) {
  const auto& x = in[0];
  const int64_t b = c.node.int_attribute("blocksize", 1), n = x.size(0), ch = x.size(1) / (b * b), h = x.size(2), w = x.size(3);
  const auto y = c.node.text_attribute("mode", "DCR") == "DCR" ? x.reshape({n, b, b, ch, h, w}).permute({0, 3, 4, 1, 5, 2})
                                                               : x.reshape({n, ch, b, b, h, w}).permute({0, 1, 4, 2, 5, 3});
  return {y.reshape({n, ch, h * b, w * b})};
}
Tensors space_to_depth(const OpContext& c, const Tensors& in) {
  const auto& x = in[0];
  const int64_t b = c.node.int_attribute("blocksize", 1), n = x.size(0), ch = x.size(1), h = x.size(2) / b, w = x.size(3) / b;
  return {x.reshape({n, ch, h, b, w, b}).permute({0, 3, 5, 1, 2, 4}).reshape({n, ch * b * b, h, w})};
}

}  // namespace scissionlite::train::op
