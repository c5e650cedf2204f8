#include "kernels/conv/kernel_plan.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "kernels/conv/depthwise_filter.h"
#include "kernels/conv/kernel_object.h"
#include "kernels/conv/winograd_weights.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kMostVectors = 6;  // of a panel
constexpr int64_t kMostSums = 28;    // vectors of a register tile; AVX-512 and arm-64 have 32 registers
constexpr int64_t kLeastRegisters = 16;

struct Target {
  const char* name;
  int64_t lanes;
};
constexpr std::array<Target, 4> kTargets{{{"x86-64-base", 4}, {"x86-64-avx2", 8}, {"x86-64-avx512", 16}, {"arm-64-base", 4}}};

bool is_winograd_shape(const ConvProblem& p) {
  return p.groups == 1 && p.kernel_h == 3 && p.kernel_w == 3 && p.stride_h == 1 && p.stride_w == 1 && p.dilation_h == 1 && p.dilation_w == 1;
}

std::vector<int64_t> up_to(std::vector<int64_t> values, int64_t most) {
  std::erase_if(values, [&](int64_t v) { return v > most; });
  return values;
}

std::vector<int64_t> divisors(int64_t of, int64_t most) {
  std::vector<int64_t> out;
  for (int64_t v = 1; v <= std::min(of, most); ++v)
    if (of % v == 0) out.push_back(v);
  return out;
}

std::vector<int64_t> algorithms(const ConvProblem& p) {
  if (p.is_depthwise()) return {kGeneratedDepthwise};
  std::vector<int64_t> out{kGeneratedDirect};
  if (!p.keeps_pixels()) out.push_back(kGeneratedIm2col);
  if (is_winograd_shape(p)) out.insert(out.end(), {kGeneratedWinograd2, kGeneratedWinograd4, kGeneratedWinograd6});
  return out;
}

}  // namespace

int64_t lanes_of_target(const std::string& target) {
  for (const auto& [name, lanes] : kTargets)
    if (target == name) return lanes;
  std::vector<std::string> names;
  for (const auto& known : kTargets) names.emplace_back(known.name);
  throw InvalidArgument("[generate] unknown target '" + target + "'" + did_you_mean(target, names));
}

std::string target_of(const VectorLoops& loops) {
#if defined(__aarch64__)
  return std::string("arm-64-") + loops.isa;
#else
  return std::string("x86-64-") + loops.isa;
#endif
}

int64_t KernelPlan::lanes() const { return lanes_of_target(target); }
int64_t KernelPlan::in_blocks() const { return blocks_of(problem.c, lanes()); }
int64_t KernelPlan::out_blocks() const { return blocks_of(problem.k, lanes()); }
int64_t KernelPlan::tiles_across() const { return winograd_edge() ? blocks_of(problem.out_w(), winograd_edge()) : 0; }

int64_t KernelPlan::frame_height() const {
  const auto m = winograd_edge();
  return m ? round_up(problem.out_h(), m) + 2 : is_depthwise() ? problem.h : problem.h + problem.top + problem.bottom;
}
int64_t KernelPlan::frame_width() const {
  const auto m = winograd_edge();
  return m ? round_up(problem.out_w(), m) + 2 : is_depthwise() ? problem.w : problem.w + problem.left + problem.right;
}

int64_t KernelPlan::rows() const {
  if (const auto m = winograd_edge()) return blocks_of(problem.out_h(), m) * tiles_across();
  return is_flat() ? problem.out_h() * problem.out_w() : problem.out_h();
}
int64_t KernelPlan::run_width() const { return winograd_edge() || is_flat() ? rows() : problem.out_w(); }
int64_t KernelPlan::row_step() const { return winograd_edge() || is_flat() ? knob("tile_x") : is_depthwise() ? knob("tile_y") : 1; }

std::string KernelPlan::identity() const { return "scissionlite.kernel/" + std::to_string(kKernelInterface) + " " + target + " " + problem.text() + " " + describe("generated", knobs); }

int64_t step_inputs(const KernelPlan& plan) { return plan.in_blocks() == 1 ? plan.problem.c : plan.lanes(); }

std::string reason_against_generating(const ConvProblem& p) { return p.groups == 1 || p.is_depthwise() ? "" : "groups of several channels are not generated"; }

