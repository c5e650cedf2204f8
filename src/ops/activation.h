// What a fused operator does last to each element: one of the elementwise functions below, written as attributes of its node.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ops/activation_names.h"
#include "ops/ops.h"

namespace scissionlite::ops {

/// y = f(x). `alpha` and `beta` are low and high of Clip, alpha and beta of HardSigmoid, alpha of LeakyRelu and of Elu; the
/// others use neither. Gives what the operator of the same name gives.
struct Activation {
  ActivationKind kind = ActivationKind::kNone;
  float alpha = 0, beta = 0;

  [[nodiscard]] bool none() const { return kind == ActivationKind::kNone; }
  [[nodiscard]] inline float operator()(float x) const;
  bool operator==(const Activation&) const = default;
};

/// Attributes `activation` (a name, absent or "" for none), `activation_alpha` and `activation_beta`, each behind `prefix`.
/// @throws ModelError for another name.
[[nodiscard]] Activation read_activation(const Context& c, const std::string& prefix = "");
void write_activation(Node& node, const Activation& activation, const std::string& prefix = "");

/// What an ordinary node (Relu, Clip, Swish, ...) does to its first input; nothing for other operators, and for a Clip whose
/// bounds are not constant. `constants[i]` is the value of input i where it is known.
[[nodiscard]] std::optional<Activation> activation_of(const Context& c, std::span<const Tensor> constants);

/// In place.
void activate(const Activation& activation, std::span<float> values);

inline float Activation::operator()(float x) const {
  switch (kind) {
    case ActivationKind::kNone: return x;
    case ActivationKind::kRelu: return x > 0 || std::isnan(x) ? x : 0.0f;
    case ActivationKind::kClip: return x < alpha ? alpha : x > beta ? beta : x;
    case ActivationKind::kHardSwish: return x * std::max(0.0f, std::min(1.0f, x / 6.0f + 0.5f));
    case ActivationKind::kHardSigmoid: return std::max(0.0f, std::min(1.0f, alpha * x + beta));
    case ActivationKind::kSigmoid: return 1.0f / (1.0f + std::exp(-x));
    case ActivationKind::kSwish: return x * (1.0f / (1.0f + std::exp(-x)));
    case ActivationKind::kLeakyRelu: return x < 0 ? x * alpha : x;
    case ActivationKind::kTanh: return std::tanh(x);
    case ActivationKind::kElu: return x < 0 ? alpha * (std::exp(x) - 1.0f) : x;
  }
  return x;
}

}  // namespace scissionlite::ops
