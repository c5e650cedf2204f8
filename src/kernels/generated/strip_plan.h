// A generated elementwise program over blocked images: all steps of a few values in registers, from the operands to the result.
#pragma once

#include "kernels/generated/kernel_plan.h"
#include "kernels/strip/strip_problem.h"

namespace scissionlite::kernels {

constexpr int kMostStripInputs = 8;

struct StripKernelPlan {
  StripProblem problem;
  Knobs knobs;
  std::string target;  // of KernelPlan

  [[nodiscard]] KernelPlan plan() const { return {problem.text(), knobs, target}; }
  [[nodiscard]] int64_t lanes() const { return lanes_of_target(target); }
  [[nodiscard]] int64_t knob(const std::string& name) const { return knobs.at(name); }
};

/// What a call of a kernel is given; generate/shim_strip.cc writes the same structure in C. It computes `pixels` pixels of `planes` planes of
/// (h * w, lanes), which lie one behind the other; several planes with all their pixels, or a run of pixels as one plane.
struct StripCall {
  const float* inputs[kMostStripInputs] =
      {};              // each from where the call begins: whole (planes, h * w, lanes), one value, a channel (planes, lanes), a pixel (pixels)
  float* y = nullptr;  // (planes, h * w, lanes)
  int64_t pixels = 0, planes = 0;
};

/// Of a generic plan. @throws InvalidArgument when its problem is no strip.
[[nodiscard]] StripKernelPlan strip_kernel_plan(const KernelPlan& plan);

}  // namespace scissionlite::kernels
