// A convolution by its definition, for tests.
#pragma once

#include <vector>

#include "kernels/conv/conv.h"

namespace scissionlite::kernels {

/// Sum of products of one output, in double precision. @param x, w  as ONNX has them: (n, c, h, w), (k, c / groups, kernel_h, kernel_w).
inline double one_output(const ConvProblem& p, const std::vector<float>& x, const std::vector<float>& w, int64_t n, int64_t k, int64_t row,
                         int64_t column) {
  const int64_t in = p.c / p.groups, first = k / (p.k / p.groups) * in;
  double sum = 0;
  for (int64_t c = 0; c < in; ++c)
    for (int64_t i = 0; i < p.kernel_h; ++i)
      for (int64_t j = 0; j < p.kernel_w; ++j) {
        const int64_t at_h = row * p.stride_h - p.top + i * p.dilation_h, at_w = column * p.stride_w - p.left + j * p.dilation_w;
        if (at_h < 0 || at_h >= p.h || at_w < 0 || at_w >= p.w) continue;
        sum += static_cast<double>(x[static_cast<size_t>(((n * p.c + first + c) * p.h + at_h) * p.w + at_w)]) *
               w[static_cast<size_t>(((k * in + c) * p.kernel_h + i) * p.kernel_w + j)];
      }
  return sum;
}

}  // namespace scissionlite::kernels
