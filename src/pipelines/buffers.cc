#include "pipelines/buffers.h"

namespace scissionlite::pipelines {

int fix_dimensions(Halide::ImageParam& buffer, const std::vector<int>& extents) {
  int stride = 1;
  for (size_t d = 0; d < extents.size(); ++d) {
    buffer.dim(as_int(static_cast<int64_t>(d))).set_bounds(0, extents[d]).set_stride(stride);
    stride *= extents[d];
  }
  buffer.set_host_alignment(sizeof(float));
  return stride;
}

Halide::Func bordered(const Halide::ImageParam& image, int64_t width, int64_t height, const Halide::Expr& outside) {
  const Halide::Expr any;
  return Halide::BoundaryConditions::constant_exterior(image, outside, {{any, any}, {0, as_int(width)}, {0, as_int(height)}, {any, any}});
}

}  // namespace scissionlite::pipelines
