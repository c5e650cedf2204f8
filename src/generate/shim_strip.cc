#include "generate/shim.h"
#include "kernels/generated/strip_plan.h"

namespace scissionlite::generate {
namespace {

using kernels::Second;

Shim shim(const kernels::KernelPlan& generic) {
  const auto plan = kernels::strip_kernel_plan(generic);
  const int64_t lanes = plan.lanes(), plane = lanes * plan.problem.h * plan.problem.w;
  const ShimDimension lane = dimension(lanes, 1), pixels{"0", "c->pixels", std::to_string(lanes)}, planes{"0", "c->planes", std::to_string(plane)};
  const auto dimensions = [&](Second second) -> std::vector<ShimDimension> {
    switch (second) {
      case Second::kWhole: return {lane, pixels, planes};
      case Second::kOne: return {dimension(1, 1)};
      case Second::kPerChannel: return {lane, {"0", "c->planes", std::to_string(lanes)}};
      case Second::kPerPixel: return {{"0", "c->pixels", "1"}};
    }
    return {};
  };
  Shim s;
  s.call = "  const float* inputs[" + std::to_string(kernels::kMostStripInputs) + "];\n  float* y;\n  int64_t pixels, planes;\n";
  for (size_t i = 0; i < plan.problem.operands.size(); ++i) {
    const auto number = std::to_string(i);
    s.inputs.push_back({"x" + number, "c->inputs[" + number + "]", dimensions(plan.problem.operands[i].second)});
  }
  s.output = {"y", "c->y", {lane, pixels, planes}};
  return s;
}

}  // namespace

extern const ShimOf k_shim_strip;
const ShimOf k_shim_strip = shim;

}  // namespace scissionlite::generate
