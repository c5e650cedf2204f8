// What pipelines of all kinds share: what a kind is, buffers whose extents and strides are known, and images with borders.
#pragma once

#include <Halide.h>

#include "kernels/generated/kernel_plan.h"

namespace scissionlite::pipelines {

struct Pipeline {
  Halide::Func out;
  std::vector<Halide::Argument> arguments;
};
/// A kind defines k_pipeline_<kind>.
struct PipelineKind {
  bool may_have_residual;  // then there are two functions
  bool rounds_as_written;  // operations keep their order, nothing is contracted, and what is no number stays none
  Pipeline (*make)(const kernels::KernelPlan& plan, bool has_residual);
};

inline int as_int(int64_t value) { return static_cast<int>(value); }

/// Sets extent and stride of the dimensions from the first on, each lying within the next, so that the code computes no addresses from
/// them; returns the stride of what would come next.
int fix_dimensions(Halide::ImageParam& buffer, const std::vector<int>& extents);

/// An image (lane, column, row, block) with `outside` beyond its columns and rows.
[[nodiscard]] Halide::Func bordered(const Halide::ImageParam& image, int64_t width, int64_t height, const Halide::Expr& outside);

}  // namespace scissionlite::pipelines
