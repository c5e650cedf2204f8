// Pooling of images.
#include "engine/backends/native/choosing/graph_choices.h"
#include "engine/backends/native/lowering/lower.h"
#include "kernels/conv/panels.h"
#include "kernels/generated/pool_kernel.h"
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

}  // namespace

std::optional<kernels::PoolProblem> pool_problem_of(const Lowering& l, const Node& node) {
  const bool wants_indices = node.outputs.size() > 1 && !node.outputs[1].empty();
  if ((node.op_type != "MaxPool" && node.op_type != "AveragePool") || !node.domain.empty() || !l.is_f32_image(node.inputs[0]) || wants_indices)
    return std::nullopt;
  const ops::Context context{node, l.opset(node)};
  auto window = ops::read_window(context, node.ints_attribute("kernel_shape"));
  const auto x = l.info(node.inputs[0]).shape;
  if (window.rank() != 2 || element_count(x) == 0) return std::nullopt;
  const auto y = ops::window_shape(context, window, x, x[1]);  // settles auto_pad
  kernels::PoolProblem p;
  p.is_max = node.op_type == "MaxPool";
  p.n = x[0], p.c = x[1], p.h = x[2], p.w = x[3], p.out_h = y[2], p.out_w = y[3];
  p.kernel_h = window.kernel[0], p.kernel_w = window.kernel[1], p.stride_h = window.strides[0], p.stride_w = window.strides[1];
  p.dilation_h = window.dilations[0], p.dilation_w = window.dilations[1];
  p.top = window.pads_begin[0], p.left = window.pads_begin[1], p.bottom = window.pads_end[0], p.right = window.pads_end[1];
  p.counts_padding = !p.is_max && node.int_attribute("count_include_pad", 0) != 0;
  return p;
}

std::string kernel_problem_of(const Lowering& l, const Node& node) {
  if (const auto pool = pool_problem_of(l, node)) return pool->text();
  const auto strip = strip_problem_of(l, node);
  return strip ? strip->text() : "";
}

bool lower_pool(Lowering& l, const Node& node) {
  const auto problem = pool_problem_of(l, node);
  if (!problem) return false;
  const auto* choice = l.choice_of(node);
  const auto* kernel = choice && choice->kernel ? &*choice->kernel : nullptr;
  const std::shared_ptr<const kernels::Pooling> pooling =
      kernel ? kernels::make_generated_pooling(*problem, kernel->knobs, kernels::kernel_of(*kernel), l.loops())
             : kernels::make_pooling(*problem, l.loops());
  const auto x = l.blocked(node.inputs[0]), y = l.make(node.outputs[0], Layout::kBlocked);
  l.add({.node = node.label(),
         .implementation = kernel ? choice->text : "vectors",
         .inputs = {x},
         .outputs = {y},
         .scratch_bytes = 0,
         .macs = 0,
         .run = [=](const Frame& f) { pooling->run(f.floats(x), f.floats(y), f.threads); }});
  return true;
}

bool lower_global_average(Lowering& l, const Node& node) {
  if (!l.is_f32_image(node.inputs[0]) || element_count(l.info(node.inputs[0]).shape) == 0) return false;
  const Planes in = planes_of(l, node.inputs[0]);
  const int64_t lanes = l.lanes();
  const auto& loops = l.loops();
  const auto x = l.blocked(node.inputs[0]), y = l.make(node.outputs[0], Layout::kBlocked);
  l.add({.node = node.label(),
         .implementation = "vectors",
         .inputs = {x},
         .outputs = {y},
         .scratch_bytes = 0,
         .macs = 0,
         .run = [=, &loops](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             const auto planes = kernels::share_of(in.count, member);
             for (int64_t i = planes.begin; i < planes.end; ++i) loops.mean(f.floats(x) + i * in.floats(lanes), in.h * in.w, f.floats(y) + i * lanes);
           });
         }});
  return true;
}

}  // namespace scissionlite::native
