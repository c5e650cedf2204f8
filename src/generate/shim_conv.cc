#include "generate/shim.h"
#include "kernels/generated/conv_plan.h"

namespace scissionlite::generate {
namespace {

std::vector<int64_t> weight_extents(const kernels::ConvPlan& plan) {
  const auto& p = plan.problem;
  const int64_t m = plan.winograd_edge(), lanes = plan.lanes(), vectors = plan.knob("vectors");
  if (plan.is_depthwise()) return {lanes, p.kernel_w, p.kernel_h, plan.panels()};
  if (m > 0) return {lanes, vectors, lanes, plan.in_blocks(), (m + 2) * (m + 2), plan.panels()};
  return {lanes, vectors, kernels::step_inputs(plan), p.kernel_w, p.kernel_h, plan.in_blocks(), plan.panels()};
}

/// Outputs of the panels and rows of a call: (lane, vector, column, row, panel), of Winograd (lane, vector, pixel, panel) of all rows.
std::vector<ShimDimension> output_dimensions(const kernels::ConvPlan& plan) {
  const int64_t lanes = plan.lanes(), vectors = plan.knob("vectors"), width = plan.problem.out_w(), plane = lanes * width * plan.problem.out_h();
  const ShimDimension panel{"c->panel", "c->panels", std::to_string(plane * vectors)};
  std::vector<ShimDimension> out{dimension(lanes, 1), dimension(vectors, plane)};
  if (plan.winograd_edge() > 0) out.push_back(dimension(plane / lanes, lanes));
  else if (plan.is_flat()) out.insert(out.end(), {{"c->row", "c->rows", std::to_string(lanes)}, dimension(1, plane)});
  else out.insert(out.end(), {dimension(width, lanes), {"c->row", "c->rows", std::to_string(lanes * width)}});
  out.push_back(panel);
  return out;
}

Shim shim(const kernels::KernelPlan& generic) {
  const auto plan = kernels::conv_plan(generic);
  const int64_t lanes = plan.lanes(), vectors = plan.knob("vectors"), plane = lanes * plan.problem.out_h() * plan.problem.out_w();
  const int64_t row = plan.winograd_edge() > 0 ? 0 : plan.is_flat() ? lanes : lanes * plan.problem.out_w();
  const int64_t in_width = plan.is_flat() ? plan.problem.h * plan.problem.w : plan.frame_width(), in_rows = plan.is_flat() ? 1 : plan.frame_height();
  Shim s;
  s.call =
      "  const float* x;\n  int64_t x_row, x_block, x_block_stride;\n  const float *w, *bias, *residual;\n  float* y;\n  float low, high;\n  int64_t row, rows, panel, panels, block, blocks;\n";
  s.before = "  const int64_t at = c->panel * " + std::to_string(vectors * plane) + " + c->row * " + std::to_string(row) + ";\n";
  s.inputs = {{"x",
               "c->x",
               {dimension(lanes, 1),
                dimension(in_width, lanes),
                {"c->x_row", std::to_string(in_rows), std::to_string(lanes * in_width)},
                {"c->x_block", std::to_string(plan.in_blocks()), "c->x_block_stride"}}},
              {"w", "c->w", dense(weight_extents(plan))},
              {"bias", "c->bias", dense({lanes, vectors, plan.panels()})}};
  s.residual = {{"residual", "c->residual ? c->residual + at : 0", output_dimensions(plan)}};
  s.scalars = {{"int32_t", "c->block"}, {"int32_t", "c->blocks"}, {"int32_t", "c->row"},
               {"int32_t", "c->rows"},  {"float", "c->low"},      {"float", "c->high"}};
  s.output = {"y", "c->y + at", output_dimensions(plan)};
  return s;
}

}  // namespace

extern const ShimOf k_shim_conv;
const ShimOf k_shim_conv = shim;

}  // namespace scissionlite::generate
