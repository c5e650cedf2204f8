#include "generate/shim.h"
#include "kernels/generated/pool_plan.h"

namespace scissionlite::generate {
namespace {

Shim shim(const kernels::KernelPlan& generic) {
  const auto plan = kernels::pool_plan(generic);
  const auto& p = plan.problem;
  const int64_t lanes = plan.lanes(), row = lanes * p.out_w;
  Shim s;
  s.call = "  const float *x, *row_scale, *column_scale;\n  float* y;\n  int64_t row, rows, planes;\n";
  s.inputs = {
      {"x", "c->x", {dimension(lanes, 1), dimension(p.w, lanes), dimension(p.h, lanes * p.w), {"0", "c->planes", std::to_string(lanes * p.w * p.h)}}},
      {"row_scale", "c->row_scale", dense({p.out_h})},
      {"column_scale", "c->column_scale", dense({p.out_w})}};
  s.output = {"y",
              "c->y + c->row * " + std::to_string(row),
              {dimension(lanes, 1),
               dimension(p.out_w, lanes),
               {"c->row", "c->rows", std::to_string(row)},
               {"0", "c->planes", std::to_string(row * p.out_h)}}};
  return s;
}

}  // namespace

extern const ShimOf k_shim_pool;
const ShimOf k_shim_pool = shim;

}  // namespace scissionlite::generate
