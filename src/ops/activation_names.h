// Names of the functions that end a fused operator. Of kernels too, which know nothing of graphs.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "ops/activation_kind.h"

namespace scissionlite::ops {

/// The operator's name, which is the value of the attribute; "" for none.
[[nodiscard]] std::string_view activation_name(ActivationKind kind);
/// The operator's domain.
[[nodiscard]] std::string_view activation_domain(ActivationKind kind);
/// Nothing for another operator's name.
[[nodiscard]] std::optional<ActivationKind> activation_named(std::string_view name);
[[nodiscard]] std::vector<ActivationKind> all_activations();
/// How many of alpha and beta it uses.
[[nodiscard]] size_t constants_of(ActivationKind kind);

}  // namespace scissionlite::ops
