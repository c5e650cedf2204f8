#include "ops/support.h"

namespace scissionlite::ops {

void fail(const Context& c, const std::string& message) { throw ModelError("[" + c.node.label() + "] " + message); }

void fail_unsupported(const Context& c, const std::string& what) { throw Unsupported("[" + c.node.label() + "] " + what + " has no reference code"); }
void fail_unsupported(const Context& c, Dtype dtype) { fail_unsupported(c, std::string(dtype_name(dtype))); }

void check_one_type(const Context& c, const ValueInfo& a, const ValueInfo& b) {
  if (a.dtype != b.dtype && a.dtype != Dtype::kUndefined && b.dtype != Dtype::kUndefined)
    fail(c, "inputs have types " + std::string(dtype_name(a.dtype)) + " and " + std::string(dtype_name(b.dtype)) + "; expected one type");
}

int64_t normal_axis(const Context& c, int64_t axis, size_t rank) {
  const auto r = static_cast<int64_t>(rank);
  if (axis < -r || axis >= r) fail(c, "axis " + std::to_string(axis) + " does not exist in a tensor of rank " + std::to_string(rank));
  return axis < 0 ? axis + r : axis;
}

void check_per_channel(const Context& c, std::span<const ValueInfo> in, size_t input, int64_t channels, const char* what) {
  if (input >= in.size() || !in[input].has_shape || channels < 0 || !is_static(in[input].shape)) return;
  if (const int64_t given = element_count(in[input].shape); given != channels)
    fail(c, std::string(what) + " has " + std::to_string(given) + " values, expected one for each of " + std::to_string(channels) + " channels");
}

Shape broadcast(const Context& c, const Shape& a, const Shape& b) {
  Shape out(std::max(a.size(), b.size()));
  for (size_t i = 0; i < out.size(); ++i) {
    const int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1, y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1 && x >= 0 && y >= 0) fail(c, "shapes " + to_string(a) + " and " + to_string(b) + " do not broadcast");
    out[out.size() - 1 - i] = x == 1 ? y : y == 1 ? x : std::max(x, y);
  }
  return out;
}

std::vector<int64_t> strides_of(const Shape& shape) {
  std::vector<int64_t> strides(shape.size());
  int64_t step = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = step;
    step *= shape[i];
  }
  return strides;
}

std::vector<int64_t> broadcast_strides(const Shape& shape, const Shape& as) {
  const auto own = strides_of(shape);
  std::vector<int64_t> strides(as.size(), 0);
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[shape.size() - 1 - i] != 1) strides[as.size() - 1 - i] = own[shape.size() - 1 - i];
  return strides;
}

int64_t Window::output_size(size_t d, int64_t input) {
  if (input < 0) return -1;
  if (auto_pad_same) {
    const int64_t out = (input + strides[d] - 1) / strides[d];
    const int64_t pad = std::max<int64_t>(0, (out - 1) * strides[d] + extent(d) - input);
    pads_begin[d] = first_of_pads(pad);
    pads_end[d] = pad - pads_begin[d];
    return out;
  }
  const int64_t room = input + pads_begin[d] + pads_end[d] - extent(d);
  if (room < (ceil_mode ? 1 - strides[d] : 0)) return 0;
  int64_t out = (ceil_mode ? (room + strides[d] - 1) / strides[d] : room / strides[d]) + 1;
  // a window that would start beyond input and first pad holds nothing
  if (ceil_mode && (out - 1) * strides[d] >= input + pads_begin[d]) --out;
  return out;
}

namespace {
constexpr int64_t kMostSize = (int64_t{1} << 31) - 1;  // of a window's numbers, whose products have to fit 64 bits
}  // namespace

Window read_window(const Context& c, std::vector<int64_t> kernel) {
  Window w;
  w.kernel = std::move(kernel);
  const size_t rank = w.kernel.size();
  if (rank == 0) fail(c, "has no kernel_shape; expected one size for each spatial dimension");
  w.strides = c.node.ints_attribute("strides", std::vector<int64_t>(rank, 1));
  w.dilations = c.node.ints_attribute("dilations", std::vector<int64_t>(rank, 1));
  auto pads = c.node.ints_attribute("pads", std::vector<int64_t>(2 * rank, 0));
  if (const auto named = c.node.ints_attribute("kernel_shape", w.kernel); named != w.kernel)
    fail(c, "kernel_shape is " + to_string(named) + ", the weights' is " + to_string(w.kernel));
  const auto auto_pad = c.node.text_attribute("auto_pad", "NOTSET");
  w.auto_pad_same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  w.same_upper = auto_pad == "SAME_UPPER";
  if (auto_pad == "VALID") pads.assign(2 * rank, 0);
  if (w.strides.size() != rank || w.dilations.size() != rank || pads.size() != 2 * rank)
    fail(c, "strides, dilations and pads must have " + std::to_string(rank) + ", " + std::to_string(rank) + " and " + std::to_string(2 * rank) +
                " entries");
  for (size_t d = 0; d < rank; ++d)
    for (const int64_t size : {w.kernel[d], w.strides[d], w.dilations[d]})
      if (size < 1 || size > kMostSize)
        fail(c, "kernel, strides and dilations must be from 1 to " + std::to_string(kMostSize) + ", got " + std::to_string(size));
  for (const int64_t pad : pads)
    if (pad < -kMostSize || pad > kMostSize) fail(c, "pads must be within " + std::to_string(kMostSize) + ", got " + std::to_string(pad));
  w.pads_begin.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(rank));
  w.pads_end.assign(pads.begin() + static_cast<std::ptrdiff_t>(rank), pads.end());
  w.ceil_mode = c.node.int_attribute("ceil_mode", 0) != 0;
  return w;
}

Shape window_shape(const Context& c, Window& window, const Shape& input, int64_t channels) {
  if (input.size() != window.rank() + 2)
    fail(c, "a kernel of " + std::to_string(window.rank()) + " dimensions needs an activation of rank " + std::to_string(window.rank() + 2) +
                ", got " + to_string(input));
  Shape out{input[0], channels};
  for (size_t d = 0; d < window.rank(); ++d) out.push_back(window.output_size(d, input[d + 2]));
  return out;
}

void copy_elements(const Tensor& in, Tensor& out, const Shape& shape, const std::vector<int64_t>& strides, int64_t base) {
  const size_t size = dtype_size(in.dtype());
  const auto run = [&](auto word) {
    using Word = decltype(word);
    const auto* from = reinterpret_cast<const Word*>(in.data()) + base;
    auto* to = reinterpret_cast<Word*>(out.mutable_data());
    for_each_offset<1>(shape, {strides}, [&](int64_t i, const auto& offset) { to[i] = from[offset[0]]; });
  };
  switch (size) {
    case 1: return run(uint8_t{});
    case 2: return run(uint16_t{});
    case 4: return run(uint32_t{});
    default: return run(uint64_t{});
  }
}

std::optional<std::vector<int64_t>> read_axes(const Context& c, std::span<const Tensor> constants) {
  if (c.node.has("axes")) return c.node.ints_attribute("axes");
  if (c.node.inputs.size() < 2 || c.node.inputs[1].empty()) return std::vector<int64_t>{};
  if (constants.size() < 2 || constants[1].empty()) return std::nullopt;
  return constants[1].to_i64();
}

std::vector<ValueInfo> same_as_first(const Context&, std::span<const ValueInfo> in, std::span<const Tensor>) {
  ValueInfo out = in[0];
  out.name.clear();
  return {out};
}

}  // namespace scissionlite::ops
