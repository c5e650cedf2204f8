// The C code around a kernel's object file: from KernelCall to the structures that Halide's functions take.
#pragma once

#include "kernels/conv/kernel_plan.h"

namespace scissionlite::generate {

/// C11; needs no header of ours or Halide's.
[[nodiscard]] std::string shim_of(const kernels::KernelPlan& plan);

}  // namespace scissionlite::generate
