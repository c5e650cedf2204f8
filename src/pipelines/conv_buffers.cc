#include "pipelines/conv_buffers.h"

namespace scissionlite::pipelines {

Sizes::Sizes(const kernels::ConvPlan& plan) {
  const auto& p = plan.problem;
  lanes = as_int(plan.lanes()), inputs = as_int(kernels::step_inputs(plan)), vectors = as_int(plan.knob("vectors")), panels = as_int(plan.panels()),
  in_blocks = as_int(plan.in_blocks());
  kernel_h = as_int(p.kernel_h), kernel_w = as_int(p.kernel_w), stride_h = as_int(p.stride_h), stride_w = as_int(p.stride_w);
  dilation_h = as_int(p.dilation_h), dilation_w = as_int(p.dilation_w);
  in_width = as_int(plan.is_flat() ? p.h * p.w : plan.frame_width());
  out_width = as_int(plan.is_flat() ? p.h * p.w : p.out_w());
  out_rows = as_int(plan.is_flat() ? 1 : p.out_h());
  tile_x = as_int(plan.knob("tile_x")), tile_y = as_int(plan.knob("tile_y")), unroll = as_int(plan.knob("unroll"));
}

Buffers::Buffers(const kernels::ConvPlan& plan, bool with_residual)
    : sizes(plan),
      x(Halide::Float(32), 4, "x"),
      w(Halide::Float(32),
        plan.is_depthwise()    ? 4
        : plan.winograd_edge() ? 6
                               : 7,
        "w"),
      bias(Halide::Float(32), 3, "bias"),
      residual(Halide::Float(32), plan.winograd_edge() ? 4 : 5, "residual"),
      has_residual(with_residual) {
  const auto& s = sizes;
  x.dim(0).set_bounds(0, s.lanes).set_stride(1);
  x.dim(1).set_bounds(0, s.in_width).set_stride(s.lanes);
  x.dim(2).set_stride(s.lanes * s.in_width);
  x.set_host_alignment(sizeof(float));
  const int m = as_int(plan.winograd_edge());
  if (plan.is_depthwise()) fix_dimensions(w, {s.lanes, s.kernel_w, s.kernel_h, s.panels});
  else if (m > 0) fix_dimensions(w, {s.lanes, s.vectors, s.lanes, s.in_blocks, (m + 2) * (m + 2), s.panels});
  else fix_dimensions(w, {s.lanes, s.vectors, s.inputs, s.kernel_w, s.kernel_h, s.in_blocks, s.panels});
  fix_dimensions(bias, {s.lanes, s.vectors, s.panels});
  const int plane = as_int(plan.problem.out_h() * plan.problem.out_w()) * s.lanes;
  residual.dim(0).set_bounds(0, s.lanes).set_stride(1);
  residual.dim(1).set_bounds(0, s.vectors).set_stride(plane);
  residual.dim(2).set_stride(s.lanes);
  if (m == 0) residual.dim(3).set_stride(s.lanes * s.out_width);
  residual.dim(m > 0 ? 3 : 4).set_stride(plane * s.vectors);
  residual.set_host_alignment(sizeof(float));
}

std::vector<Halide::Argument> Buffers::arguments() const {
  std::vector<Halide::Argument> out{x, w, bias};
  if (has_residual) out.emplace_back(residual);
  out.insert(out.end(), {block, blocks, row, rows, low, high});
  return out;
}

Halide::Expr Buffers::ended(const Halide::Expr& value, const std::vector<Halide::Expr>& place) const {
  const Halide::Expr sum = has_residual ? value + residual(place) : value;
  return Halide::min(high, Halide::max(low, sum));
}

void fix_output(Halide::Func& out, const kernels::ConvPlan& plan) {
  const Sizes s(plan);
  const int plane = as_int(plan.problem.out_h() * plan.problem.out_w()) * s.lanes;
  auto y = out.output_buffer();
  y.dim(0).set_bounds(0, s.lanes).set_stride(1);
  y.dim(1).set_bounds(0, s.vectors).set_stride(plane);
  y.dim(2).set_stride(s.lanes);
  y.dim(3).set_stride(s.lanes * s.out_width);
  y.dim(4).set_stride(plane * s.vectors);
  if (plan.is_flat()) y.dim(3).set_bounds(0, 1);
  else y.dim(2).set_bounds(0, s.out_width);
  y.set_host_alignment(sizeof(float));
}

}  // namespace scissionlite::pipelines
