// Cast between floats and halves or bytes, from or into blocks where an image lies so: then it is converted on the way.
#include <algorithm>

#include "engine/backends/native/choosing/graph_choices.h"
#include "engine/backends/native/lowering/lower.h"
#include "kernels/conv/panels.h"
#include "kernels/layout.h"

namespace scissionlite::native {
namespace {

using kernels::CastKind;

constexpr int64_t kStrip = 128;  // pixels at a time, so that a block of them as floats stays in L1

std::optional<CastKind> kind_of(Dtype from, Dtype to) {
  if (from == Dtype::kF32)
    return to == Dtype::kF16  ? std::optional(CastKind::kF32ToF16)
           : to == Dtype::kU8 ? std::optional(CastKind::kF32ToU8)
           : to == Dtype::kI8 ? std::optional(CastKind::kF32ToI8)
                              : std::nullopt;
  if (to != Dtype::kF32) return std::nullopt;
  return from == Dtype::kF16  ? std::optional(CastKind::kF16ToF32)
         : from == Dtype::kU8 ? std::optional(CastKind::kU8ToF32)
         : from == Dtype::kI8 ? std::optional(CastKind::kI8ToF32)
                              : std::nullopt;
}

void add_plain(Lowering& l, const Node& node, CastKind kind) {
  const auto type = l.info(node.inputs[0]);
  const auto x = l.plain(node.inputs[0]), y = l.make(node.outputs[0], Layout::kPlain);
  const int64_t count = element_count(type.shape), x_bytes = static_cast<int64_t>(dtype_size(type.dtype)),
                y_bytes = static_cast<int64_t>(dtype_size(l.info(node.outputs[0]).dtype));
  const auto& loops = l.loops();
  l.add({.node = node.label(),
         .implementation = "vectors",
         .inputs = {x},
         .outputs = {y},
         .scratch_bytes = 0,
         .macs = 0,
         .run = [=, &loops](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             const auto part = share_of_floats(count, member);
             loops.cast(kind, f.bytes(x) + part.begin * x_bytes, f.bytes(y) + part.begin * y_bytes, part.end - part.begin);
           });
         }});
}

/// One side lies in blocks of floats, the other one, of values of so many bytes, channel after channel.
struct Sides {
  int64_t n, channels, pixels, lanes, bytes;
};
/// Calls run(first float of a strip in its block, first byte of it in the plain tensor, channels, pixels).
template <typename Run>
void for_each_strip(const Sides& s, const kernels::Member& member, const Run& run) {
  const int64_t blocks = kernels::blocks_of(s.channels, s.lanes), strips = (s.pixels + kStrip - 1) / kStrip;
  const auto mine = kernels::share_of(s.n * blocks * strips, member);
  for (int64_t i = mine.begin; i < mine.end; ++i) {
    const int64_t block = i / strips, first = i % strips * kStrip, channel = block % blocks * s.lanes;
    const int64_t plain = ((block / blocks * s.channels + channel) * s.pixels + first) * s.bytes;
    run((block * s.pixels + first) * s.lanes, plain, std::min(s.lanes, s.channels - channel), std::min(kStrip, s.pixels - first));
  }
}

void add_blocked(Lowering& l, const Node& node, CastKind kind, const Sides& s, bool reads_blocks) {
  const auto x = reads_blocks ? l.blocked(node.inputs[0]) : l.plain(node.inputs[0]),
             y = l.make(node.outputs[0], reads_blocks ? Layout::kPlain : Layout::kBlocked);
  const auto& loops = l.loops();
  l.add({.node = node.label(),
         .implementation = reads_blocks ? "vectors to plain" : "vectors to blocked",
         .inputs = {x},
         .outputs = {y},
         .scratch_bytes = 0,
         .macs = 0,
         .run = [=, &loops](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             alignas(64) float strip[16 * kStrip];
             for_each_strip(s, member, [&](int64_t block, int64_t plain, int64_t channels, int64_t pixels) {
               if (reads_blocks) kernels::run_to_plain(f.floats(x) + block, strip, kStrip, channels, pixels, s.lanes);
               for (int64_t c = 0; c < channels; ++c) {
                 const int64_t at = plain + c * s.pixels * s.bytes;
                 reads_blocks ? loops.cast(kind, strip + c * kStrip, f.bytes(y) + at, pixels)
                              : loops.cast(kind, f.bytes(x) + at, strip + c * kStrip, pixels);
               }
               if (!reads_blocks) kernels::run_to_blocked(strip, kStrip, f.floats(y) + block, channels, pixels, s.lanes);
             });
           });
         }});
}

}  // namespace

bool has_fast_cast(const Lowering& l, const Node& node) { return kind_of(l.info(node.inputs[0]).dtype, l.info(node.outputs[0]).dtype).has_value(); }

bool lower_cast(Lowering& l, const Node& node) {
  const auto from = l.info(node.inputs[0]), to = l.info(node.outputs[0]);
  if (from.dtype == to.dtype) {
    const auto layout = l.is_f32_image(node.inputs[0]) ? selected_layout(l, node) : Layout::kPlain;
    l.alias(node.outputs[0], layout == Layout::kBlocked ? l.blocked(node.inputs[0]) : l.plain(node.inputs[0]), layout);
    return true;
  }
  const auto kind = kind_of(from.dtype, to.dtype);
  if (!kind || element_count(from.shape) == 0) return false;
  const bool reads_blocks = l.is_f32_image(node.inputs[0]) && l.is_blocked(node.inputs[0]) && !l.is_plain(node.inputs[0]);
  const auto* choice = l.choice_of(node);
  const bool writes_blocks = l.is_f32_image(node.outputs[0]) && choice && choice->form == Form::kBlocked;
  if (!reads_blocks && !writes_blocks) {
    add_plain(l, node, *kind);
    return true;
  }
  const auto bytes = static_cast<int64_t>(dtype_size(reads_blocks ? to.dtype : from.dtype));
  add_blocked(l, node, *kind, {from.shape[0], from.shape[1], from.shape[2] * from.shape[3], l.lanes(), bytes}, reads_blocks);
  return true;
}

}  // namespace scissionlite::native
