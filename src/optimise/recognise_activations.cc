// Elementwise nodes that together are one activation function.
//   Clip(x, 0, infinity), Max(x, 0)                          -> Relu(x)
//   Clip(x + b, 0, h) / h, or times 1 / h                    -> HardSigmoid(x) with alpha 1 / h, beta b / h
//   x * HardSigmoid(x) with alpha 1/6, beta 1/2              -> HardSwish(x)
//   x * Clip(x + 3, 0, 6) / 6, or times 1 / 6                -> HardSwish(x)
//   x * Sigmoid(x)                                           -> Swish(x)
// HardSwish is used below opset 14 too, where ONNX has none. Runs before fold_batch_norm, which would take the + 3 for a bias.
#include <limits>

#include "optimise/match.h"
#include "optimise/passes.h"

namespace scissionlite::passes {
namespace {

using ops::Activation;
using ops::ActivationKind;

bool is_f32(const Rewriter& r, size_t i) { return r.dtype(r.node(i).outputs[0]) == Dtype::kF32; }

/// Node i becomes a function of `x` alone; what it read is dead unless others read it.
bool become(Rewriter& r, size_t i, const std::string& x, const char* type, std::map<std::string, Attribute> attributes = {}) {
  Node node{r.node(i).name, type, "", {x}, r.node(i).outputs, std::move(attributes), r.node(i).doc};
  if (std::string_view(type) == "Swish") make_fused(r, node, type);
  r.replace(i, std::move(node));
  return true;
}

bool relu_from_clip(Rewriter& r, size_t i) {
  const auto activation = is_onnx(r.node(i), "Clip") ? activation_of(r, i) : std::nullopt;
  if (!activation || activation->alpha != 0 || activation->beta < std::numeric_limits<float>::max()) return false;
  return become(r, i, r.node(i).inputs[0], "Relu");
}

/// The constant may not enlarge x.
bool relu_from_max(Rewriter& r, size_t i) {
  const auto sides = is_onnx(r.node(i), "Max") && is_f32(r, i) ? with_constant(r, r.node(i)) : std::nullopt;
  if (!sides || scalar(r, sides->constant) != 0.0f) return false;
  const auto x = r.shape(sides->data);
  if (!x || x->size() < r.constant(sides->constant)->shape().size()) return false;
  return become(r, i, sides->data, "Relu");
}

bool keeps_shape(const Rewriter& r, const std::string& x, const std::string& y) { return r.shape(x) && r.shape(x) == r.shape(y); }

/// x and a scalar of a node "x * s", "s * x" or "x / d" (then 1 / d); a larger rank of the scalar would change the shape.
struct Scaled {
  std::string x;
  double factor;
};
std::optional<Scaled> scaled(const Rewriter& r, size_t i) {
  const Node& node = r.node(i);
  const bool divides = is_onnx(node, "Div");
  if (!divides && !is_onnx(node, "Mul")) return std::nullopt;
  const auto sides = with_constant(r, node);
  const auto value = sides ? scalar(r, sides->constant) : std::nullopt;
  if (!value || *value == 0 || (divides && sides->constant_first) || !keeps_shape(r, sides->data, node.outputs[0])) return std::nullopt;
  return Scaled{sides->data, divides ? 1.0 / *value : *value};
}

/// Clip(x + b, 0, h), its inner value read by nothing else.
struct Ramp {
  std::string x;
  double shift, height;
};
std::optional<Ramp> ramp(const Rewriter& r, const std::string& value) {
  const auto clip = r.inner_producer(value);
  const auto bounds = clip && is_onnx(r.node(*clip), "Clip") ? activation_of(r, *clip) : std::nullopt;
  const auto add = bounds && bounds->alpha == 0 && bounds->beta > 0 ? r.inner_producer(r.node(*clip).inputs[0]) : std::nullopt;
  if (!add || !is_add(r.node(*add))) return std::nullopt;
  const auto sides = with_constant(r, r.node(*add));
  const auto shift = sides ? scalar(r, sides->constant) : std::nullopt;
  if (!shift || !keeps_shape(r, sides->data, value)) return std::nullopt;
  return Ramp{sides->data, *shift, bounds->beta};
}

bool hard_sigmoid(Rewriter& r, size_t i) {
  const auto outer = is_f32(r, i) ? scaled(r, i) : std::nullopt;
  const auto inner = outer ? ramp(r, outer->x) : std::nullopt;
  if (!inner || !is_near(static_cast<float>(outer->factor * inner->height), 1)) return false;
  return become(r, i, inner->x, "HardSigmoid",
                {{"alpha", static_cast<float>(1 / inner->height)}, {"beta", static_cast<float>(inner->shift / inner->height)}});
}

bool is_hard_swish_ramp(const std::optional<Ramp>& found, const std::string& x) {
  return found && found->x == x && found->shift == 3 && found->height == 6;
}

/// x * ramp(x) / 6: the product first, then the division.
bool hard_swish_of_product(Rewriter& r, size_t i) {
  const auto outer = is_f32(r, i) ? scaled(r, i) : std::nullopt;
  const auto product = outer && is_near(static_cast<float>(outer->factor), 1.0 / 6) ? r.inner_producer(outer->x) : std::nullopt;
  if (!product || !is_onnx(r.node(*product), "Mul") || r.node(*product).inputs.size() != 2) return false;
  const auto sides = r.node(*product).inputs;
  for (size_t k = 0; k < 2; ++k)
    if (is_hard_swish_ramp(ramp(r, sides[k]), sides[1 - k])) return become(r, i, sides[1 - k], "HardSwish");
  return false;
}

/// The function that makes `gate` out of x, read by nothing else.
std::optional<Activation> gate_of(const Rewriter& r, const std::string& gate, const std::string& x) {
  const auto maker = r.inner_producer(gate);
  return maker && !r.node(*maker).inputs.empty() && r.node(*maker).inputs[0] == x ? activation_of(r, *maker) : std::nullopt;
}

/// x * f(x).
bool gated(Rewriter& r, size_t i) {
  if (!is_onnx(r.node(i), "Mul") || r.node(i).inputs.size() != 2 || !is_f32(r, i)) return false;
  const auto sides = r.node(i).inputs;
  for (size_t k = 0; k < 2; ++k) {
    const auto gate = gate_of(r, sides[k], sides[1 - k]);
    if (!gate) continue;
    if (gate->kind == ActivationKind::kSigmoid) return become(r, i, sides[1 - k], "Swish");
    if (gate->kind == ActivationKind::kHardSigmoid && is_near(gate->alpha, 1.0 / 6) && is_near(gate->beta, 0.5))
      return become(r, i, sides[1 - k], "HardSwish");
  }
  return false;
}

}  // namespace

int recognise_activations(Graph& graph) { return sweep(graph, {relu_from_clip, relu_from_max, hard_sigmoid, hard_swish_of_product, gated}); }

}  // namespace scissionlite::passes
