#include "ops/strip_program.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/text.h"

namespace scissionlite::ops {
namespace {

constexpr std::string_view kBinary[] = {"Add", "Sub", "Mul", "Div", "Min", "Max"};
constexpr std::string_view kUnary[] = {"Floor", "Ceil", "Round", "Neg", "Abs", "Sqrt", "Reciprocal"};

[[noreturn]] void refuse(const std::string& reason) { throw InvalidArgument(reason); }

template <typename Number>
Number read_number(std::string_view word) {
  Number value{};
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || end != word.data() + word.size()) refuse("'" + std::string(word) + "' is no number");
  return value;
}

size_t operands_of(const std::string& op) {
  if (const size_t operands = arithmetic_operands(op); operands > 0) return operands;
  if (activation_named(op)) return 1;
  std::vector<std::string> names(std::begin(kBinary), std::end(kBinary));
  names.insert(names.end(), std::begin(kUnary), std::end(kUnary));
  for (const auto kind : all_activations()) names.emplace_back(activation_name(kind));
  refuse("no step can be '" + op + "'" + did_you_mean(op, names));
}

/// The shortest text that is read as the same float.
std::string text_of(float value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof(text), value).ptr};
}

}  // namespace

size_t arithmetic_operands(std::string_view op) {
  if (std::find(std::begin(kBinary), std::end(kBinary), op) != std::end(kBinary)) return 2;
  return std::find(std::begin(kUnary), std::end(kUnary), op) != std::end(kUnary) ? 1 : 0;
}

std::string text_of(const StripStep& step) {
  std::string text = step.op;
  for (const int operand : step.operands) text += " %" + std::to_string(operand);
  for (const float constant : step.constants) text += " " + text_of(constant);
  return text;
}

StripStep parse_step(const std::string& text, int values) {
  const auto words = split(text, ' ');
  StripStep step{words[0], {}, {}};
  const auto kind = activation_named(step.op);
  const size_t operands = operands_of(step.op), constants = kind ? constants_of(*kind) : 0;
  if (words.size() != 1 + operands + constants)
    refuse("expected " + std::to_string(operands) + " values and " + std::to_string(constants) + " constants");
  for (size_t i = 1; i < words.size(); ++i) {
    if (i > operands) {
      step.constants.push_back(read_number<float>(words[i]));
      continue;
    }
    if (words[i].empty() || words[i][0] != '%') refuse("expected a value such as %0, got '" + words[i] + "'");
    step.operands.push_back(read_number<int>(std::string_view(words[i]).substr(1)));
    if (step.operands.back() < 0 || step.operands.back() >= values) refuse("values before it are %0 to %" + std::to_string(values - 1));
  }
  return step;
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

}  // namespace scissionlite::ops
