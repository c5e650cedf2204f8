// Depthwise convolution: a register tile of tile_y x tile_x pixels of one channel block. An input value that several rows of the tile
// need is loaded once, and the kernel is unrolled, so that its weights are operands of the multiply-adds. Padded input is not copied: Halide
// makes loops of their own for tiles at the borders, and where a tile's place is fixed, taps outside the image leave no code at all.
#include "pipelines/conv_buffers.h"

namespace scissionlite::pipelines {

using Halide::Func;
using Halide::RDom;
using Halide::TailStrategy;
using Halide::Var;

Func depthwise(const kernels::ConvPlan& plan, const Buffers& b) {
  const auto& s = b.sizes;
  const auto& p = plan.problem;
  const int left = as_int(p.left), top = as_int(p.top);
  const Func x_in = p.is_padded() ? bordered(b.x, p.w, p.h, 0.F) : Func(b.x);
  Var lane("lane"), vector("vector"), column("column"), row("row"), panel("panel");
  RDom r({{0, s.kernel_w}, {0, s.kernel_h}}, "r");
  Func sum("sum"), out("out");
  sum(lane, column, row, panel) = b.bias(lane, 0, panel);
  sum(lane, column, row, panel) += x_in(lane, column * s.stride_w + r[0] * s.dilation_w - left, row * s.stride_h + r[1] * s.dilation_h - top, panel) *
                                   b.w(lane, r[0], r[1], panel);
  out(lane, vector, column, row, panel) = b.ended(sum(lane, column, row, panel), {lane, vector, column, row, panel});

  Var tile_column("tile_column"), tile_row("tile_row"), x("x"), y("y");
  out.bound(lane, 0, s.lanes).bound(vector, 0, 1);
  out.split(column, tile_column, x, s.tile_x, TailStrategy::ShiftInwards).split(row, tile_row, y, s.tile_y, TailStrategy::ShiftInwards);
  out.reorder(lane, x, y, vector, tile_column, tile_row, panel).vectorize(lane).unroll(x).unroll(y).unroll(vector);
  sum.compute_at(out, tile_column).store_in(Halide::MemoryType::Register).bound_extent(lane, s.lanes).vectorize(lane).unroll(column).unroll(row);
  sum.update().reorder(lane, column, row, r[0], r[1]).vectorize(lane).unroll(column).unroll(row).unroll(r[0]).unroll(r[1]);
  fix_output(out, plan);
  return out;
}

}  // namespace scissionlite::pipelines
