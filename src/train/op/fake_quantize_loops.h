// Inner loops of FakeQuantize over neighbours that share a step. Free of libtorch.
#pragma once

#include <cstdint>

namespace scissionlite::train::op {

/// Attributes `low` and `high`, the codes at the ends; `is_odd`: odd codes only.
struct Codes {
  double low, high;
  bool is_odd;
};

/// y = step * code(x / step).
void values_of_codes(const float* x, int64_t n, float step, const Codes& codes, float* y);
void values_of_codes(const double* x, int64_t n, double step, const Codes& codes, double* y);

/// Inside the range the gradient goes on to x, outside none does. @return the step's: code - x / step inside, the code outside, each times the
/// gradient.
double gradients_of_codes(const float* x, const float* gradient, int64_t n, float step, const Codes& codes, float* of_x);
double gradients_of_codes(const double* x, const double* gradient, int64_t n, double step, const Codes& codes, double* of_x);

}  // namespace scissionlite::train::op
