#include "kernels/generated/pool_plan.h"

#include <algorithm>

namespace scissionlite::kernels {
namespace {

constexpr int64_t kMostLoads = 512;  // of a register tile, which is unrolled

std::string reason_against(const std::string& problem) {
  const auto p = parse_pool(problem);
  const int64_t taps = p.kernel_h * p.kernel_w;
  return taps > kMostLoads ? "windows of " + std::to_string(taps) + " values are too large to be unrolled" : "";
}

std::vector<KnobRange> knobs_of(const std::string& problem, int64_t) {
  const auto p = parse_pool(problem);
  return {{"tile_x", up_to({1, 2, 3, 4, 5, 6, 7, 8, 12, 14}, p.out_w)},  // the register tile
          {"tile_y", up_to({1, 2, 4}, p.out_h)},
          {"steps", {1, 2}},             // 1: windows at once; 2: their columns first, which neighbours share, then rows of these
          {"rows", {4, 16, 64, 1024}}};  // of a call, in steps of tile_y
}

/// Of a register tile.
int64_t loads(const PoolProblem& p, const Knobs& knobs) {
  const int64_t x = knobs.at("tile_x"), at_once = x * p.kernel_w;
  const int64_t columns = knobs.at("steps") == 1 ? at_once : std::min(at_once, (x - 1) * p.stride_w + (p.kernel_w - 1) * p.dilation_w + 1);
  return columns * knobs.at("tile_y") * p.kernel_h;
}

/// Of windows that are large, fewer at once.
Knobs usual(const std::string& problem, int64_t lanes) {
  const auto p = parse_pool(problem);
  Knobs knobs;
  for (const int64_t tile_x : {4, 2, 1}) {
    knobs = largest_up_to(knobs_of(problem, lanes), {{"tile_x", tile_x}, {"tile_y", 1}, {"steps", 1}, {"rows", 64}});
    if (loads(p, knobs) <= kMostLoads) break;
  }
  return knobs;
}

std::string reason_against_knobs(const KernelPlan& generic) {
  const auto plan = pool_plan(generic);
  if (auto reason = reason_against_tile(plan.knob("tile_x") * plan.knob("tile_y"), plan.lanes()); !reason.empty()) return reason;
  const auto count = loads(plan.problem, plan.knobs);
  return count > kMostLoads ? "a register tile of " + std::to_string(count) + " loads is too large to be unrolled" : "";
}

/// Of one axis.
bool reaches_outside(int64_t before, int64_t size, int64_t out, int64_t stride, int64_t kernel, int64_t dilation) {
  return before > 0 || (out - 1) * stride - before + (kernel - 1) * dilation >= size;
}

}  // namespace

bool PoolPlan::has_border() const {
  const auto& p = problem;
  return reaches_outside(p.top, p.h, p.out_h, p.stride_h, p.kernel_h, p.dilation_h) ||
         reaches_outside(p.left, p.w, p.out_w, p.stride_w, p.kernel_w, p.dilation_w);
}

PoolPlan pool_plan(const KernelPlan& plan) { return {parse_pool(plan.problem), plan.knobs, plan.target}; }

extern const KernelKind k_kernel_kind_pool;
const KernelKind k_kernel_kind_pool{"pool", reason_against, knobs_of, usual, reason_against_knobs};

}  // namespace scissionlite::kernels
