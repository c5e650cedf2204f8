#include "kernels/generated/strip_plan.h"

#include <algorithm>
#include <limits>

namespace scissionlite::kernels {
namespace {

constexpr int64_t kMostOperations = 256;  // of one vector, steps that are read several times written out each time

bool is_one_of(const std::string& op, std::initializer_list<const char*> ops) {
  return std::any_of(ops.begin(), ops.end(), [&](const char* one) { return op == one; });
}

/// Of the last step, with those that it is made of.
int64_t operations(const ops::StripProgram& program) {
  std::vector<int64_t> counts(static_cast<size_t>(program.inputs), 0);
  for (const auto& step : program.steps) {
    int64_t count = 1;
    for (const int operand : step.operands) count = std::min(std::numeric_limits<int64_t>::max() / 4, count + counts[static_cast<size_t>(operand)]);
    counts.push_back(count);
  }
  return counts.back();
}

/// Own loops multiply and add in one instruction where they have it: a last bit less or more, which rounding makes a whole.
bool rounds_behind_a_slope(const ops::StripProgram& program) {
  bool has_slope = false;
  for (const auto& step : program.steps) {
    if (has_slope && is_one_of(step.op, {"Floor", "Ceil", "Round"})) return true;
    has_slope = has_slope || is_one_of(step.op, {"HardSigmoid", "HardSwish"});
  }
  return false;
}

std::string reason_against(const std::string& problem) {
  const auto p = parse_strip(problem);
  for (const auto& step : p.program.steps)
    if (is_one_of(step.op, {"Sigmoid", "Swish", "Tanh", "Elu"}))
      return step.op + " needs an exponential function, which a compiler has in another accuracy than the reference";
  if (p.operands.size() > kMostStripInputs)
    return std::to_string(p.operands.size()) + " operands, but " + std::to_string(kMostStripInputs) + " are the most";
  if (const auto count = operations(p.program); count > kMostOperations)
    return "its steps are " + std::to_string(count) + " operations when those read several times are written out, but " +
           std::to_string(kMostOperations) + " are the most";
  return rounds_behind_a_slope(p.program) ? "rounding behind HardSigmoid or HardSwish, whose last bit depends on the instruction set" : "";
}

std::vector<KnobRange> knobs_of(const std::string& problem, int64_t) {
  const auto p = parse_strip(problem);
  return {{"vectors", up_to({1, 2, 4, 8}, p.h * p.w)},                 // of a step of the loop, which is unrolled
          {"values", {1 << 12, 1 << 13, 1 << 14, 1 << 16, 1 << 18}}};  // of a call, about
}

Knobs usual(const std::string& problem, int64_t lanes) { return largest_up_to(knobs_of(problem, lanes), {{"vectors", 4}, {"values", 1 << 14}}); }

std::string reason_against_knobs(const KernelPlan& plan) { return reason_against_tile(plan.knob("vectors"), plan.lanes()); }

}  // namespace

StripKernelPlan strip_kernel_plan(const KernelPlan& plan) { return {parse_strip(plan.problem), plan.knobs, plan.target}; }

extern const KernelKind k_kernel_kind_strip;
const KernelKind k_kernel_kind_strip{"strip", reason_against, knobs_of, usual, reason_against_knobs};

}  // namespace scissionlite::kernels
