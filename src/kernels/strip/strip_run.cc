#include "kernels/strip/strip_run.h"

#include <algorithm>

namespace scissionlite::kernels {

void run_operation(const VectorLoops& loops, const StripOperation& o, const float* a, const float* b, const float* c, float* y, int64_t count,
                   int64_t pixels) {
  switch (o.kind) {
    case StripOperation::Kind::kUnary: return loops.unary(o.unary, a, y, count);
    case StripOperation::Kind::kActivation: return loops.activate(a, y, count, o.activation);
    case StripOperation::Kind::kScaleShift: return loops.scale_shift(a, b, c, y, pixels, o.activation);
    case StripOperation::Kind::kBinary:
      return loops.binary({.kind = o.binary,
                           .second = o.second,
                           .a = a,
                           .b = b,
                           .is_swapped = o.is_swapped,
                           .y = y,
                           .count = count,
                           .pixels = pixels,
                           .activation = {}});
  }
}

const float* padded(const float* vector, int64_t channels, int64_t lanes, float* to) {
  std::fill_n(std::copy_n(vector, channels % lanes, to), lanes - channels % lanes, 1.F);
  return to;
}

void clear_lanes(float* y, int64_t count, int64_t channels, int64_t lanes) {
  for (int64_t p = 0; p < count; p += lanes) std::fill(y + p + channels % lanes, y + p + lanes, 0.F);
}

bool is_by_row(const StripWalk& walk, const StripOperation& o) {
  const auto begins_anew = [&](int place) {
    return place >= 0 && static_cast<size_t>(place) < walk.operands.size() && !walk.operands[static_cast<size_t>(place)].is_continuous;
  };
  return begins_anew(o.a) || begins_anew(o.b) || begins_anew(o.c);
}

}  // namespace scissionlite::kernels
