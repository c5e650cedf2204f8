#include "tune/conv_with_end.h"

#include "base/error.h"
#include "base/text.h"
#include "ops/activation.h"

namespace scissionlite::tune {
namespace {

using ops::ActivationKind;

constexpr ActivationKind kLastKind = ActivationKind::kElu;

/// Such as networks have them.
kernels::ActivationArguments usual_arguments(ActivationKind kind) {
  switch (kind) {
    case ActivationKind::kClip: return {kind, 0, 6};
    case ActivationKind::kHardSigmoid: return {kind, 1.0F / 6, 0.5F};
    case ActivationKind::kLeakyRelu: return {kind, 0.1F, 0};
    case ActivationKind::kElu: return {kind, 1, 0};
    default: return {kind, 0, 0};
  }
}

kernels::ActivationArguments parse_activation(const std::string& name, const std::string& text) {
  for (int kind = 1; kind <= static_cast<int>(kLastKind); ++kind)
    if (ops::activation_name(static_cast<ActivationKind>(kind)) == name) return usual_arguments(static_cast<ActivationKind>(kind));
  throw InvalidArgument("[tune] '" + text + "' ends with '" + name + "'; expected the name of an activation such as 'Relu', or 'residual'");
}

}  // namespace

std::string ConvWithEnd::text() const {
  std::string text = problem.text();
  if (end.activation.kind != ActivationKind::kNone) text += " " + std::string(ops::activation_name(end.activation.kind));
  return end.has_residual ? text + " residual" : text;
}

ConvWithEnd parse_conv_with_end(const std::string& text) {
  const auto words = split(text, ' ');
  ConvWithEnd out(kernels::parse_problem(words.size() < 2 ? text : words[0] + " " + words[1]));
  for (size_t i = 2; i < words.size(); ++i) {
    if (words[i] == "residual") out.end.has_residual = true;
    else out.end.activation = parse_activation(words[i], text);
  }
  return out;
}

}  // namespace scissionlite::tune
