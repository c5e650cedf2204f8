// Elementwise programs: each vector of a pixel's channels goes through all steps in registers; some pixels at once, so that their steps overlap.
// Every operation rounds as written: nothing is contracted or put in another order.
#include "kernels/generated/strip_plan.h"
#include "pipelines/buffers.h"

namespace scissionlite::pipelines {
namespace {

using Halide::Expr;
using Halide::Func;
using Halide::Var;
using kernels::ActivationKind;
using kernels::Second;

// Halide's rounding where the target has an instruction for it; else, as in kernels/vector/unary.h, by a float from which on there are no fractions.
constexpr float kLeastWhole = 8388608.F;

Expr with_sign_of(const Expr& magnitude, const Expr& x) {
  return Halide::reinterpret<float>(Halide::reinterpret<uint32_t>(Halide::abs(magnitude)) | (Halide::reinterpret<uint32_t>(x) & Expr(0x80000000U)));
}
Expr rounded(const Expr& x, bool has_instruction) {
  if (has_instruction) return Halide::round(x);
  return Halide::select(Halide::abs(x) < kLeastWhole, with_sign_of((Halide::abs(x) + kLeastWhole) - kLeastWhole, x), x);
}
Expr floored(const Expr& x, bool has_instruction) {
  if (has_instruction) return Halide::floor(x);
  const Expr whole = rounded(x, false);
  return with_sign_of(Halide::select(whole > x, whole - 1.F, whole), x);
}

/// As kernels/vector/vec.h: an x that is no number stays none.
Expr at_least(const Expr& low, const Expr& x) { return Halide::select(low > x, low, x); }
Expr at_most(const Expr& high, const Expr& x) { return Halide::select(high < x, high, x); }

Expr activated(const ops::Activation& f, const Expr& x) {
  const Expr zero(0.F), one(1.F), alpha(f.alpha), beta(f.beta);
  switch (f.kind) {
    case ActivationKind::kRelu: return at_least(zero, x);
    case ActivationKind::kClip: return at_most(beta, at_least(alpha, x));
    case ActivationKind::kLeakyRelu: return Halide::select(x > zero, x, x * alpha);
    case ActivationKind::kHardSigmoid: return at_most(one, at_least(zero, x * alpha + beta));
    case ActivationKind::kHardSwish: return x * at_most(one, at_least(zero, x * (1.F / 6.F) + 0.5F));
    default: throw InternalError("[generate] no pipeline has the function " + std::string(ops::activation_name(f.kind)));
  }
}

/// The smaller or larger one, no number where either is none.
Expr chosen(const Expr& is_second, const Expr& a, const Expr& b) { return Halide::select(is_second || Halide::is_nan(b), b, a); }

Expr step_of(const ops::StripStep& step, const std::vector<Expr>& values, bool has_instruction) {
  const Expr a = values[static_cast<size_t>(step.operands[0])], b = values[static_cast<size_t>(step.operands.back())];
  if (step.op == "Add") return a + b;
  if (step.op == "Sub") return a - b;
  if (step.op == "Mul") return a * b;
  if (step.op == "Div") return a / b;
  if (step.op == "Min") return chosen(b < a, a, b);
  if (step.op == "Max") return chosen(b > a, a, b);
  if (step.op == "Floor") return floored(a, has_instruction);
  if (step.op == "Ceil") return has_instruction ? Halide::ceil(a) : floored(a * -1.F, false) * -1.F;
  if (step.op == "Round") return rounded(a, has_instruction);
  if (step.op == "Neg") return a * -1.F;
  if (step.op == "Abs") return Halide::abs(a);
  if (step.op == "Sqrt") return Halide::sqrt(a);
  if (step.op == "Reciprocal") return 1.F / a;
  const auto activation = ops::activation_of(step);
  if (!activation) throw InternalError("[generate] no pipeline has the step '" + ops::text_of(step) + "'");
  return activated(*activation, a);
}

struct Stages {
  Var lane{"lane"}, pixel{"pixel"}, plane{"plane"};
  std::vector<Halide::ImageParam> inputs;
  Func out{"out"};
};

Stages algorithm(const kernels::StripKernelPlan& plan) {
  const auto& p = plan.problem;
  const int lanes = as_int(plan.lanes()), plane_floats = as_int(plan.lanes() * p.h * p.w);
  Stages g;
  std::vector<Expr> values;
  const auto input = [&](const std::vector<Expr>& at) -> Halide::ImageParam& {
    auto& buffer = g.inputs.emplace_back(Halide::Float(32), as_int(static_cast<int64_t>(at.size())), "x" + std::to_string(g.inputs.size()));
    buffer.set_host_alignment(sizeof(float));
    values.push_back(buffer(at));
    return buffer;
  };
  for (const auto& operand : p.operands) {
    switch (operand.second) {
      case Second::kWhole: {
        auto& x = input({g.lane, g.pixel, g.plane});
        x.dim(0).set_bounds(0, lanes).set_stride(1), x.dim(1).set_stride(lanes), x.dim(2).set_stride(plane_floats);
        break;
      }
      case Second::kOne: input({Expr(0)}).dim(0).set_bounds(0, 1).set_stride(1); break;
      case Second::kPerChannel: {
        auto& x = input({g.lane, g.plane});
        x.dim(0).set_bounds(0, lanes).set_stride(1), x.dim(1).set_stride(lanes);
        break;
      }
      case Second::kPerPixel: input({g.pixel}).dim(0).set_stride(1); break;
    }
  }
  for (const auto& step : p.program.steps) values.push_back(step_of(step, values, plan.target != "x86-64-base"));
  g.out(g.lane, g.pixel, g.plane) = values.back();
  return g;
}

void schedule(const kernels::StripKernelPlan& plan, Stages& g) {
  Var tile("tile"), inner("inner");
  g.out.bound(g.lane, 0, as_int(plan.lanes()));
  g.out.split(g.pixel, tile, inner, as_int(plan.knob("vectors")), Halide::TailStrategy::GuardWithIf);
  g.out.reorder(g.lane, inner, tile, g.plane).vectorize(g.lane).unroll(inner);  // independent chains of operations
}

Pipeline make(const kernels::KernelPlan& generic, bool) {
  const auto plan = kernels::strip_kernel_plan(generic);
  const int lanes = as_int(plan.lanes());
  auto stages = algorithm(plan);
  schedule(plan, stages);
  auto y = stages.out.output_buffer();
  y.dim(0).set_bounds(0, lanes).set_stride(1);
  y.dim(1).set_min(0).set_stride(lanes);
  y.dim(2).set_min(0).set_stride(as_int(plan.lanes() * plan.problem.h * plan.problem.w));
  y.set_host_alignment(sizeof(float));
  return {stages.out, {stages.inputs.begin(), stages.inputs.end()}};
}

}  // namespace

extern const PipelineKind k_pipeline_strip;
const PipelineKind k_pipeline_strip{/*may_have_residual=*/false, /*rounds_as_written=*/true, make};

}  // namespace scissionlite::pipelines
