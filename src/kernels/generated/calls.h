// What those who call generated kernels share: bounds of activations, and rows cut into calls.
#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include "kernels/parallel.h"
#include "kernels/vector/arguments.h"

namespace scissionlite::kernels {

constexpr float kNoBound = std::numeric_limits<float>::infinity();
/// Activations that kernels compute: none, and clips.
[[nodiscard]] inline bool is_clip(const ActivationArguments& f) { return f.kind <= ActivationKind::kClip; }
[[nodiscard]] inline float low_of(const ActivationArguments& f) {
  return f.kind == ActivationKind::kRelu ? 0.F : f.kind == ActivationKind::kClip ? f.alpha : -kNoBound;
}
[[nodiscard]] inline float high_of(const ActivationArguments& f) { return f.kind == ActivationKind::kClip ? f.beta : kNoBound; }

/// Chunks of about `steps` times `step` rows; none is shorter than a step where there are so many rows: a rest joins the last one.
[[nodiscard]] inline std::vector<Range> cut_rows(int64_t rows, int64_t step, int64_t steps) {
  const int64_t all = std::max<int64_t>(1, rows / step), count = std::max<int64_t>(1, all / steps);
  std::vector<Range> chunks;
  for (int64_t i = 0; i < count; ++i) chunks.push_back({all * i / count * step, i + 1 == count ? rows : all * (i + 1) / count * step});
  return chunks;
}

}  // namespace scissionlite::kernels
