// Generated kernels as Halide pipelines: the program scissionlite-generate, which turns a KernelPlan into an object file.
//
// What lives here: a file a kind of kernel (conv.cc and its algorithms direct.cc, depthwise.cc, winograd.cc; chain.cc, pool.cc, strip.cc), each an
// algorithm followed by its schedule, and what they share (buffers.h, conv_buffers.h). Relies on kernels/generated for problems and layouts;
// nothing else may include Halide. It is a program of its own because libHalide.so holds a whole LLVM: nobody who runs a network loads it,
// and a crash of the compiler is that of a child process.
#pragma once

#include <string>

#include "kernels/generated/kernel_plan.h"

namespace scissionlite::pipelines {

/// Writes the object file: the function scissionlite_generated_plain and, of kinds that have a residual, scissionlite_generated_residual,
/// which the C code of src/generate calls.
/// @throws InvalidArgument for an invalid plan; InternalError with Halide's words.
void compile(const kernels::KernelPlan& plan, const std::string& path);

}  // namespace scissionlite::pipelines
