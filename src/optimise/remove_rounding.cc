// Floor before a Cast to integers, where no value is negative: Cast cuts off what is behind the point as well. Encoders of transfer layers
// end so, over bytes that were bounded just before or are just behind.
#include <cmath>
#include <limits>

#include "optimise/match.h"
#include "optimise/passes.h"

namespace scissionlite::passes {
namespace {

bool is_integer(Dtype type) {
  switch (type) {
    case Dtype::kU8:
    case Dtype::kI8:
    case Dtype::kU16:
    case Dtype::kI16:
    case Dtype::kU32:
    case Dtype::kI32:
    case Dtype::kU64:
    case Dtype::kI64: return true;
    default: return false;
  }
}

/// What a Relu or Clip leaves.
struct Bounds {
  float low, high;
};
std::optional<Bounds> bounds_of(const Rewriter& r, std::optional<size_t> i) {
  const auto activation = i ? activation_of(r, *i) : std::nullopt;
  if (activation && activation->kind == ops::ActivationKind::kRelu) return Bounds{0, std::numeric_limits<float>::infinity()};
  if (activation && activation->kind == ops::ActivationKind::kClip) return Bounds{activation->alpha, activation->beta};
  return std::nullopt;
}

bool take_out(Rewriter& r, std::optional<size_t> floor) {
  return floor && is_onnx(r.node(*floor), "Floor") && r.bypass(*floor, std::string(r.node(*floor).inputs[0]));
}

bool before_cast(Rewriter& r, size_t i) {
  if (!is_onnx(r.node(i), "Cast") || !is_integer(static_cast<Dtype>(r.node(i).int_attribute("to", 0))) || r.dtype(r.node(i).inputs[0]) != Dtype::kF32)
    return false;
  const auto before = r.inner_producer(r.node(i).inputs[0]);
  if (!before) return false;
  if (is_onnx(r.node(*before), "Floor")) {
    const auto bounds = bounds_of(r, r.producer(r.node(*before).inputs[0]));
    return bounds && bounds->low >= 0 && take_out(r, before);
  }
  // Floor, then bounds: between whole numbers the two may change places.
  const auto bounds = bounds_of(r, before);
  return bounds && bounds->low >= 0 && std::floor(bounds->low) == bounds->low && std::floor(bounds->high) == bounds->high &&
         take_out(r, r.inner_producer(r.node(*before).inputs[0]));
}

}  // namespace

int remove_rounding(Graph& graph) { return sweep(graph, {before_cast}); }

}  // namespace scissionlite::passes
