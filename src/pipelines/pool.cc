// Pooling: a register tile of tile_y x tile_x pixels of one channel block, its windows unrolled. With two steps the largest values (or sums)
// of each column of a row of windows come first, which stay in registers and are shared by windows that overlap. What lies outside the image
// is not copied: Halide makes loops of their own for tiles at the borders.
#include "kernels/generated/pool_plan.h"
#include "pipelines/buffers.h"

namespace scissionlite::pipelines {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::TailStrategy;
using Halide::Var;

/// Of `count` values, in order.
template <typename Value>
Expr folded(bool is_max, int64_t count, const Value& value) {
  Expr all = value(0);
  for (int i = 1; i < as_int(count); ++i) all = is_max ? Halide::max(all, value(i)) : all + value(i);
  return all;
}

struct Stages {
  Var lane{"lane"}, column{"column"}, row{"row"}, plane{"plane"};
  Func columns{"columns"}, out{"out"};
};

Stages algorithm(const kernels::PoolPlan& plan, const Halide::ImageParam& image, const Halide::ImageParam& row_scale,
                 const Halide::ImageParam& column_scale) {
  const auto& p = plan.problem;
  const auto number = [](int64_t value) { return as_int(value); };
  const Func x = plan.has_border() ? bordered(image, p.w, p.h, p.is_max ? Halide::Float(32).min() : Expr(0.F)) : Func(image);
  Stages g;
  g.columns(g.lane, g.column, g.row, g.plane) = folded(p.is_max, p.kernel_h, [&](int k) {
    return x(g.lane, g.column, g.row * number(p.stride_h) + k * number(p.dilation_h) - number(p.top), g.plane);
  });
  const Expr value = folded(p.is_max, p.kernel_w, [&](int k) {
    return g.columns(g.lane, g.column * number(p.stride_w) + k * number(p.dilation_w) - number(p.left), g.row, g.plane);
  });
  g.out(g.lane, g.column, g.row, g.plane) = p.is_max ? value : value * (row_scale(g.row) * column_scale(g.column));
  return g;
}

void schedule(const kernels::PoolPlan& plan, Stages& g) {
  const int lanes = as_int(plan.lanes()), tile_x = as_int(plan.knob("tile_x")), tile_y = as_int(plan.knob("tile_y"));
  Var tile_column("tile_column"), tile_row("tile_row"), x("x"), y("y");
  g.out.bound(g.lane, 0, lanes);
  g.out.split(g.column, tile_column, x, tile_x, TailStrategy::ShiftInwards).split(g.row, tile_row, y, tile_y, TailStrategy::ShiftInwards);
  g.out.reorder(g.lane, x, y, tile_column, tile_row, g.plane).vectorize(g.lane).unroll(x).unroll(y);
  if (plan.knob("steps") == 1) return;  // columns within their windows
  g.columns.compute_at(g.out, tile_column)
      .store_in(Halide::MemoryType::Register)
      .bound_extent(g.lane, lanes)
      .vectorize(g.lane)
      .unroll(g.column)
      .unroll(g.row);
}

Pipeline make(const kernels::KernelPlan& generic, bool) {
  const auto plan = kernels::pool_plan(generic);
  const auto& p = plan.problem;
  const int lanes = as_int(plan.lanes()), width = as_int(p.w), height = as_int(p.h), out_width = as_int(p.out_w), out_height = as_int(p.out_h);
  Halide::ImageParam image(Halide::Float(32), 4, "x"), row_scale(Halide::Float(32), 1, "row_scale"),
      column_scale(Halide::Float(32), 1, "column_scale");
  image.dim(0).set_bounds(0, lanes).set_stride(1);
  image.dim(1).set_bounds(0, width).set_stride(lanes);
  image.dim(2).set_bounds(0, height).set_stride(lanes * width);
  image.dim(3).set_stride(lanes * width * height);
  image.set_host_alignment(sizeof(float));
  fix_dimensions(row_scale, {out_height});
  fix_dimensions(column_scale, {out_width});
  auto stages = algorithm(plan, image, row_scale, column_scale);
  schedule(plan, stages);
  auto y = stages.out.output_buffer();
  y.dim(0).set_bounds(0, lanes).set_stride(1);
  y.dim(1).set_bounds(0, out_width).set_stride(lanes);
  y.dim(2).set_stride(lanes * out_width);
  y.dim(3).set_stride(lanes * out_width * out_height);
  y.set_host_alignment(sizeof(float));
  return {stages.out, {image, row_scale, column_scale}};
}

}  // namespace

extern const PipelineKind k_pipeline_pool;
const PipelineKind k_pipeline_pool{/*may_have_residual=*/false, /*rounds_as_written=*/false, make};

}  // namespace scissionlite::pipelines
