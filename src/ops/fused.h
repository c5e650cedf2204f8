// What fused operators share. Private to ops/.
#pragma once

#include "ops/activation.h"
#include "ops/support.h"

namespace scissionlite::ops {

/// Input i, or an empty tensor / a type without shape where it is absent.
template <typename T>
[[nodiscard]] T input_or_none(std::span<const T> in, size_t i) {
  return in.size() > i ? in[i] : T{};
}

/// A residual has the shape of the result: it is added element by element, never repeated.
/// @throws ModelError when it cannot.
void check_residual(const Context& c, const Shape& residual, const Shape& result);

/// y = activation(y + residual), in place; an empty residual adds nothing.
void add_and_activate(const Context& c, const Tensor& residual, const Activation& activation, Tensor& y);

}  // namespace scissionlite::ops
