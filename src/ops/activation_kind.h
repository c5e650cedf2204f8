// The functions that end a fused operator. Nothing else, so that loops of one instruction set may include it: no inline function of a
// library may be compiled with one instruction set and linked into another.
#pragma once

namespace scissionlite::ops {

/// Up to kClip a value is only bounded; kernels rely on that order.
enum class ActivationKind : int { kNone, kRelu, kClip, kHardSwish, kHardSigmoid, kSigmoid, kSwish, kLeakyRelu, kTanh, kElu };

}  // namespace scissionlite::ops
