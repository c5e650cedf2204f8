// Kernels made to order: a KernelPlan becomes a shared object with a plain C interface.
//
// What lives here: running the program scissionlite-generate (src/pipelines), which alone needs Halide; the C code around what it
// gives (shim.h); compiler and linker. Relies on kernels. Works on the machine that tunes; what runs a network needs the object only.
#pragma once

#include "base/file.h"
#include "kernels/generated/kernel_plan.h"

namespace scissionlite::generate {

struct Tools {
  fs::path program;      // scissionlite-generate
  std::string compiler;  // C compiler and linker of the target: "cc", "aarch64-linux-gnu-gcc"
};
/// The program beside this one, or what SCISSIONLITE_GENERATE names; the compiler that CC names, else cc.
[[nodiscard]] Tools default_tools();
/// Why kernels cannot be made here, with what to do, or empty.
[[nodiscard]] std::string reason_against(const Tools& tools);

/// Writes the object. Cost: 0.5 to 2 s of one core and some 200 MB.
/// @throws InvalidArgument for an invalid plan, Unsupported where a tool is missing, InternalError with what a tool said.
void make_kernel(const kernels::KernelPlan& plan, const Tools& tools, const fs::path& object);

}  // namespace scissionlite::generate
