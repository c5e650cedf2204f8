#include "ops/strip.h"

#include "base/error.h"
#include "ops/support.h"

namespace scissionlite::ops {
namespace {

/// From left to right, as Sum, Min and Max go.
StripProgram fold(const std::string& op, int inputs) {
  StripProgram program{inputs, {}};
  for (int i = 1; i < inputs; ++i) program.steps.push_back({op, {i == 1 ? 0 : inputs + i - 2, i}});
  return program;
}

std::vector<ValueInfo> shape(const Context& c, std::span<const ValueInfo> in, std::span<const Tensor>) {
  const auto program = read_strip(c);
  std::vector<Shape> shapes;
  for (const auto& info : in) {
    if (!info.has_shape) return {unshaped(Dtype::kF32)};
    shapes.push_back(info.shape);
  }
  return {typed(Dtype::kF32, step_shapes(c, program, shapes).back())};
}

/// What the step's operator computes.
Tensor run_step(const Context& c, const StripStep& step, std::span<const Tensor> values) {
  std::vector<Tensor> operands;
  for (const int operand : step.operands) operands.push_back(values[static_cast<size_t>(operand)]);
  if (const auto activation = activation_of(step)) {
    Tensor y = operands[0].clone();
    activate(*activation, y.mutable_as<float>());
    return y;
  }
  constexpr int64_t kOpset = 13;
  return find("", step.op)->reference({c.node, kOpset}, operands)[0];
}

std::vector<Tensor> reference(const Context& c, std::span<const Tensor> in) {
  const auto program = read_strip(c);
  std::vector<Tensor> values(in.begin(), in.end());
  for (const auto& value : values)
    if (value.dtype() != Dtype::kF32) fail(c, "got an input of " + std::string(dtype_name(value.dtype())) + "; expected float32");
  for (const auto& step : program.steps) values.push_back(run_step(c, step, values));
  return {values.back()};
}

}  // namespace

StripProgram read_strip(const Context& c) {
  StripProgram program{static_cast<int>(c.node.inputs.size()), {}};
  const auto it = c.node.attributes.find("program");
  const auto* steps = it == c.node.attributes.end() ? nullptr : std::get_if<std::vector<std::string>>(&it->second);
  if (!steps || steps->empty()) fail(c, "has no steps; expected the attribute 'program', a list of texts such as 'Add %0 %1'");
  for (const auto& text : *steps) {
    try {
      program.steps.push_back(parse_step(text, program.value_of(program.steps.size())));
    } catch (const InvalidArgument& e) { fail(c, "has the step '" + text + "' in its program: " + e.what()); }
  }
  return program;
}

void write_strip(Node& node, const StripProgram& program) {
  std::vector<std::string> steps;
  for (const auto& step : program.steps) steps.push_back(text_of(step));
  node.op_type = "Strip";
  node.domain = kFusedDomain;
  node.attributes = {{"program", std::move(steps)}};
}

std::optional<StripProgram> strip_of(const Context& c, std::span<const Tensor> constants) {
  const auto& node = c.node;
  const auto inputs = static_cast<int>(node.inputs.size());
  if (node.domain == kFusedDomain && node.op_type == "Strip") return read_strip(c);
  if (const auto activation = activation_of(c, constants); activation && inputs > 0) return StripProgram{inputs, {step_of(*activation, 0)}};
  if (!node.domain.empty()) return std::nullopt;
  if (arithmetic_operands(node.op_type) == 1 && inputs == 1) return StripProgram{1, {{node.op_type, {0}}}};
  const bool takes_more = node.op_type == "Sum" || node.op_type == "Min" || node.op_type == "Max";
  if (takes_more && inputs > 1) return fold(node.op_type == "Sum" ? "Add" : node.op_type, inputs);
  return arithmetic_operands(node.op_type) == 2 && inputs == 2 ? std::optional(fold(node.op_type, 2)) : std::nullopt;
}

std::vector<Shape> step_shapes(const Context& c, const StripProgram& program, std::span<const Shape> inputs) {
  std::vector<Shape> shapes(inputs.begin(), inputs.end());
  for (const auto& step : program.steps) {
    Shape shape = shapes[static_cast<size_t>(step.operands[0])];
    if (step.operands.size() > 1) shape = broadcast(c, shape, shapes[static_cast<size_t>(step.operands[1])]);
    shapes.push_back(std::move(shape));
  }
  shapes.erase(shapes.begin(), shapes.begin() + program.inputs);
  return shapes;
}

extern const Operator strip;
const Operator strip{"scissionlite", "Strip", shape, no_cost, reference};

}  // namespace scissionlite::ops