std::string KernelPlan::reason_against() const {
  if (auto reason = reason_against_generating(problem); !reason.empty()) return reason;
  for (const auto& range : generated_knobs(problem, lanes())) {
    const auto it = knobs.find(range.name);
    if (it == knobs.end()) return "knob '" + range.name + "' is missing";
    if (std::find(range.values.begin(), range.values.end(), it->second) == range.values.end()) return "knob " + range.name + "=" + std::to_string(it->second) + " is not a value it has for " + problem.text();
  }
  const int64_t sums = knob("tile_x") * knob("vectors") * knob("tile_y"), registers = lanes() == 8 ? kLeastRegisters : kMostSums;
  if (sums > registers) return "a register tile of " + std::to_string(sums) + " vectors, but " + std::to_string(registers) + " are the most";
  if (knob("tile_x") > run_width()) return "tile_x=" + std::to_string(knob("tile_x")) + " is more than the " + std::to_string(run_width()) + " outputs of a run";
  if (is_depthwise()) return knob("tile_y") > rows() ? "tile_y is more than the image's rows" : "";
  if (knob("tile_y") != 1) return "tile_y is of depthwise kernels only";
  if (knob("order") == 0 && knob("algorithm") == kGeneratedIm2col) return "im2col makes columns of a row for all panels: order=0 would make them again for each";
  if (knob("order") == 1 && winograd_edge()) return "Winograd's panels are outside";
  if (knob("split") > 1 && winograd_edge()) return "split is not of Winograd";
  if (knob("split") > 1 && run_width() % knob("tile_x") != 0) return "split needs a tile_x that divides the outputs of a run";
  return "";
}

std::vector<KnobRange> generated_knobs(const ConvProblem& p, int64_t lanes) {
  const bool is_depthwise = p.is_depthwise();
  const int64_t blocks = is_depthwise ? 1 : blocks_of(p.k, lanes), in_blocks = is_depthwise ? 1 : blocks_of(p.c, lanes);
  return {{"algorithm", algorithms(p)},
          {"tile_x", up_to({1, 2, 3, 4, 5, 6, 7, 8, 12, 14}, p.keeps_pixels() ? p.out_h() * p.out_w() : p.out_w())},
          {"vectors", divisors(blocks, kMostVectors)},
          {"tile_y", is_depthwise ? up_to({1, 2, 4}, p.out_h()) : std::vector<int64_t>{1}},
          {"rows", {1, 2, 4, 8, 16, 32, 64}},   // steps of a call: of row_step
          {"panels", is_depthwise ? std::vector<int64_t>{1} : std::vector<int64_t>{1, 4, 1024}},  // of a call; 1024: all
          {"order", is_depthwise ? std::vector<int64_t>{0} : std::vector<int64_t>{0, 1}},  // within a call: 0 panels outside, 1 rows outside
          {"unroll", up_to({1, 2, 4, 8, 16}, is_depthwise ? 1 : lanes)},
          {"split", up_to({1, 2, 4}, in_blocks)}};  // parts of the input channels, one after the other
}

Knobs usual_generated_knobs(const ConvProblem& p, int64_t lanes) {
  Knobs knobs;
  for (const auto& range : generated_knobs(p, lanes)) knobs[range.name] = range.values[0];
  const auto set = [&](const std::string& name, int64_t most) {
    for (const auto& range : generated_knobs(p, lanes))
      if (range.name == name)
        for (const auto v : range.values)
          if (v <= most) knobs[name] = v;
  };
  set("vectors", 2);
  set("tile_x", p.is_depthwise() ? 4 : 6);
  set("tile_y", 2);
  set("rows", 8);
  if (!p.is_depthwise()) set("panels", 1024);
  set("unroll", lanes);
  return knobs;
}

int64_t packed_kernel_floats(const KernelPlan& plan) {
  const auto& p = plan.problem;
  const int64_t lanes = plan.lanes(), taps = p.kernel_h * p.kernel_w, m = plan.winograd_edge();
  if (plan.is_depthwise()) return plan.in_blocks() * taps * lanes;
  return plan.panels() * plan.in_blocks() * (m ? (m + 2) * (m + 2) * lanes : taps * step_inputs(plan)) * plan.knob("vectors") * lanes;
}

void pack_for_kernel(const KernelPlan& plan, const float* weights, float* to) {
  const auto& p = plan.problem;
  const int64_t lanes = plan.lanes(), taps = p.kernel_h * p.kernel_w, vectors = plan.knob("vectors"), in_blocks = plan.in_blocks(), m = plan.winograd_edge();
  if (plan.is_depthwise()) return pack_depthwise(p.c, taps, lanes, weights, to);
  const int64_t inputs = m ? lanes : step_inputs(plan), points = m ? (m + 2) * (m + 2) : taps, width = vectors * lanes;
  const auto g = m ? weight_transform(m) : std::vector<std::array<double, kMostWinogradTaps>>{};
  std::vector<double> frequencies(static_cast<size_t>(points));
  for (int64_t k = 0; k < p.k; ++k)
    for (int64_t c = 0; c < p.c; ++c) {
      const float* from = weights + (k * p.c + c) * taps;
      if (m) transform_weights(g, from, frequencies);
      const int64_t panel = k / width, block = c / lanes;
      for (int64_t i = 0; i < points; ++i) {
        const int64_t step = m ? (panel * points + i) * in_blocks + block : (panel * in_blocks + block) * points + i;
        to[(step * inputs + c % lanes) * width + k % width] = m ? static_cast<float>(frequencies[static_cast<size_t>(i)]) : from[i];
      }
    }
}

}  // namespace scissionlite::kernels
