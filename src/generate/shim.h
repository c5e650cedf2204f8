// The C code around a kernel's object file: from its kind's call structure to the structures that Halide's functions take.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "kernels/generated/kernel_plan.h"

namespace scissionlite::generate {

/// C11; needs no header of ours or Halide's. @throws InvalidArgument for a problem of no kind.
[[nodiscard]] std::string shim_of(const kernels::KernelPlan& plan);

/// What a kind of kernel says of its C code: the structure `c` points to, and the arguments of its functions made from that, as C
/// expressions. A kind defines k_shim_<kind>, a function of a plan.
struct ShimDimension {
  std::string min, extent, stride;  // of 32 bits
};
struct ShimBuffer {
  std::string name, data;  // data: of its first value
  std::vector<ShimDimension> dimensions;
};
struct Shim {
  std::string call;         // the members of the structure
  std::string before = {};  // statements ahead of the buffers
  std::vector<ShimBuffer> inputs;
  std::vector<ShimBuffer> residual = {};                     // none or one: where its data is null, the function without it is called
  std::vector<std::pair<std::string, std::string>> scalars;  // C type and value, behind the buffers
  ShimBuffer output;
};
using ShimOf = Shim (*)(const kernels::KernelPlan& plan);

/// Values that lie one behind the other, the first dimension within the second.
[[nodiscard]] std::vector<ShimDimension> dense(const std::vector<int64_t>& extents);
[[nodiscard]] ShimDimension dimension(int64_t extent, int64_t stride);

}  // namespace scissionlite::generate
