// A depthwise convolution and the 1x1 behind it. The band's depthwise rows lie in a buffer, made as in depthwise.cc: a register tile of
// filter_y x filter_x pixels of one channel block, the kernel unrolled, borders not copied. The 1x1 reads them from there as in direct.cc: a
// register tile of tile_x pixels times `vectors` vectors of output channels stays in registers over all channels of the buffer.
#include "kernels/generated/chain_plan.h"
#include "pipelines/buffers.h"

namespace scissionlite::pipelines {
namespace {

using Halide::Func;
using Halide::RDom;
using Halide::TailStrategy;
using Halide::Var;

/// See ChainCall for what they hold.
struct Inputs {
  Inputs(const kernels::ChainPlan& plan, bool with_residual);
  [[nodiscard]] std::vector<Halide::Argument> arguments() const;

  int lanes, inputs, vectors, panels, blocks;
  Halide::ImageParam x{Halide::Float(32), 4, "x"};                      // (lane, column, row, block)
  Halide::ImageParam filter_w{Halide::Float(32), 4, "filter_w"};        // (lane, kernel column, kernel row, block)
  Halide::ImageParam filter_bias{Halide::Float(32), 2, "filter_bias"};  // (lane, block)
  Halide::ImageParam w{Halide::Float(32), 5, "w"};                      // (lane, vector, input, block, panel)
  Halide::ImageParam bias{Halide::Float(32), 3, "bias"};                // (lane, vector, panel)
  Halide::ImageParam residual{Halide::Float(32), 5, "residual"};        // (lane, vector, column, row, panel)
  Halide::Param<int> block{"block"}, some_blocks{"blocks"}, row{"row"}, rows{"rows"};
  Halide::Param<float> filter_low{"filter_low"}, filter_high{"filter_high"}, low{"low"}, high{"high"};
  bool has_residual;
};

/// Outputs, of which a call has rows as it says.
void fix_output(Halide::OutputImageParam y, const kernels::ChainPlan& plan, const Inputs& in) {
  const int width = as_int(plan.pointwise.w), plane = as_int(plan.pointwise.h) * width * in.lanes;
  y.dim(0).set_bounds(0, in.lanes).set_stride(1);
  y.dim(1).set_bounds(0, in.vectors).set_stride(plane);
  y.dim(2).set_bounds(0, width).set_stride(in.lanes);
  y.dim(3).set_stride(in.lanes * width);
  y.dim(4).set_bounds(0, in.panels).set_stride(plane * in.vectors);
  y.set_host_alignment(sizeof(float));
}

Inputs::Inputs(const kernels::ChainPlan& plan, bool with_residual)
    : lanes(as_int(plan.lanes())),
      inputs(as_int(kernels::step_inputs(plan.second()))),
      vectors(as_int(plan.knob("vectors"))),
      panels(as_int(plan.second().panels())),
      blocks(as_int(plan.blocks())),
      has_residual(with_residual) {
  const auto& d = plan.depthwise;
  fix_dimensions(x, {lanes, as_int(d.w), as_int(d.h), blocks});
  fix_dimensions(filter_w, {lanes, as_int(d.kernel_w), as_int(d.kernel_h), blocks});
  fix_dimensions(filter_bias, {lanes, blocks});
  fix_dimensions(w, {lanes, vectors, inputs, blocks, panels});
  fix_dimensions(bias, {lanes, vectors, panels});
  fix_output(residual, plan, *this);
}

std::vector<Halide::Argument> Inputs::arguments() const {
  std::vector<Halide::Argument> out{x, filter_w, filter_bias, w, bias};
  if (has_residual) out.emplace_back(residual);
  out.insert(out.end(), {block, some_blocks, row, rows, filter_low, filter_high, low, high});
  return out;
}

struct Stages {
  Var lane{"lane"}, vector{"vector"}, column{"column"}, row{"row"}, panel{"panel"}, block{"block"};
  RDom window;  // kernel column, kernel row
  RDom r;       // input lane, input block
  Func filter_sum{"filter_sum"}, filtered{"filtered"}, sum{"sum"}, out{"out"};
};

Stages algorithm(const kernels::ChainPlan& plan, const Inputs& in) {
  const auto& d = plan.depthwise;
  const int left = as_int(d.left), top = as_int(d.top), stride_w = as_int(d.stride_w), stride_h = as_int(d.stride_h),
            dilation_w = as_int(d.dilation_w), dilation_h = as_int(d.dilation_h);
  const Func x = d.is_padded() ? bordered(in.x, d.w, d.h, 0.F) : Func(in.x);
  Stages g;
  g.window = RDom({{0, as_int(d.kernel_w)}, {0, as_int(d.kernel_h)}}, "window");
  g.r = RDom({{0, in.inputs}, {in.block, in.some_blocks}}, "r");
  g.filter_sum(g.lane, g.column, g.row, g.block) = in.filter_bias(g.lane, g.block);
  g.filter_sum(g.lane, g.column, g.row, g.block) +=
      x(g.lane, g.column * stride_w + g.window[0] * dilation_w - left, g.row * stride_h + g.window[1] * dilation_h - top, g.block) *
      in.filter_w(g.lane, g.window[0], g.window[1], g.block);
  g.filtered(g.lane, g.column, g.row, g.block) =
      Halide::min(in.filter_high, Halide::max(in.filter_low, g.filter_sum(g.lane, g.column, g.row, g.block)));
  g.sum(g.lane, g.vector, g.column, g.row, g.panel) = in.bias(g.lane, g.vector, g.panel);
  g.sum(g.lane, g.vector, g.column, g.row, g.panel) += g.filtered(g.r[0], g.column, g.row, g.r[1]) * in.w(g.lane, g.vector, g.r[0], g.r[1], g.panel);
  Halide::Expr value = g.sum(g.lane, g.vector, g.column, g.row, g.panel);
  if (in.has_residual) value += in.residual(g.lane, g.vector, g.column, g.row, g.panel);
  g.out(g.lane, g.vector, g.column, g.row, g.panel) = Halide::min(in.high, Halide::max(in.low, value));
  return g;
}

void schedule(const kernels::ChainPlan& plan, const Inputs& in, Stages& g) {
  const int width = as_int(plan.pointwise.w), tile_x = as_int(plan.knob("tile_x")), filter_x = as_int(plan.knob("filter_x")),
            filter_y = as_int(plan.knob("filter_y")), unroll = as_int(plan.knob("unroll"));
  Var tile("tile"), pixel("pixel"), tile_column("tile_column"), tile_row("tile_row"), x("x"), y("y");
  g.out.bound(g.lane, 0, in.lanes).bound(g.vector, 0, in.vectors).bound(g.column, 0, width).bound(g.panel, 0, in.panels);
  g.out.split(g.column, tile, pixel, tile_x, TailStrategy::ShiftInwards).vectorize(g.lane).unroll(g.vector).unroll(pixel);
  // panels outside: their weights stay in L1 while the band streams from L2; rows outside: the other way round
  if (plan.knob("order") == 0) g.out.reorder(g.lane, g.vector, pixel, tile, g.row, g.panel);
  else g.out.reorder(g.lane, g.vector, pixel, tile, g.panel, g.row);
  g.sum.compute_at(g.out, tile).store_in(Halide::MemoryType::Register).bound_extent(g.lane, in.lanes).bound_extent(g.vector, in.vectors);
  g.sum.vectorize(g.lane).unroll(g.vector).unroll(g.column);
  g.sum.update().reorder(g.lane, g.vector, g.column, g.r[0], g.r[1]).vectorize(g.lane).unroll(g.vector).unroll(g.column);
  if (unroll > 1 && in.inputs % unroll == 0) g.sum.update().unroll(g.r[0], unroll);
  // all of the band at once: every panel reads it
  g.filtered.compute_root().bound(g.column, 0, width).bound_extent(g.lane, in.lanes);
  g.filtered.split(g.column, tile_column, x, filter_x, TailStrategy::ShiftInwards).split(g.row, tile_row, y, filter_y, TailStrategy::ShiftInwards);
  g.filtered.reorder(g.lane, x, y, tile_column, tile_row, g.block).vectorize(g.lane).unroll(x).unroll(y);
  g.filter_sum.compute_at(g.filtered, tile_column)
      .store_in(Halide::MemoryType::Register)
      .bound_extent(g.lane, in.lanes)
      .vectorize(g.lane)
      .unroll(g.column)
      .unroll(g.row);
  g.filter_sum.update()
      .reorder(g.lane, g.column, g.row, g.window[0], g.window[1])
      .vectorize(g.lane)
      .unroll(g.column)
      .unroll(g.row)
      .unroll(g.window[0])
      .unroll(g.window[1]);
}

Pipeline make(const kernels::KernelPlan& generic, bool has_residual) {
  const auto plan = kernels::chain_plan(generic);
  const Inputs in(plan, has_residual);
  auto stages = algorithm(plan, in);
  schedule(plan, in, stages);
  fix_output(stages.out.output_buffer(), plan, in);
  return {stages.out, in.arguments()};
}

}  // namespace

extern const PipelineKind k_pipeline_chain;
const PipelineKind k_pipeline_chain{/*may_have_residual=*/true, /*rounds_as_written=*/false, make};

}  // namespace scissionlite::pipelines
