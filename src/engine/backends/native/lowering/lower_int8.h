// What the lowerings of bytes share. Private to the native backend.
#pragma once

#include "engine/backends/native/lowering/lower.h"
#include "kernels/int8/conv.h"

namespace scissionlite::native {

/// A byte q stands for (q - zero) * scale.
struct Quantisation {
  float scale = 1;
  int32_t zero = 0;
  bool is_signed = false;
  [[nodiscard]] int32_t least() const { return is_signed ? -128 : 0; }
};
/// Of one scale for a whole tensor of bytes of `dtype`, both constant; an absent zero point is 0.
[[nodiscard]] std::optional<Quantisation> quantisation_of(const Lowering& l, const Node& node, size_t scale, size_t zero, Dtype dtype);

/// What a node asks for that is computed as a convolution of bytes: QLinearConv of an image, QLinearMatMul of some rows, and their fused forms.
/// Nothing for any other. Reads all its weights.
[[nodiscard]] std::optional<kernels::Int8Problem> int8_problem_of(const Lowering& l, const Node& node);

/// Bounds of the bytes that a node stores: its attributes `low` and `high`, else the type's.
struct Bounds {
  int32_t low = 0, high = 255;
};
[[nodiscard]] Bounds bounds_of(const Node& node, const Quantisation& y);

/// The same bytes in the other order, as a step, or as an alias where both orders are one.
[[nodiscard]] SlotId plain_of_bytes(Lowering& l, const std::string& value, SlotId channels_last);
[[nodiscard]] SlotId channels_last_of_plain(Lowering& l, const std::string& value, SlotId plain);

}  // namespace scissionlite::native
