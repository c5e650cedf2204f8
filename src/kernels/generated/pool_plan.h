// A generated pooling of channel blocks, of which each is a plane of pixels. It knows the image's borders: nothing is copied.
#pragma once

#include "kernels/generated/kernel_plan.h"
#include "kernels/pool/pool.h"

namespace scissionlite::kernels {

struct PoolPlan {
  PoolProblem problem;
  Knobs knobs;
  std::string target;  // of KernelPlan

  [[nodiscard]] KernelPlan plan() const { return {problem.text(), knobs, target}; }
  [[nodiscard]] int64_t lanes() const { return lanes_of_target(target); }
  [[nodiscard]] int64_t knob(const std::string& name) const { return knobs.at(name); }
  /// Whether some window reaches beyond the image.
  [[nodiscard]] bool has_border() const;
};

/// What a call of a kernel is given; generate/shim_pool.cc writes the same structure in C. It computes rows [row, row + rows) of `planes`
/// planes, which lie one behind the other.
struct PoolCall {
  const float* x = nullptr;             // of the first plane: (h, w, lanes)
  const float* row_scale = nullptr;     // (out_h): a mean is the sum times these two
  const float* column_scale = nullptr;  // (out_w)
  float* y = nullptr;                   // of the first plane: (out_h, out_w, lanes)
  int64_t row = 0, rows = 0, planes = 0;
};

/// Of a generic plan. @throws InvalidArgument when its problem is no pooling.
[[nodiscard]] PoolPlan pool_plan(const KernelPlan& plan);

}  // namespace scissionlite::kernels
