// Convolutions as Halide pipelines: the program scissionlite-generate, which turns a KernelPlan into an object file.
//
// What lives here: the algorithms (direct.cc, depthwise.cc, winograd.cc), each followed by its schedule, and what they share (buffers.h).
// Relies on kernels/conv/kernel_plan.h for layouts and on tune for the text of a problem; nothing else may include Halide. It is a
// program of its own because libHalide.so holds a whole LLVM: nobody who runs a network loads it, and a crash of the compiler is
// that of a child process.
#pragma once

#include <string>

#include "kernels/conv/kernel_plan.h"

namespace scissionlite::pipelines {

/// Writes the object file: functions scissionlite_generated_plain and scissionlite_generated_residual, which src/generate/shim.cc calls.
/// @throws InvalidArgument for an invalid plan; InternalError with Halide's words.
void compile(const kernels::KernelPlan& plan, const std::string& path);

}  // namespace scissionlite::pipelines
