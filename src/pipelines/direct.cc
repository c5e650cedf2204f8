// Direct convolution and im2col: a register tile of tile_x pixels times `vectors` vectors of output channels stays in registers over
// the whole reduction.
#include "pipelines/conv_buffers.h"

namespace scissionlite::pipelines {

using Halide::Func;
using Halide::RDom;
using Halide::TailStrategy;
using Halide::Var;

namespace {

struct Stages {
  Var lane{"lane"}, vector{"vector"}, column{"column"}, row{"row"}, panel{"panel"};
  Var kernel_column{"kernel_column"}, kernel_row{"kernel_row"}, block{"block"};
  RDom r;  // input lane, kernel column, kernel row, input block
  Func columns{"columns"}, sum{"sum"}, out{"out"};
};

Stages algorithm(const kernels::ConvPlan& plan, const Buffers& b) {
  const auto& s = b.sizes;
  Stages g;
  g.r = RDom({{0, s.inputs}, {0, s.kernel_w}, {0, s.kernel_h}, {b.block, b.blocks}}, "r");
  g.columns(g.lane, g.column, g.row, g.kernel_column, g.kernel_row, g.block) =
      b.x(g.lane, g.column * s.stride_w + g.kernel_column * s.dilation_w, g.row * s.stride_h + g.kernel_row * s.dilation_h, g.block);
  g.sum(g.lane, g.vector, g.column, g.row, g.panel) = b.bias(g.lane, g.vector, g.panel);
  g.sum(g.lane, g.vector, g.column, g.row, g.panel) +=
      g.columns(g.r[0], g.column, g.row, g.r[1], g.r[2], g.r[3]) * b.w(g.lane, g.vector, g.r[0], g.r[1], g.r[2], g.r[3], g.panel);
  g.out(g.lane, g.vector, g.column, g.row, g.panel) =
      b.ended(g.sum(g.lane, g.vector, g.column, g.row, g.panel), {g.lane, g.vector, g.column, g.row, g.panel});
  return g;
}

void schedule(const kernels::ConvPlan& plan, const Sizes& s, Stages& g) {
  Var tile("tile"), pixel("pixel");
  g.out.bound(g.lane, 0, s.lanes).bound(g.vector, 0, s.vectors);
  // the last tile of a run moves back and computes some pixels twice: a shorter one would need code of its own for each size
  g.out.split(g.column, tile, pixel, s.tile_x, TailStrategy::ShiftInwards).vectorize(g.lane).unroll(g.vector).unroll(pixel);
  // panels outside: their weights stay in L1 and the input streams; rows outside: the other way round
  if (plan.knob("order") == 0) g.out.reorder(g.lane, g.vector, pixel, tile, g.row, g.panel);
  else g.out.reorder(g.lane, g.vector, pixel, tile, g.panel, g.row);
  // sums in registers; vectors innermost, so that a broadcast input value is used for all of them at once and needs one register
  g.sum.compute_at(g.out, tile).store_in(Halide::MemoryType::Register).bound_extent(g.lane, s.lanes).bound_extent(g.vector, s.vectors);
  g.sum.vectorize(g.lane).unroll(g.vector).unroll(g.column);
  g.sum.update().reorder(g.lane, g.vector, g.column, g.r[0], g.r[1], g.r[2], g.r[3]).vectorize(g.lane).unroll(g.vector).unroll(g.column);
  if (s.unroll > 1 && s.inputs % s.unroll == 0) g.sum.update().unroll(g.r[0], s.unroll);  // fewer branches, more code
  // im2col: a row's windows one behind the other, so that strides cost once for all panels
  if (plan.knob("algorithm") == kernels::kGeneratedIm2col) g.columns.compute_at(g.out, g.row).bound_extent(g.lane, s.lanes).vectorize(g.lane);
}

}  // namespace

Func direct(const kernels::ConvPlan& plan, const Buffers& buffers) {
  auto stages = algorithm(plan, buffers);
  schedule(plan, buffers.sizes, stages);
  fix_output(stages.out, plan);
  return stages.out;
}

}  // namespace scissionlite::pipelines
