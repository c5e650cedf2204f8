// From floats to bytes and back, arithmetic of two tensors of bytes, tables, and concatenation.
#include <cmath>
#include <cstring>

#include "engine/backends/native/lowering/lower_int8.h"
#include "engine/backends/native/lowering/lower_planes.h"
#include "kernels/conv/panels.h"
#include "kernels/parallel.h"
#include "ops/support.h"

namespace scissionlite::native {
namespace {

using kernels::Int8Loops;

/// Of a node that stores bytes with these parameters: its bounds less the zero point, as loops take them.
struct End {
  float scale;
  int32_t zero;
  float low, high;
};
End end_of(const Quantisation& y, const Bounds& bounds) {
  return {y.scale, y.zero, static_cast<float>(bounds.low - y.zero), static_cast<float>(bounds.high - y.zero)};
}

/// Pixels of a picture from its three planes: whole words, each pixel's fourth byte overwritten by the next.
void join_three(const uint8_t* planes, int64_t count, uint8_t* y) {
  const uint8_t *red = planes, *green = planes + count, *blue = planes + 2 * count;
  for (int64_t i = 0; i + 1 < count; ++i, y += 3) {
    const uint32_t pixel = static_cast<uint32_t>(red[i]) | static_cast<uint32_t>(green[i]) << 8 | static_cast<uint32_t>(blue[i]) << 16;
    std::memcpy(y, &pixel, sizeof pixel);
  }
  if (count > 0) y[0] = red[count - 1], y[1] = green[count - 1], y[2] = blue[count - 1];
}

/// Rows of a plain float image, a channel at a time, then together.
void quantise_plain_rows(const Int8Loops& loops, const End& end, const float* x, int64_t c, int64_t pixels, int64_t first, int64_t count,
                         uint8_t* row, uint8_t* y) {
  for (int64_t ch = 0; ch < c; ++ch) loops.quantise(x + ch * pixels + first, count, end.scale, end.zero, end.low, end.high, row + ch * count);
  y += first * c;
  if (c == 3) return join_three(row, count, y);
  for (int64_t i = 0; i < count; ++i)
    for (int64_t ch = 0; ch < c; ++ch) y[i * c + ch] = row[ch * count + i];
}

/// A block of a blocked float image.
void quantise_block(const Int8Loops& loops, const End& end, const float* x, int64_t lanes, int64_t channels, int64_t pixels, uint8_t* row, uint8_t* y,
                    int64_t y_pixel) {
  loops.quantise(x, pixels * lanes, end.scale, end.zero, end.low, end.high, row);
  for (int64_t i = 0; i < pixels; ++i) std::memcpy(y + i * y_pixel, row + i * lanes, static_cast<size_t>(channels));
}

void add_quantise_image(Lowering& l, const Node& node, const End& end) {
  const auto shape = l.info(node.inputs[0]).shape;
  const int64_t n = shape[0], c = shape[1], h = shape[2], w = shape[3], pixels = h * w, lanes = l.lanes(), blocks = kernels::blocks_of(c, lanes);
  const bool is_blocked = l.is_blocked(node.inputs[0]);
  const auto x = is_blocked ? l.blocked(node.inputs[0]) : l.plain(node.inputs[0]), y = l.make(node.outputs[0], Layout::kChannelsLast);
  const int64_t row_bytes = is_blocked ? pixels * lanes : c * w;
  const auto& loops = kernels::best_int8_loops();
  l.add({.node = node.label(),
         .implementation = "int8 vectors",
         .inputs = {x},
         .outputs = {y},
         .scratch_bytes = row_bytes * l.threads(),
         .macs = 0,
         .run = [=, &loops](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             auto* row = reinterpret_cast<uint8_t*>(f.scratch) + member.rank * row_bytes;
             const auto mine = kernels::share_of(is_blocked ? n * blocks : n * h, member);
             for (int64_t i = mine.begin; i < mine.end; ++i) {
               if (is_blocked)
                 quantise_block(loops, end, f.floats(x) + i * pixels * lanes, lanes, std::min(lanes, c - i % blocks * lanes), pixels, row,
                                f.bytes(y) + i / blocks * pixels * c + i % blocks * lanes, c);
               else quantise_plain_rows(loops, end, f.floats(x) + i / h * c * pixels, c, pixels, i % h * w, w, row, f.bytes(y) + i / h * c * pixels);
             }
           });
         }});
}

