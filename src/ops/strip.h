// Strip: elementwise operators that follow one another, as one operator. Its program is a list of steps, each an operator with numbered
// operands, so that whatever runs it (or generates code for it) can take all steps over a few values before it goes on to the next ones.
//
// Attribute `program` holds a text for each step: "Mul %0 %1", "Clip %2 0 6". Values are numbered, inputs of the node first, then results of the
// steps in their order; the last one is the node's output.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "ops/ops.h"
#include "ops/strip_program.h"

namespace scissionlite::ops {

/// The program of a Strip. @throws ModelError naming the node and the step that cannot be one.
[[nodiscard]] StripProgram read_strip(const Context& c);
void write_strip(Node& node, const StripProgram& program);

/// A node as a program over its own inputs; nothing for an operator that no step can be. `constants[i]` is the value of input i where it
/// is known. Sum, Min and Max of more than two values are several steps; bounds of Clip become constants of its step, so that inputs may be left that
/// no step reads.
[[nodiscard]] std::optional<StripProgram> strip_of(const Context& c, std::span<const Tensor> constants);

/// Shape of each step's result, -1 where it is open. @throws ModelError when they do not fit.
[[nodiscard]] std::vector<Shape> step_shapes(const Context& c, const StripProgram& program, std::span<const Shape> inputs);

}  // namespace scissionlite::ops
