// Generated kernels that are made on the host and run on arm-64: one an algorithm of convolutions, and one of each other kind.
#pragma once

#include <vector>

#include "kernels/generated/conv_plan.h"

namespace scissionlite::kernels {

inline std::vector<KernelPlan> arm_plans() {
  constexpr const char* kTarget = "arm-64-base";
  const ConvProblem three{.c = 21, .h = 11, .w = 13, .k = 18, .kernel_h = 3, .kernel_w = 3, .top = 1, .left = 1, .bottom = 1, .right = 1};
  ConvProblem depthwise = three;
  depthwise.groups = depthwise.k = 21;
  ConvProblem strided = three;
  strided.stride_h = strided.stride_w = 2;
  const ConvProblem pointwise{.c = 21, .h = 11, .w = 13, .k = 16};
  std::vector<KernelPlan> out;
  const auto add_any = [&](const std::string& problem, const Knobs& knobs) {
    KernelPlan plan{problem, kernel_kind_of(problem).usual(problem, lanes_of_target(kTarget)), kTarget};
    for (const auto& [name, value] : knobs) plan.knobs[name] = value;
    out.push_back(plan);
  };
  const auto add = [&](const ConvProblem& problem, int64_t algorithm, Knobs others = {}) {
    others["algorithm"] = algorithm;
    add_any(problem.text(), others);
  };
  add(three, kGeneratedDirect);
  add(pointwise, kGeneratedDirect, {{"vectors", 4}});
  add(strided, kGeneratedIm2col, {{"order", 1}});
  add(depthwise, kGeneratedDepthwise);
  add(three, kGeneratedWinograd2);
  add(three, kGeneratedWinograd4);
  add(three, kGeneratedWinograd6);
  const ConvProblem behind{.c = 21, .h = 11, .w = 13, .k = 18};
  add_any("chain " + depthwise.text() + " + " + behind.text(), {{"rows", 3}});
  add_any("pool max mb1ic21ih11iw13oh6ow7kh3kw3sh2sw2dh1dw1pt1pl1pb1pr1cp0", {{"steps", 2}});
  add_any("pool average mb1ic21ih11iw13oh6ow7kh3kw3sh2sw2dh1dw1pt1pl1pb1pr1cp0", {});
  add_any("strip mb1ic21ih11iw13 whole channel pixel; Mul %0 %1; Max %3 %2; Add %4 %0; Clip %5 -0.5 1", {{"values", 4096}});
  return out;
}

}  // namespace scissionlite::kernels
