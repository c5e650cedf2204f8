// Arithmetic of two tensors, of which one may be repeated over the other.
#include <algorithm>

#include "engine/backends/native/lowering/lower.h"
#include "kernels/conv/panels.h"
#include "kernels/parallel.h"
#include "ops/support.h"

namespace scissionlite::native {
namespace {

using kernels::BinaryArguments;
using kernels::BinaryKind;
using Second = BinaryArguments::Second;

BinaryKind kind_of(const std::string& op) {
  return op == "Add" ? BinaryKind::kAdd : op == "Sub" ? BinaryKind::kSub : op == "Mul" ? BinaryKind::kMul : BinaryKind::kDiv;
}

/// The node's operands: `large` has the result's shape, `small` is repeated where it is smaller.
struct Operands {
  std::string large, small;
  bool is_swapped = false;
};
std::optional<Operands> operands_of(const Lowering& l, const Node& node) {
  const auto shape = l.info(node.outputs[0]).shape;
  const auto fits = [&](size_t i) { return l.info(node.inputs[i]).shape == shape && !l.will_be_constant(node.inputs[i]); };
  if (fits(0)) return Operands{node.inputs[0], node.inputs[1], false};
  if (fits(1)) return Operands{node.inputs[1], node.inputs[0], true};
  return std::nullopt;
}

/// With ones in front, of the rank that is wanted.
Shape aligned(const Shape& shape, size_t rank) {
  Shape out(rank - shape.size(), 1);
  out.insert(out.end(), shape.begin(), shape.end());
  return out;
}

/// How blocks read the smaller operand; nothing where they cannot.
std::optional<Second> blocked_second(const Shape& large, const Shape& small) {
  if (large == small) return Second::kWhole;
  if (small.size() > large.size()) return std::nullopt;
  if (element_count(small) == 1) return Second::kOne;
  const auto s = aligned(small, 4);
  if (s[0] != 1 && s[0] != large[0]) return std::nullopt;
  if (s[1] == large[1] && s[2] == 1 && s[3] == 1) return Second::kPerChannel;
  return s[1] == 1 && s[2] == large[2] && s[3] == large[3] ? std::optional(Second::kPerPixel) : std::nullopt;
}

/// Division by lanes beyond the last channel would put there what is no number, and convolutions multiply all lanes.
bool keeps_lanes_finite(const Node& node, const Operands& operands, Second second, int64_t channels, int64_t lanes) {
  return node.op_type != "Div" || channels % lanes == 0 || (!operands.is_swapped && second != Second::kWhole);
}

/// All values alike: any layout.
void run_alike(const kernels::VectorLoops& loops, BinaryArguments a, const kernels::Member& member) {
  const auto part = share_of_floats(a.count, member);
  a.a += part.begin, a.y += part.begin;
  if (a.second == Second::kWhole) a.b += part.begin;
  a.count = part.end - part.begin;
  loops.binary(a);
}

/// A smaller operand in the plain layout, of one image for all, or of each its own.
struct Repeated {
  int64_t blocks = 0, channels = 0, lanes = 0;
  bool is_shared = false;
};
/// Block by block.
void run_blocks(const kernels::VectorLoops& loops, const BinaryArguments& common, const Repeated& small, const kernels::Member& member) {
  const int64_t unit = common.pixels * small.lanes;
  const auto mine = kernels::share_of(common.count / unit, member);
  for (int64_t i = mine.begin; i < mine.end; ++i) {
    auto a = common;
    a.a += i * unit, a.y += i * unit, a.count = unit;
    const int64_t image = small.is_shared ? 0 : i / small.blocks, channel = i % small.blocks * small.lanes;
    float padded[16];  // where no channel is, a value that may be divided by
    if (a.second == Second::kPerPixel) {
      a.b += image * a.pixels;
    } else {
      const int64_t count = std::min(small.lanes, small.channels - channel);
      std::copy_n(a.b + image * small.channels + channel, count, padded);
      std::fill(padded + count, padded + small.lanes, 1.F);
      a.b = padded;
    }
    loops.binary(a);
  }
}

void add_blocked(Lowering& l, const Node& node, const Operands& operands, Second second) {
  const auto shape = l.info(operands.large).shape, small_shape = l.info(operands.small).shape;
  const auto a = l.blocked(operands.large), b = second == Second::kWhole ? l.blocked(operands.small) : l.plain(operands.small), y = l.make(node.outputs[0], Layout::kBlocked);
  BinaryArguments common;
  common.kind = kind_of(node.op_type), common.second = second, common.is_swapped = operands.is_swapped;
  common.count = l.floats_of(y), common.pixels = shape[2] * shape[3];
  const bool is_repeated = second == Second::kPerChannel || second == Second::kPerPixel;
  const Repeated small{kernels::blocks_of(shape[1], l.lanes()), shape[1], l.lanes(), is_repeated && aligned(small_shape, 4)[0] == 1};
  const auto& loops = l.loops();
  l.add({.node = node.label(), .implementation = "vectors", .inputs = {a, b}, .outputs = {y}, .scratch_bytes = 0, .macs = 0, .run = [=, &loops](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             auto mine = common;
             mine.a = f.floats(a), mine.b = f.floats(b), mine.y = f.floats(y);
             if (is_repeated) run_blocks(loops, mine, small, member);
             else run_alike(loops, mine, member);
           });
         }});
}