/// The bytes of a node that works value by value: in whatever order its input is.
Layout layout_of(const Lowering& l, const std::string& value) { return l.is_byte_image(value) ? Layout::kChannelsLast : Layout::kPlain; }
SlotId in_layout(Lowering& l, const std::string& value, Layout layout) {
  return layout == Layout::kChannelsLast ? l.channels_last(value) : l.plain(value);
}

/// table[byte] for a change of parameters.
std::vector<uint8_t> requantisation_table(const Quantisation& x, const Quantisation& y) {
  std::vector<uint8_t> table(256);
  for (int code = 0; code < 256; ++code) {
    const int32_t q = x.is_signed ? static_cast<int8_t>(code) : code;
    const float v = std::nearbyint(static_cast<float>(q - x.zero) * x.scale / y.scale) + static_cast<float>(y.zero);
    table[static_cast<size_t>(code)] =
        static_cast<uint8_t>(static_cast<int32_t>(std::min(std::max(v, static_cast<float>(y.least())), static_cast<float>(y.least() + 255))));
  }
  return table;
}

}  // namespace

bool lower_quantise(Lowering& l, const Node& node) {
  const auto type = l.info(node.inputs[0]);
  const auto y = quantisation_of(l, node, 1, 2, l.info(node.outputs[0]).dtype);
  if (!y || type.dtype != Dtype::kF32 || element_count(type.shape) == 0) return false;
  const auto end = end_of(*y, bounds_of(node, *y));
  if (l.is_f32_image(node.inputs[0])) {
    add_quantise_image(l, node, end);
    return true;
  }
  const auto x = l.plain(node.inputs[0]), out = l.make(node.outputs[0], Layout::kPlain);
  const int64_t count = element_count(type.shape);
  const auto& loops = kernels::best_int8_loops();
  l.add({.node = node.label(),
         .implementation = "int8 vectors",
         .inputs = {x},
         .outputs = {out},
         .scratch_bytes = 0,
         .macs = 0,
         .run = [=, &loops](const Frame& f) { loops.quantise(f.floats(x), count, end.scale, end.zero, end.low, end.high, f.bytes(out)); }});
  return true;
}

bool lower_dequantise(Lowering& l, const Node& node) {
  const auto type = l.info(node.inputs[0]);
  const auto q = quantisation_of(l, node, 1, 2, type.dtype);
  if (!q || l.info(node.outputs[0]).dtype != Dtype::kF32 || element_count(type.shape) == 0) return false;
  const auto& loops = kernels::best_int8_loops();
  if (!l.is_byte_image(node.inputs[0]) || type.shape[2] * type.shape[3] == 1) {
    const auto x = l.plain(node.inputs[0]), y = l.make(node.outputs[0], Layout::kPlain);
    const int64_t count = element_count(type.shape);
    l.add({.node = node.label(),
           .implementation = "int8 vectors",
           .inputs = {x},
           .outputs = {y},
           .scratch_bytes = 0,
           .macs = 0,
           .run = [=, &loops, q = *q](const Frame& f) { loops.dequantise(f.bytes(x), count, q.is_signed, q.zero, q.scale, f.floats(y)); }});
    return true;
  }
  const int64_t n = type.shape[0], c = type.shape[1], pixels = type.shape[2] * type.shape[3], lanes = l.lanes(),
                blocks = kernels::blocks_of(c, lanes);
  const auto x = l.channels_last(node.inputs[0]), y = l.make(node.outputs[0], Layout::kBlocked);
  l.add({.node = node.label(),
         .implementation = "int8 vectors",
         .inputs = {x},
         .outputs = {y},
         .scratch_bytes = 0,
         .macs = 0,
         .run = [=, &loops, q = *q](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             const auto mine = kernels::share_of(n * pixels, member);
             for (int64_t i = mine.begin; i < mine.end; ++i)
               for (int64_t b = 0; b < blocks; ++b) {
                 float* to = f.floats(y) + ((i / pixels * blocks + b) * pixels + i % pixels) * lanes;
                 const int64_t channels = std::min(lanes, c - b * lanes);
                 loops.dequantise(f.bytes(x) + i * c + b * lanes, channels, q.is_signed, q.zero, q.scale, to);
                 for (int64_t k = channels; k < lanes; ++k) to[k] = 0;
               }
           });
         }});
  return true;
}

