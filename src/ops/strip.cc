#include "ops/strip.h"

#include <charconv>

#include "base/text.h"
#include "ops/support.h"

namespace scissionlite::ops {
namespace {

constexpr std::string_view kBinary[] = {"Add", "Sub", "Mul", "Div", "Min", "Max"};
constexpr std::string_view kUnary[] = {"Floor", "Ceil", "Round", "Neg", "Abs", "Sqrt", "Reciprocal"};

bool is_binary(std::string_view op) { return std::find(std::begin(kBinary), std::end(kBinary), op) != std::end(kBinary); }
bool is_unary(std::string_view op) { return std::find(std::begin(kUnary), std::end(kUnary), op) != std::end(kUnary); }

[[noreturn]] void refuse(const Context& c, const std::string& text, const std::string& reason) { fail(c, "has the step '" + text + "' in its program: " + reason); }

template <typename Number>
Number read_number(const Context& c, const std::string& text, std::string_view word) {
  Number value{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size()) refuse(c, text, "'" + std::string(word) + "' is no number");
  return value;
}

size_t operands_of(const Context& c, const std::string& text, const std::string& op) {
  if (is_binary(op)) return 2;
  if (is_unary(op) || activation_named(op)) return 1;
  std::vector<std::string> names(std::begin(kBinary), std::end(kBinary));
  names.insert(names.end(), std::begin(kUnary), std::end(kUnary));
  for (const auto kind : all_activations()) names.emplace_back(activation_name(kind));
  refuse(c, text, "no step can be '" + op + "'" + did_you_mean(op, names));
}

StripStep read_step(const Context& c, const std::string& text, int values) {
  const auto words = split(text, ' ');
  StripStep step{words[0], {}, {}};
  const auto kind = activation_named(step.op);
  const size_t operands = operands_of(c, text, step.op), constants = kind ? constants_of(*kind) : 0;
  if (words.size() != 1 + operands + constants) refuse(c, text, "expected " + std::to_string(operands) + " values and " + std::to_string(constants) + " constants");
  for (size_t i = 1; i < words.size(); ++i) {
    if (i > operands) {
      step.constants.push_back(read_number<float>(c, text, words[i]));
      continue;
    }
    if (words[i].empty() || words[i][0] != '%') refuse(c, text, "expected a value such as %0, got '" + words[i] + "'");
    step.operands.push_back(read_number<int>(c, text, std::string_view(words[i]).substr(1)));
    if (step.operands.back() < 0 || step.operands.back() >= values) refuse(c, text, "values before it are %0 to %" + std::to_string(values - 1));
  }
  return step;
}

/// The shortest text that is read as the same float.
std::string text_of(float value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof(text), value).ptr};
}

std::string text_of(const StripStep& step) {
  std::string text = step.op;
  for (const int operand : step.operands) text += " %" + std::to_string(operand);
  for (const float constant : step.constants) text += " " + text_of(constant);
  return text;
}

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
  for (const auto& text : *steps) program.steps.push_back(read_step(c, text, program.value_of(program.steps.size())));
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
  if (is_unary(node.op_type) && inputs == 1) return StripProgram{1, {{node.op_type, {0}}}};
  const bool takes_more = node.op_type == "Sum" || node.op_type == "Min" || node.op_type == "Max";
  if (takes_more && inputs > 1) return fold(node.op_type == "Sum" ? "Add" : node.op_type, inputs);
  return is_binary(node.op_type) && inputs == 2 ? std::optional(fold(node.op_type, 2)) : std::nullopt;
}

StripStep step_of(const Activation& activation, int operand) {
  const float constants[] = {activation.alpha, activation.beta};
  return {std::string(activation_name(activation.kind)), {operand}, {constants, constants + constants_of(activation.kind)}};
}

std::optional<Activation> activation_of(const StripStep& step) {
  const auto kind = activation_named(step.op);
  if (!kind) return std::nullopt;
  Activation activation{*kind};
  if (!step.constants.empty()) activation.alpha = step.constants[0];
  if (step.constants.size() > 1) activation.beta = step.constants[1];
  return activation;
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
