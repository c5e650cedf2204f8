#include "generate/shim.h"
#include "kernels/generated/chain_plan.h"

namespace scissionlite::generate {
namespace {

/// Outputs of the rows of a call: (lane, vector, column, row, panel).
std::vector<ShimDimension> output_dimensions(const kernels::ChainPlan& plan) {
  const int64_t lanes = plan.lanes(), vectors = plan.knob("vectors"), width = plan.pointwise.w, plane = lanes * width * plan.pointwise.h;
  return {dimension(lanes, 1),
          dimension(vectors, plane),
          dimension(width, lanes),
          {"c->row", "c->rows", std::to_string(lanes * width)},
          dimension(plan.second().panels(), plane * vectors)};
}

Shim shim(const kernels::KernelPlan& generic) {
  const auto plan = kernels::chain_plan(generic);
  const auto second = plan.second();
  const auto& d = plan.depthwise;
  const int64_t lanes = plan.lanes(), vectors = plan.knob("vectors");
  Shim s;
  s.call =
      "  const float *x, *filter_w, *filter_bias, *w, *bias, *residual;\n  float* y;\n  float filter_low, filter_high, low, high;\n  int64_t row, rows, block, blocks;\n";
  s.before = "  const int64_t at = c->row * " + std::to_string(lanes * plan.pointwise.w) + ";\n";
  s.inputs = {{"x", "c->x", dense({lanes, d.w, d.h, plan.blocks()})},
              {"filter_w", "c->filter_w", dense({lanes, d.kernel_w, d.kernel_h, plan.blocks()})},
              {"filter_bias", "c->filter_bias", dense({lanes, plan.blocks()})},
              {"w", "c->w", dense({lanes, vectors, kernels::step_inputs(second), plan.blocks(), second.panels()})},
              {"bias", "c->bias", dense({lanes, vectors, second.panels()})}};
  s.residual = {{"residual", "c->residual ? c->residual + at : 0", output_dimensions(plan)}};
  s.scalars = {{"int32_t", "c->block"},    {"int32_t", "c->blocks"},    {"int32_t", "c->row"}, {"int32_t", "c->rows"},
               {"float", "c->filter_low"}, {"float", "c->filter_high"}, {"float", "c->low"},   {"float", "c->high"}};
  s.output = {"y", "c->y + at", output_dimensions(plan)};
  return s;
}

}  // namespace

extern const ShimOf k_shim_chain;
const ShimOf k_shim_chain = shim;

}  // namespace scissionlite::generate
