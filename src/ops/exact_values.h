// Values of a tensor in numbers that hold them exactly: float for all types that it holds, else the type's own.
#pragma once

#include "base/tensor.h"

namespace scissionlite::ops {

/// `use` gets a span, valid during the call. Copies all but the types that float rounds, and float itself.
/// @throws Unsupported for a type without numbers.
template <typename Use>
decltype(auto) with_exact_values(const Tensor& x, Use&& use) {
  switch (x.dtype()) {
    case Dtype::kF64: return use(x.as<double>());
    case Dtype::kI64: return use(x.as<int64_t>());
    case Dtype::kU64: return use(x.as<uint64_t>());
    case Dtype::kI32: return use(x.as<int32_t>());
    case Dtype::kU32: return use(x.as<uint32_t>());
    default: break;
  }
  const auto values = x.to_f32();
  return use(values.as<float>());
}

}  // namespace scissionlite::ops
