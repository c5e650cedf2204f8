// The inputs of a convolution, with every extent and stride that is known set, so that the code computes no addresses from them.
#pragma once

#include "kernels/generated/conv_plan.h"
#include "pipelines/buffers.h"

namespace scissionlite::pipelines {

struct Sizes {
  explicit Sizes(const kernels::ConvPlan& plan);
  int lanes, inputs, vectors, panels, in_blocks, kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
  int in_width;  // of the frame; all pixels where they are kept
  int out_width, out_rows;
  int tile_x, tile_y, unroll;
};

/// See ConvCall for what they hold.
struct Buffers {
  Buffers(const kernels::ConvPlan& plan, bool has_residual);
  [[nodiscard]] std::vector<Halide::Argument> arguments() const;
  /// clip(value + residual) at an output's place.
  [[nodiscard]] Halide::Expr ended(const Halide::Expr& value, const std::vector<Halide::Expr>& place) const;

  Sizes sizes;
  Halide::ImageParam x;     // (lane, column, row, block)
  Halide::ImageParam w;     // direct (lane, vector, input, kernel column, kernel row, block, panel), depthwise (lane, column, row, block),
                            // Winograd (lane, vector, input, block, frequency, panel)
  Halide::ImageParam bias;  // (lane, vector, panel)
  Halide::ImageParam residual;
  Halide::Param<int> block{"block"}, blocks{"blocks"}, row{"row"}, rows{"rows"};
  Halide::Param<float> low{"low"}, high{"high"};
  bool has_residual;
};

/// Outputs (lane, vector, column, row, panel), with rows (columns where pixels are kept) and panels as the call says.
void fix_output(Halide::Func& out, const kernels::ConvPlan& plan);

Halide::Func direct(const kernels::ConvPlan& plan, const Buffers& buffers);
Halide::Func depthwise(const kernels::ConvPlan& plan, const Buffers& buffers);
Halide::Func winograd(const kernels::ConvPlan& plan, const Buffers& buffers);

}  // namespace scissionlite::pipelines
