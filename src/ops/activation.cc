#include "ops/activation.h"

#include <limits>

#include "base/text.h"
#include "ops/support.h"

namespace scissionlite::ops {
namespace {

struct Entry {
  ActivationKind kind;
  std::string_view name, domain;
};
constexpr Entry kEntries[] = {
    {ActivationKind::kRelu, "Relu", ""},       {ActivationKind::kClip, "Clip", ""},
    {ActivationKind::kHardSwish, "HardSwish", ""}, {ActivationKind::kHardSigmoid, "HardSigmoid", ""},
    {ActivationKind::kSigmoid, "Sigmoid", ""}, {ActivationKind::kSwish, "Swish", kFusedDomain},
    {ActivationKind::kLeakyRelu, "LeakyRelu", ""}, {ActivationKind::kTanh, "Tanh", ""},
    {ActivationKind::kElu, "Elu", ""},
};

const Entry* entry_named(std::string_view name) {
  for (const auto& entry : kEntries)
    if (entry.name == name) return &entry;
  return nullptr;
}

bool uses_alpha(ActivationKind kind) {
  return kind == ActivationKind::kClip || kind == ActivationKind::kHardSigmoid || kind == ActivationKind::kLeakyRelu || kind == ActivationKind::kElu;
}
bool uses_beta(ActivationKind kind) { return kind == ActivationKind::kClip || kind == ActivationKind::kHardSigmoid; }

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

std::string_view activation_name(ActivationKind kind) {
  for (const auto& entry : kEntries)
    if (entry.kind == kind) return entry.name;
  return "";
}

std::optional<ActivationKind> activation_named(std::string_view name) {
  const auto* entry = entry_named(name);
  return entry ? std::optional(entry->kind) : std::nullopt;
}

std::vector<ActivationKind> all_activations() {
  std::vector<ActivationKind> kinds;
  for (const auto& entry : kEntries) kinds.push_back(entry.kind);
  return kinds;
}

size_t constants_of(ActivationKind kind) { return uses_beta(kind) ? 2 : uses_alpha(kind) ? 1 : 0; }

Activation read_activation(const Context& c, const std::string& prefix) {
  const auto name = c.node.text_attribute(prefix + "activation", "");
  if (name.empty()) return {};
  const Entry* entry = entry_named(name);
  if (!entry) {
    std::vector<std::string> names;
    for (const auto known : all_activations()) names.emplace_back(activation_name(known));
    fail(c, "has the unknown " + prefix + "activation '" + name + "'" + did_you_mean(name, names));
  }
  return {entry->kind, c.node.float_attribute(prefix + "activation_alpha", 0), c.node.float_attribute(prefix + "activation_beta", 0)};
}

void write_activation(Node& node, const Activation& activation, const std::string& prefix) {
  for (const char* key : {"activation", "activation_alpha", "activation_beta"}) node.attributes.erase(prefix + key);
  if (activation.none()) return;
  node.attributes[prefix + "activation"] = std::string(activation_name(activation.kind));
  if (uses_alpha(activation.kind)) node.attributes[prefix + "activation_alpha"] = activation.alpha;
  if (uses_beta(activation.kind)) node.attributes[prefix + "activation_beta"] = activation.beta;
}

std::optional<Activation> activation_of(const Context& c, std::span<const Tensor> constants) {
  const Entry* entry = entry_named(c.node.op_type);
  if (!entry || entry->domain != c.node.domain) return std::nullopt;
  switch (entry->kind) {
    case ActivationKind::kClip: return clip(c, constants);
    case ActivationKind::kHardSigmoid: return Activation{entry->kind, c.node.float_attribute("alpha", 0.2f), c.node.float_attribute("beta", 0.5f)};
    case ActivationKind::kLeakyRelu: return Activation{entry->kind, c.node.float_attribute("alpha", 0.01f), 0};
    case ActivationKind::kElu: return Activation{entry->kind, c.node.float_attribute("alpha", 1.0f), 0};
    default: return Activation{entry->kind, 0, 0};
  }
}

void activate(const Activation& activation, std::span<float> values) {
  if (activation.none()) return;
  for (float& v : values) v = activation(v);
}

}  // namespace scissionlite::ops