namespace {

struct Spread {
  int64_t times = 0, small_step = 0;  // rows of the smaller operand's length; bytes it moves after `rows_each` of them
  int64_t rows_each = 1;
};
/// Rows that the smaller operand is repeated over, with channels last; nothing where it is spread otherwise.
std::optional<Spread> spread_of(const Shape& large, const Shape& small) {
  if (large == small) return Spread{1, 0, 1};
  const size_t rank = small.size();
  if (large.size() != 4 || rank < 3 || rank > 4 || small[rank - 3] != large[1] || small[rank - 2] != 1 || small[rank - 1] != 1) return std::nullopt;
  const int64_t n = rank == 4 ? small[0] : 1, pixels = large[2] * large[3];
  if (n != 1 && n != large[0]) return std::nullopt;
  return Spread{large[0] * pixels, n == 1 ? 0 : large[1], pixels};
}

}  // namespace

/// QLinearAdd and QLinearMul: a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero.
bool lower_int8_binary(Lowering& l, const Node& node) {
  auto large = node.inputs[0], small = node.inputs[3];
  auto a = quantisation_of(l, node, 1, 2, l.info(large).dtype), b = quantisation_of(l, node, 4, 5, l.info(small).dtype);
  const auto out = l.info(node.outputs[0]);
  const auto y = quantisation_of(l, node, 6, 7, out.dtype);
  if (!a || !b || !y || element_count(out.shape) == 0) return false;
  const bool is_b_large = l.info(large).shape != out.shape;
  if (is_b_large) std::swap(large, small);
  const auto spread = spread_of(out.shape, l.info(small).shape);
  if (l.info(large).shape != out.shape || !spread) return false;
  const auto layout = layout_of(l, large);
  const auto from_large = in_layout(l, large, layout), from_small = l.is_byte_image(small) ? l.channels_last(small) : l.plain(small),
             to = l.make(node.outputs[0], layout);
  const auto bounds = bounds_of(node, *y);
  kernels::Int8BinaryArguments common;
  common.is_product = node.op_type.ends_with("Mul");
  common.is_a_signed = a->is_signed, common.is_b_signed = b->is_signed;
  common.a_zero = static_cast<float>(a->zero), common.b_zero = static_cast<float>(b->zero);
  common.a_scale = common.is_product ? a->scale * b->scale / y->scale : a->scale / y->scale;
  common.b_scale = b->scale / y->scale;
  common.offset = static_cast<float>(y->zero) - (common.is_product ? 0 : std::fma(common.a_scale, common.a_zero, common.b_scale * common.b_zero));
  common.low = static_cast<float>(bounds.low), common.high = static_cast<float>(bounds.high);
  const int64_t count = element_count(out.shape), unit = count / spread->times;
  // a is a and b is b, whichever is spread: sums are rounded in that order.
  const auto place = [=](kernels::Int8BinaryArguments& mine, const uint8_t* of_large, const uint8_t* of_small) {
    mine.a = is_b_large ? of_small : of_large, mine.b = is_b_large ? of_large : of_small;
  };
  const auto& loops = kernels::best_int8_loops();
  l.add({.node = node.label(),
         .implementation = "int8 vectors",
         .inputs = {from_large, from_small},
         .outputs = {to},
         .scratch_bytes = 0,
         .macs = 0,
         .run = [=, &loops, spread = *spread](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             auto mine = common;
             if (spread.times == 1) {  // shares of whole vectors
               const auto part = kernels::share_of((unit + 63) / 64, member);
               const int64_t begin = part.begin * 64;
               place(mine, f.bytes(from_large) + begin, f.bytes(from_small) + begin);
               mine.y = f.bytes(to) + begin, mine.count = std::min(part.end * 64, unit) - begin;
               return loops.binary(mine);
             }
             const auto rows = kernels::share_of(spread.times, member);
             for (int64_t i = rows.begin; i < rows.end; ++i) {
               place(mine, f.bytes(from_large) + i * unit, f.bytes(from_small) + i / spread.rows_each * spread.small_step);
               mine.y = f.bytes(to) + i * unit, mine.count = unit;
               loops.binary(mine);
             }
           });
         }});
  return true;
}

