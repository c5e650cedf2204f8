#include "ops/activation.h"

#include <limits>

#include "base/text.h"
#include "ops/support.h"

namespace scissionlite::ops {
namespace {

/// Attributes below opset 11, inputs from it; nothing when a bound is given and not constant.
std::optional<float> clip_bound(const Context& c, std::span<const Tensor> constants, size_t input, const char* attribute, float fallback) {
  if (c.opset < 11) return c.node.float_attribute(attribute, fallback);
  if (c.node.inputs.size() <= input || c.node.inputs[input].empty()) return fallback;
  if (constants.size() <= input || constants[input].dtype() != Dtype::kF32 || constants[input].size() != 1) return std::nullopt;
  return constants[input].as<float>()[0];
}

std::optional<Activation> clip(const Context& c, std::span<const Tensor> constants) {
  constexpr float kMost = std::numeric_limits<float>::infinity();
  const auto low = clip_bound(c, constants, 1, "min", -kMost), high = clip_bound(c, constants, 2, "max", kMost);
  if (!low || !high) return std::nullopt;
  return Activation{ActivationKind::kClip, *low, *high};
}

}  // namespace

Activation read_activation(const Context& c, const std::string& prefix) {
  const auto name = c.node.text_attribute(prefix + "activation", "");
  if (name.empty()) return {};
  const auto kind = activation_named(name);
  if (!kind) {
    std::vector<std::string> names;
    for (const auto known : all_activations()) names.emplace_back(activation_name(known));
    fail(c, "has the unknown " + prefix + "activation '" + name + "'" + did_you_mean(name, names));
  }
  return {*kind, c.node.float_attribute(prefix + "activation_alpha", 0), c.node.float_attribute(prefix + "activation_beta", 0)};
}

void write_activation(Node& node, const Activation& activation, const std::string& prefix) {
  for (const char* key : {"activation", "activation_alpha", "activation_beta"}) node.attributes.erase(prefix + key);
  if (activation.none()) return;
  node.attributes[prefix + "activation"] = std::string(activation_name(activation.kind));
  if (constants_of(activation.kind) > 0) node.attributes[prefix + "activation_alpha"] = activation.alpha;
  if (constants_of(activation.kind) > 1) node.attributes[prefix + "activation_beta"] = activation.beta;
}

std::optional<Activation> activation_of(const Context& c, std::span<const Tensor> constants) {
  const auto kind = activation_named(c.node.op_type);
  if (!kind || activation_domain(*kind) != c.node.domain) return std::nullopt;
  switch (*kind) {
    case ActivationKind::kClip: return clip(c, constants);
    case ActivationKind::kHardSigmoid: return Activation{*kind, c.node.float_attribute("alpha", 0.2f), c.node.float_attribute("beta", 0.5f)};
    case ActivationKind::kLeakyRelu: return Activation{*kind, c.node.float_attribute("alpha", 0.01f), 0};
    case ActivationKind::kElu: return Activation{*kind, c.node.float_attribute("alpha", 1.0f), 0};
    default: return Activation{*kind, 0, 0};
  }
}

void activate(const Activation& activation, std::span<float> values) {
  if (activation.none()) return;
  for (float& v : values) v = activation(v);
}

}  // namespace scissionlite::ops
