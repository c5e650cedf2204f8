#include "ops/fused.h"

namespace scissionlite::ops {

void check_residual(const Context& c, const Shape& residual, const Shape& result) {
  bool fits = residual.size() == result.size();
  for (size_t d = 0; fits && d < result.size(); ++d) fits = residual[d] == result[d] || residual[d] < 0 || result[d] < 0;
  if (!fits) fail(c, "the residual " + to_string(residual) + " must have the shape of the result, " + to_string(result));
}

void add_and_activate(const Context& c, const Tensor& residual, const Activation& activation, Tensor& y) {
  auto out = y.mutable_as<float>();
  if (!residual.empty()) {
    check_residual(c, residual.shape(), y.shape());
    const auto r = residual.as<float>();
    for (size_t i = 0; i < out.size(); ++i) out[i] += r[i];
  }
  activate(activation, out);
}

}  // namespace scissionlite::ops