/// ByteTable: x, table.
bool lower_byte_table(Lowering& l, const Node& node) {
  const auto constant = l.constant(node.inputs[1]);
  if (constant.size() != 256) return false;
  const auto layout = layout_of(l, node.inputs[0]);
  const auto* bytes = reinterpret_cast<const uint8_t*>(constant.data());
  const std::vector<uint8_t> table(bytes, bytes + 256);
  if (wants_planes(l, node.outputs[0])) return lower_table_to_planes(l, node, table);
  const auto x = in_layout(l, node.inputs[0], layout), y = l.make(node.outputs[0], layout);
  const int64_t count = element_count(l.info(node.inputs[0]).shape);
  const auto& loops = kernels::best_int8_loops();
  l.add({.node = node.label(),
         .implementation = "table",
         .inputs = {x},
         .outputs = {y},
         .scratch_bytes = 0,
         .macs = 0,
         .run = [=, &loops](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             const auto part = kernels::share_of(count, member);
             loops.look_up(f.bytes(x) + part.begin, part.end - part.begin, table.data(), f.bytes(y) + part.begin);
           });
         }});
  return true;
}

/// QLinearConcat of images along channels: y_scale, y_zero, then x, x_scale, x_zero of each part.
bool lower_int8_concat(Lowering& l, const Node& node) {
  const auto out = l.info(node.outputs[0]);
  const auto y = quantisation_of(l, node, 0, 1, out.dtype);
  const int64_t axis = node.int_attribute("axis", 1);
  if (!y || !l.is_byte_image(node.outputs[0]) || (axis != 1 && axis != -3) || element_count(out.shape) == 0) return false;
  struct Part {
    SlotId slot = kNoSlot;
    int64_t channels = 0, at = 0;
    std::vector<uint8_t> table;  // empty: as they are
  };
  std::vector<Part> parts;
  int64_t channel = 0;
  for (size_t i = 2; i + 2 < node.inputs.size(); i += 3) {
    const auto type = l.info(node.inputs[i]);
    const auto x = quantisation_of(l, node, i + 1, i + 2, type.dtype);
    if (!x || !l.is_byte_image(node.inputs[i]) || element_count(type.shape) == 0) return false;
    const bool is_same = x->scale == y->scale && x->zero == y->zero && x->is_signed == y->is_signed;
    parts.push_back({kNoSlot, type.shape[1], channel, is_same ? std::vector<uint8_t>{} : requantisation_table(*x, *y)});
    channel += type.shape[1];
  }
  if (std::all_of(parts.begin(), parts.end(), [](const Part& part) { return part.table.empty(); })) {  // moved only where something reads them
    std::vector<std::string> values;
    for (size_t i = 0; i < parts.size(); ++i) values.push_back(node.inputs[2 + 3 * i]);
    l.set_joined_view(node.outputs[0], values);
    return true;
  }
  Step step{.node = node.label(), .implementation = "int8 copy", .inputs = {}, .outputs = {}, .scratch_bytes = 0, .macs = 0, .run = nullptr};
  for (size_t i = 0; i < parts.size(); ++i) {
    parts[i].slot = l.channels_last(node.inputs[2 + 3 * i]);
    step.inputs.push_back(parts[i].slot);
  }
  const auto to = l.make(node.outputs[0], Layout::kChannelsLast);
  step.outputs = {to};
  const int64_t pixels = out.shape[0] * out.shape[2] * out.shape[3], channels = out.shape[1];
  const auto& loops = kernels::best_int8_loops();
  step.run = [=, &loops](const Frame& f) {
    kernels::in_team(f.threads, [&](const kernels::Member& member) {
      const auto mine = kernels::share_of(pixels, member);
      for (const auto& part : parts)
        for (int64_t i = mine.begin; i < mine.end; ++i) {
          const uint8_t* from = f.bytes(part.slot) + i * part.channels;
          uint8_t* y = f.bytes(to) + i * channels + part.at;
          if (part.table.empty()) std::memcpy(y, from, static_cast<size_t>(part.channels));
          else loops.look_up(from, part.channels, part.table.data(), y);
        }
    });
  };
  l.add(std::move(step));
  return true;
}

}  // namespace scissionlite::native
