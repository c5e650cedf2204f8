// Generated kernels that are made on the host and run on arm-64: one an algorithm.
#pragma once

#include <vector>

#include "kernels/generated/conv_plan.h"

namespace scissionlite::kernels {

inline std::vector<KernelPlan> arm_plans() {
  const ConvProblem three{.c = 21, .h = 11, .w = 13, .k = 18, .kernel_h = 3, .kernel_w = 3, .top = 1, .left = 1, .bottom = 1, .right = 1};
  ConvProblem depthwise = three;
  depthwise.groups = depthwise.k = 21;
  ConvProblem strided = three;
  strided.stride_h = strided.stride_w = 2;
  const ConvProblem pointwise{.c = 21, .h = 11, .w = 13, .k = 16};
  std::vector<KernelPlan> out;
  const auto add = [&](const ConvProblem& problem, int64_t algorithm, const Knobs& others = {}) {
    KernelPlan plan{problem, {}, "arm-64-base"};
    plan.knobs = usual_generated_knobs(problem, plan.lanes());
    plan.knobs["algorithm"] = algorithm;
    for (const auto& [name, value] : others) plan.knobs[name] = value;
    out.push_back(plan);
  };
  add(three, kGeneratedDirect);
  add(pointwise, kGeneratedDirect, {{"vectors", 4}});
  add(strided, kGeneratedIm2col, {{"order", 1}});
  add(depthwise, kGeneratedDepthwise);
  add(three, kGeneratedWinograd2);
  add(three, kGeneratedWinograd4);
  add(three, kGeneratedWinograd6);
  return out;
}

}  // namespace scissionlite::kernels
