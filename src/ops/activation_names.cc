#include "ops/activation_names.h"

#include "ops/ops.h"

namespace scissionlite::ops {
namespace {

struct Entry {
  ActivationKind kind;
  std::string_view name, domain;
};
constexpr Entry kEntries[] = {
    {ActivationKind::kRelu, "Relu", ""},
    {ActivationKind::kClip, "Clip", ""},
    {ActivationKind::kHardSwish, "HardSwish", ""},
    {ActivationKind::kHardSigmoid, "HardSigmoid", ""},
    {ActivationKind::kSigmoid, "Sigmoid", ""},
    {ActivationKind::kSwish, "Swish", kFusedDomain},
    {ActivationKind::kLeakyRelu, "LeakyRelu", ""},
    {ActivationKind::kTanh, "Tanh", ""},
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

}  // namespace

std::string_view activation_name(ActivationKind kind) {
  for (const auto& entry : kEntries)
    if (entry.kind == kind) return entry.name;
  return "";
}

std::string_view activation_domain(ActivationKind kind) {
  for (const auto& entry : kEntries)
    if (entry.kind == kind) return entry.domain;
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

}  // namespace scissionlite::ops