/// Plain tensors as rows along which the smaller operand is read value by value, or is one value.
struct Rows {
  Second second = Second::kWhole;
  int64_t length = 1, count = 1;
  Shape outer;                   // (rows)
  std::vector<int64_t> strides;  // of the smaller operand along them
  [[nodiscard]] int64_t offset(int64_t row) const {
    int64_t at = 0;
    for (size_t d = outer.size(); d-- > 0; row /= outer[d]) at += row % outer[d] * strides[d];
    return at;
  }
};
Rows rows_of(const Shape& large, const Shape& small) {
  const auto s = aligned(small, large.size());
  Rows rows;
  size_t d = large.size();
  const auto is_repeated = [&](size_t i) { return s[i] != large[i]; };
  while (d > 0 && large[d - 1] == 1) --d;
  const bool repeats = d > 0 && is_repeated(d - 1);
  for (; d > 0 && (large[d - 1] == 1 || is_repeated(d - 1) == repeats); --d) rows.length *= large[d - 1];
  if (repeats) rows.second = Second::kOne;
  rows.outer.assign(large.begin(), large.begin() + static_cast<std::ptrdiff_t>(d));
  rows.count = element_count(rows.outer);
  rows.strides = ops::broadcast_strides(s, large);
  rows.strides.resize(d);
  return rows;
}

void add_plain(Lowering& l, const Node& node, const Operands& operands) {
  const auto rows = rows_of(l.info(operands.large).shape, l.info(operands.small).shape);
  const auto a = l.plain(operands.large), b = l.plain(operands.small), y = l.make(node.outputs[0], Layout::kPlain);
  BinaryArguments common;
  common.kind = kind_of(node.op_type), common.second = rows.second, common.is_swapped = operands.is_swapped, common.count = rows.length;
  const auto& loops = l.loops();
  l.add({.node = node.label(), .implementation = "vectors", .inputs = {a, b}, .outputs = {y}, .scratch_bytes = 0, .macs = 0, .run = [=, &loops](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             const auto mine = kernels::share_of(rows.count, member);
             auto row = common;
             if (rows.count == 1) {
               row.a = f.floats(a), row.b = f.floats(b), row.y = f.floats(y);
               return run_alike(loops, row, member);
             }
             for (int64_t i = mine.begin; i < mine.end; ++i) {
               row.a = f.floats(a) + i * rows.length, row.b = f.floats(b) + rows.offset(i), row.y = f.floats(y) + i * rows.length;
               loops.binary(row);
             }
           });
         }});
}

bool is_float(const Lowering& l, const Node& node) {
  const auto out = l.info(node.outputs[0]);
  return out.dtype == Dtype::kF32 && out.has_shape && element_count(out.shape) > 0;
}

/// In blocks, where that can be.
std::optional<Second> second_in_blocks(const Lowering& l, const Node& node, const Operands& operands) {
  if (!l.is_f32_image(operands.large)) return std::nullopt;
  const auto shape = l.info(operands.large).shape;
  const auto second = blocked_second(shape, l.info(operands.small).shape);
  return second && keeps_lanes_finite(node, operands, *second, shape[1], l.lanes()) ? second : std::nullopt;
}

}  // namespace

std::vector<Layout> blocked_reads(const Lowering& l, const Node& node) {
  const auto operands = is_float(l, node) ? operands_of(l, node) : std::nullopt;
  const auto second = operands ? second_in_blocks(l, node, *operands) : std::nullopt;
  if (!second) return {};
  const auto small = *second == Second::kWhole ? Layout::kBlocked : Layout::kPlain;
  return operands->is_swapped ? std::vector{small, Layout::kBlocked} : std::vector{Layout::kBlocked, small};
}
bool is_binary_in_rows(const Lowering& l, const Node& node) { return is_float(l, node) && operands_of(l, node); }

bool lower_binary(Lowering& l, const Node& node) {
  const auto operands = is_float(l, node) ? operands_of(l, node) : std::nullopt;
  if (!operands) return false;
  const auto second = second_in_blocks(l, node, *operands);
  const bool wants_blocks = l.choice_of(node) ? selected_layout(l, node) == Layout::kBlocked : l.is_blocked(operands->large);
  if (second && wants_blocks) add_blocked(l, node, *operands, *second);
  else add_plain(l, node, *operands);
  return true;
}

}  // namespace scissionlite::native
