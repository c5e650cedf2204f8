// Pooling of images.
#include "engine/backends/native/lowering/lower.h"
#include "kernels/conv/panels.h"
#include "kernels/parallel.h"
#include "ops/support.h"

namespace scissionlite::native {
namespace {

/// Images as (n x blocks) planes of pixels.
struct Planes {
  int64_t count = 0, h = 0, w = 0;
  [[nodiscard]] int64_t floats(int64_t lanes) const { return h * w * lanes; }
};
Planes planes_of(const Lowering& l, const std::string& value) {
  const auto shape = l.info(value).shape;
  return {shape[0] * kernels::blocks_of(shape[1], l.lanes()), shape[2], shape[3]};
}

kernels::PoolRowArguments arguments(const Node& node, const ops::Window& window, const Planes& in, const Planes& out) {
  kernels::PoolRowArguments a;
  a.is_max = node.op_type == "MaxPool";
  a.height = in.h, a.width = in.w;
  a.kernel_h = window.kernel[0], a.kernel_w = window.kernel[1];
  a.stride_w = window.strides[1];
  a.dilation_h = window.dilations[0], a.dilation_w = window.dilations[1];
  a.left = window.pads_begin[1];
  a.padded_bottom = in.h + window.pads_end[0], a.padded_right = in.w + window.pads_end[1];
  a.counts_padding = node.int_attribute("count_include_pad", 0) != 0;
  a.out_width = out.w;
  return a;
}

}  // namespace

bool lower_pool(Lowering& l, const Node& node) {
  const bool wants_indices = node.outputs.size() > 1 && !node.outputs[1].empty();
  if (!l.is_f32_image(node.inputs[0]) || wants_indices) return false;
  const ops::Context context{node, l.opset(node)};
  auto window = ops::read_window(context, node.ints_attribute("kernel_shape"));
  const auto shape = l.info(node.inputs[0]).shape;
  if (window.rank() != 2 || element_count(shape) == 0) return false;
  (void)ops::window_shape(context, window, shape, shape[1]);
  const Planes in = planes_of(l, node.inputs[0]), out = planes_of(l, node.outputs[0]);
  const auto common = arguments(node, window, in, out);
  const int64_t lanes = l.lanes(), stride_h = window.strides[0], top = window.pads_begin[0];
  const auto& loops = l.loops();
  const auto x = l.blocked(node.inputs[0]), y = l.make(node.outputs[0], Layout::kBlocked);
  l.add({.node = node.label(), .implementation = "vectors", .inputs = {x}, .outputs = {y}, .scratch_bytes = 0, .macs = 0, .run = [=, &loops](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             const auto rows = kernels::share_of(out.count * out.h, member);
             for (int64_t row = rows.begin; row < rows.end; ++row) {
               auto a = common;
               a.x = f.floats(x) + row / out.h * in.floats(lanes);
               a.row = row % out.h * stride_h - top;
               a.y = f.floats(y) + row * out.w * lanes;
               loops.pool_row(a);
             }
           });
         }});
  return true;
}

bool lower_global_average(Lowering& l, const Node& node) {
  if (!l.is_f32_image(node.inputs[0]) || element_count(l.info(node.inputs[0]).shape) == 0) return false;
  const Planes in = planes_of(l, node.inputs[0]);
  const int64_t lanes = l.lanes();
  const auto& loops = l.loops();
  const auto x = l.blocked(node.inputs[0]), y = l.make(node.outputs[0], Layout::kBlocked);
  l.add({.node = node.label(), .implementation = "vectors", .inputs = {x}, .outputs = {y}, .scratch_bytes = 0, .macs = 0, .run = [=, &loops](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             const auto planes = kernels::share_of(in.count, member);
             for (int64_t i = planes.begin; i < planes.end; ++i) loops.mean(f.floats(x) + i * in.floats(lanes), in.h * in.w, f.floats(y) + i * lanes);
           });
         }});
  return true;
}

}  // namespace scissionlite::native
