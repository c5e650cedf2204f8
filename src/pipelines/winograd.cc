// Winograd's F(m, 3) for 3x3 kernels: tiles of m + 2 input pixels to frequencies, a product of matrices a frequency, and back. Tiles are
// counted through the image; what the last ones have beyond its end is not stored.
// Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016; m = 6 with the further points 1/2 and -1/2.
#include "pipelines/conv_buffers.h"

namespace scissionlite::pipelines {

using Halide::Expr;
using Halide::Func;
using Halide::RDom;
using Halide::TailStrategy;
using Halide::Var;

namespace {

using Matrix = std::vector<std::vector<float>>;

/// B^T, (m + 2, m + 2); of G see weight_transform.
Matrix input_transform(int m) {
  if (m == 2) return {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
  if (m == 4)
    return {{4, 0, -5, 0, 1, 0}, {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0}, {0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1}};
  return {{1, 0, -5.25F, 0, 5.25F, 0, -1, 0},     {0, 1, 1, -4.25F, -4.25F, 1, 1, 0},      {0, -1, 1, 4.25F, -4.25F, -1, 1, 0},
          {0, .5F, .25F, -2.5F, -1.25F, 2, 1, 0}, {0, -.5F, .25F, 2.5F, -1.25F, -2, 1, 0}, {0, 2, 4, -2.5F, -5, .5F, 1, 0},
          {0, -2, 4, 2.5F, -5, -.5F, 1, 0},       {0, -1, 0, 5.25F, 0, -5.25F, 0, 1}};
}

/// A^T, (m, m + 2).
Matrix output_transform(int m) {
  if (m == 2) return {{1, 1, 1, 0}, {0, 1, -1, -1}};
  if (m == 4) return {{1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}};
  return {{1, 1, 1, 1, 1, 1, 1, 0},
          {0, 1, -1, 2, -2, .5F, -.5F, 0},
          {0, 1, 1, 4, 4, .25F, .25F, 0},
          {0, 1, -1, 8, -8, .125F, -.125F, 0},
          {0, 1, 1, 16, 16, .0625F, .0625F, 0},
          {0, 1, -1, 32, -32, .03125F, -.03125F, 1}};
}

/// The line of the product that `index` selects: with an unrolled index all but that line vanish.
template <typename Value>
Expr times(const Matrix& matrix, const Expr& index, const Value& value) {
  std::vector<Expr> lines;
  for (const auto& row : matrix) {
    Expr sum;
    for (size_t k = 0; k < row.size(); ++k) {
      if (row[k] == 0) continue;
      const Expr term = row[k] == 1 ? value(as_int(static_cast<int64_t>(k))) : value(as_int(static_cast<int64_t>(k))) * row[k];
      sum = sum.defined() ? sum + term : term;
    }
    lines.push_back(sum);
  }
  return Halide::mux(index, lines);
}

struct Stages {
  Var lane{"lane"}, vector{"vector"}, tile{"tile"}, u{"u"}, v{"v"}, i{"i"}, j{"j"}, panel{"panel"}, block{"block"}, place{"place"};
  RDom r;       // input lane, input block
  RDom stored;  // column and row in a tile, tile
  Func input_half{"input_half"}, input{"input"}, sum{"sum"}, product{"product"}, output_half{"output_half"}, output{"output"}, out{"out"};
};

Stages algorithm(const kernels::ConvPlan& plan, const Buffers& b, int m) {
  const int across = as_int(plan.tiles_across()), height = as_int(plan.problem.out_h()), width = as_int(plan.problem.out_w());
  const auto to = input_transform(m), back = output_transform(m);
  Stages g;
  g.r = RDom({{0, b.sizes.lanes}, {0, b.sizes.in_blocks}}, "r");
  g.input_half(g.lane, g.u, g.v, g.tile, g.block) =
      times(to, g.u, [&](int k) { return b.x(g.lane, g.tile % across * m + g.v, g.tile / across * m + k, g.block); });
  g.input(g.lane, g.tile, g.u, g.v, g.block) = times(to, g.v, [&](int k) { return g.input_half(g.lane, g.u, k, g.tile, g.block); });
  g.sum(g.lane, g.vector, g.tile, g.u, g.v, g.panel) = 0.F;
  g.sum(g.lane, g.vector, g.tile, g.u, g.v, g.panel) +=
      g.input(g.r[0], g.tile, g.u, g.v, g.r[1]) * b.w(g.lane, g.vector, g.r[0], g.r[1], g.u * (m + 2) + g.v, g.panel);
  g.product(g.lane, g.vector, g.tile, g.u, g.v, g.panel) = g.sum(g.lane, g.vector, g.tile, g.u, g.v, g.panel);
  g.output_half(g.lane, g.vector, g.i, g.v, g.tile, g.panel) =
      times(back, g.i, [&](int k) { return g.product(g.lane, g.vector, g.tile, k, g.v, g.panel); });
  g.output(g.lane, g.vector, g.j, g.i, g.tile, g.panel) =
      times(back, g.j, [&](int k) { return g.output_half(g.lane, g.vector, g.i, k, g.tile, g.panel); });
  g.stored = RDom({{0, m}, {0, m}, {b.row, b.rows}}, "stored");
  const Expr column = g.stored[2] % across * m + g.stored[0], row = g.stored[2] / across * m + g.stored[1], at = row * width + column;
  g.stored.where(column < width && row < height);
  g.out(g.lane, g.vector, g.place, g.panel) = Halide::undef<float>();
  g.out(g.lane, g.vector, at, g.panel) =
      b.ended(g.output(g.lane, g.vector, g.stored[0], g.stored[1], g.stored[2], g.panel) + b.bias(g.lane, g.vector, g.panel),
              {g.lane, g.vector, at, g.panel});
  return g;
}

void schedule(const Sizes& s, Stages& g, int m) {
  Var tiles("tiles"), one("one");
  g.out.bound(g.lane, 0, s.lanes).bound(g.vector, 0, s.vectors).vectorize(g.lane);
  g.out.update().reorder(g.lane, g.stored[0], g.stored[1], g.vector, g.stored[2], g.panel).vectorize(g.lane).unroll(g.stored[0]).unroll(g.stored[1]);
  // both steps of a transform in registers and on the stack, unrolled: sums of a few, most factors 0, 1 or -1
  for (auto* stage : {&g.output, &g.output_half})
    stage->compute_at(g.out, g.vector).store_in(Halide::MemoryType::Stack).bound_extent(g.lane, s.lanes).vectorize(g.lane);
  g.output.bound_extent(g.i, m).bound_extent(g.j, m).unroll(g.i).unroll(g.j);
  g.output_half.bound_extent(g.i, m).bound_extent(g.v, m + 2).unroll(g.i).unroll(g.v);
  // all tiles of the call at once: panels read them one after the other
  g.input.compute_root()
      .bound_extent(g.lane, s.lanes)
      .bound_extent(g.u, m + 2)
      .bound_extent(g.v, m + 2)
      .reorder(g.lane, g.u, g.v, g.tile, g.block)
      .vectorize(g.lane)
      .unroll(g.u)
      .unroll(g.v);
  g.input_half.compute_at(g.input, g.tile)
      .store_in(Halide::MemoryType::Stack)
      .bound_extent(g.lane, s.lanes)
      .bound_extent(g.u, m + 2)
      .bound_extent(g.v, m + 2);
  g.input_half.vectorize(g.lane).unroll(g.u).unroll(g.v);
  // a frequency's weights of one panel stay in L1 for all tiles; the register tile is as in direct.cc
  g.product.compute_at(g.out, g.panel)
      .bound_extent(g.lane, s.lanes)
      .bound_extent(g.vector, s.vectors)
      .split(g.tile, tiles, one, s.tile_x, TailStrategy::ShiftInwards);
  g.product.reorder(g.lane, g.vector, one, tiles, g.u, g.v).vectorize(g.lane).unroll(g.vector).unroll(one);
  g.sum.compute_at(g.product, tiles)
      .store_in(Halide::MemoryType::Register)
      .bound_extent(g.lane, s.lanes)
      .bound_extent(g.vector, s.vectors)
      .vectorize(g.lane)
      .unroll(g.vector)
      .unroll(g.tile);
  g.sum.update().reorder(g.lane, g.vector, g.tile, g.r[0], g.r[1]).vectorize(g.lane).unroll(g.vector).unroll(g.tile);
  if (s.unroll > 1) g.sum.update().unroll(g.r[0], s.unroll);
}

/// Outputs (lane, vector, pixel, panel).
void fix_pixels(Func& out, const Sizes& s) {
  const int plane = s.out_width * s.out_rows * s.lanes;
  auto y = out.output_buffer();
  y.dim(0).set_bounds(0, s.lanes).set_stride(1);
  y.dim(1).set_bounds(0, s.vectors).set_stride(plane);
  y.dim(2).set_bounds(0, s.out_width * s.out_rows).set_stride(s.lanes);
  y.dim(3).set_stride(plane * s.vectors);
  y.set_host_alignment(sizeof(float));
}

}  // namespace

Func winograd(const kernels::ConvPlan& plan, const Buffers& buffers) {
  const int m = as_int(plan.winograd_edge());
  auto stages = algorithm(plan, buffers, m);
  schedule(buffers.sizes, stages, m);
  fix_pixels(stages.out, buffers.sizes);
  return stages.out;
}

}  // namespace scissionlite::pipelines
