// ReduceMin and ReduceMax over the last axes, all but the batch for example, and GlobalMaxPool.
#include <algorithm>
#include <cmath>

#include "engine/backends/native/lowering/lower.h"
#include "kernels/conv/panels.h"
#include "ops/support.h"

namespace scissionlite::native {
namespace {

float better(bool is_max, float a, float b) { return (is_max ? b > a : b < a) || std::isnan(b) ? b : a; }

/// Of `count` values, at least one.
float extreme_of(const kernels::VectorLoops& loops, bool is_max, const float* x, int64_t count) {
  const int64_t lanes = loops.lanes, whole = count / lanes * lanes;
  float best[16];
  if (whole > 0) loops.extremes(is_max, x, whole / lanes, best);
  float all = whole > 0 ? best[0] : x[0];
  for (int64_t i = 0; i < lanes && whole > 0; ++i) all = better(is_max, all, best[i]);
  for (int64_t i = whole; i < count; ++i) all = better(is_max, all, x[i]);
  return all;
}

/// As rows that become a value each; of a blocked image with lanes to leave out, a row is `blocks` runs of which the last has fewer channels.
struct Rows {
  bool is_max = false;
  int64_t count = 0, length = 0;
  int64_t pixels = 0, last_channels = 0;  // of the last block; 0: none is left out
};

/// A share of a row.
float part_of_row(const kernels::VectorLoops& loops, const Rows& r, const float* x, const kernels::Member& member) {
  const int64_t last = r.last_channels == 0 ? 0 : r.pixels * loops.lanes;
  const auto part = share_of_floats(r.length - last, member);
  const bool has_last = last > 0 && member.rank == member.size - 1;
  float all = part.begin < part.end ? extreme_of(loops, r.is_max, x + part.begin, part.end - part.begin) : r.is_max ? -INFINITY : INFINITY;
  if (!has_last) return all;
  float best[16];
  loops.extremes(r.is_max, x + r.length - last, r.pixels, best);
  for (int64_t i = 0; i < r.last_channels; ++i) all = better(r.is_max, all, best[i]);
  return all;
}

/// Rows are shared among the threads where they are many, else each row is.
void run_rows(const kernels::VectorLoops& loops, const Rows& r, const float* x, float* y, float* parts, const kernels::Member& member) {
  if (r.count >= 4 * member.size) {
    const auto mine = kernels::share_of(r.count, member);
    for (int64_t i = mine.begin; i < mine.end; ++i) y[i] = part_of_row(loops, r, x + i * r.length, {});
    return;
  }
  for (int64_t i = 0; i < r.count; ++i) parts[i * member.size + member.rank] = part_of_row(loops, r, x + i * r.length, member);
  member.barrier();
  if (member.rank != 0) return;
  for (int64_t i = 0; i < r.count; ++i) {
    y[i] = parts[i * member.size];
    for (int k = 1; k < member.size; ++k) y[i] = better(r.is_max, y[i], parts[i * member.size + k]);
  }
}

/// How many values become one, where these are the last axes; sizes of 1 may be among either.
std::optional<int64_t> reduced_length(const ops::Context& c, const Shape& shape, const std::vector<int64_t>& axes) {
  std::vector<bool> is_reduced(shape.size(), axes.empty() && c.node.int_attribute("noop_with_empty_axes", 0) == 0);
  for (const auto axis : axes) is_reduced[static_cast<size_t>(ops::normal_axis(c, axis, shape.size()))] = true;
  int64_t length = 1;
  bool is_over = false;
  for (size_t d = shape.size(); d-- > 0;) {
    if (shape[d] == 1) continue;
    if (is_over && is_reduced[d]) return std::nullopt;
    is_over = is_over || !is_reduced[d];
    if (is_reduced[d]) length *= shape[d];
  }
  return length;
}

}  // namespace

bool lower_extreme(Lowering& l, const Node& node) {
  const auto type = l.info(node.inputs[0]);
  if (type.dtype != Dtype::kF32 || element_count(type.shape) == 0) return false;
  const ops::Context context{node, l.opset(node)};
  const auto constants = l.constants_of(node);
  const auto axes = ops::read_axes(context, constants);
  const auto length = axes ? reduced_length(context, type.shape, *axes) : std::nullopt;
  if (!length) return false;
  Rows rows{.is_max = node.op_type == "ReduceMax", .count = element_count(type.shape) / *length, .length = *length};
  const bool is_whole_image = l.is_f32_image(node.inputs[0]) && rows.count == type.shape[0],
             is_blocked = is_whole_image && l.is_blocked(node.inputs[0]) && !l.is_plain(node.inputs[0]);
  if (is_blocked) {
    rows.pixels = type.shape[2] * type.shape[3], rows.last_channels = type.shape[1] % l.lanes();
    rows.length = kernels::blocks_of(type.shape[1], l.lanes()) * rows.pixels * l.lanes();
  }
  const auto x = is_blocked ? l.blocked(node.inputs[0]) : l.plain(node.inputs[0]), y = l.make(node.outputs[0], Layout::kPlain);
  const int64_t scratch = 4 * int64_t{l.threads()} * l.threads() * static_cast<int64_t>(sizeof(float));
  const auto& loops = l.loops();
  l.add({.node = node.label(),
         .implementation = "vectors",
         .inputs = {x},
         .outputs = {y},
         .scratch_bytes = scratch,
         .macs = 0,
         .run = [=, &loops](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             run_rows(loops, rows, f.floats(x), f.floats(y), reinterpret_cast<float*>(f.scratch), member);
           });
         }});
  return true;
}

bool lower_global_max(Lowering& l, const Node& node) {
  if (!l.is_f32_image(node.inputs[0]) || element_count(l.info(node.inputs[0]).shape) == 0) return false;
  const auto shape = l.info(node.inputs[0]).shape;
  const int64_t lanes = l.lanes(), pixels = shape[2] * shape[3], blocks = shape[0] * kernels::blocks_of(shape[1], lanes);
  const auto x = l.blocked(node.inputs[0]), y = l.make(node.outputs[0], Layout::kBlocked);
  const auto& loops = l.loops();
  l.add({.node = node.label(),
         .implementation = "vectors",
         .inputs = {x},
         .outputs = {y},
         .scratch_bytes = 0,
         .macs = 0,
         .run = [=, &loops](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             const auto mine = kernels::share_of(blocks, member);
             for (int64_t i = mine.begin; i < mine.end; ++i)
               loops.extremes(/*is_max=*/true, f.floats(x) + i * pixels * lanes, pixels, f.floats(y) + i * lanes);
           });
         }});
  return true;
}

}  // namespace scissionlite::native
