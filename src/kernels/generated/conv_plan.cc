#include "kernels/generated/conv_plan.h"

#include <algorithm>
#include <array>

#include "kernels/conv/depthwise_filter.h"
#include "kernels/conv/winograd_weights.h"

namespace scissionlite::kernels {
namespace {

bool is_winograd_shape(const ConvProblem& p) {
  return p.groups == 1 && p.kernel_h == 3 && p.kernel_w == 3 && p.stride_h == 1 && p.stride_w == 1 && p.dilation_h == 1 && p.dilation_w == 1;
}

std::vector<int64_t> algorithms(const ConvProblem& p) {
  if (p.is_depthwise()) return {kGeneratedDepthwise};
  std::vector<int64_t> out{kGeneratedDirect};
  if (!p.keeps_pixels()) out.push_back(kGeneratedIm2col);
  if (is_winograd_shape(p)) out.insert(out.end(), {kGeneratedWinograd2, kGeneratedWinograd4, kGeneratedWinograd6});
  return out;
}

}  // namespace

int64_t ConvPlan::lanes() const { return lanes_of_target(target); }
int64_t ConvPlan::in_blocks() const { return blocks_of(problem.c, lanes()); }
int64_t ConvPlan::out_blocks() const { return blocks_of(problem.k, lanes()); }
int64_t ConvPlan::tiles_across() const { return winograd_edge() ? blocks_of(problem.out_w(), winograd_edge()) : 0; }

int64_t ConvPlan::frame_height() const {
  const auto m = winograd_edge();
  return m ? round_up(problem.out_h(), m) + 2 : is_depthwise() ? problem.h : problem.h + problem.top + problem.bottom;
}
int64_t ConvPlan::frame_width() const {
  const auto m = winograd_edge();
  return m ? round_up(problem.out_w(), m) + 2 : is_depthwise() ? problem.w : problem.w + problem.left + problem.right;
}

int64_t ConvPlan::rows() const {
  if (const auto m = winograd_edge()) return blocks_of(problem.out_h(), m) * tiles_across();
  return is_flat() ? problem.out_h() * problem.out_w() : problem.out_h();
}
int64_t ConvPlan::run_width() const { return winograd_edge() || is_flat() ? rows() : problem.out_w(); }
int64_t ConvPlan::row_step() const { return winograd_edge() || is_flat() ? knob("tile_x") : is_depthwise() ? knob("tile_y") : 1; }

ConvPlan conv_plan(const KernelPlan& plan) { return {parse_problem(plan.problem), plan.knobs, plan.target}; }

int64_t step_inputs(const ConvPlan& plan) { return plan.in_blocks() == 1 ? plan.problem.c : plan.lanes(); }

std::string reason_against_generating(const ConvProblem& p) {
  return p.groups == 1 || p.is_depthwise() ? "" : "groups of several channels are not generated";
}

std::string ConvPlan::reason_against() const {
  if (auto reason = reason_against_generating(problem); !reason.empty()) return reason;
  if (auto reason = reason_against_values(knobs, generated_knobs(problem, lanes()), problem.text()); !reason.empty()) return reason;
  return reason_against_knobs();
}

std::string ConvPlan::reason_against_knobs() const {
  if (auto reason = reason_against_tile(knob("tile_x") * knob("vectors") * knob("tile_y"), lanes()); !reason.empty()) return reason;
  if (knob("tile_x") > run_width())
    return "tile_x=" + std::to_string(knob("tile_x")) + " is more than the " + std::to_string(run_width()) + " outputs of a run";
  if (is_depthwise()) return knob("tile_y") > rows() ? "tile_y is more than the image's rows" : "";
  if (knob("tile_y") != 1) return "tile_y is of depthwise kernels only";
  if (knob("order") == 0 && knob("algorithm") == kGeneratedIm2col)
    return "im2col makes columns of a row for all panels: order=0 would make them again for each";
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
          {"vectors", divisors(blocks, kMostPanelBlocks)},
          {"tile_y", is_depthwise ? up_to({1, 2, 4}, p.out_h()) : std::vector<int64_t>{1}},
          {"rows", {1, 2, 4, 8, 16, 32, 64}},                                                     // steps of a call: of row_step
          {"panels", is_depthwise ? std::vector<int64_t>{1} : std::vector<int64_t>{1, 4, 1024}},  // of a call; 1024: all
          {"order", is_depthwise ? std::vector<int64_t>{0} : std::vector<int64_t>{0, 1}},         // within a call: 0 panels outside, 1 rows outside
          {"unroll", up_to({1, 2, 4, 8, 16}, is_depthwise ? 1 : lanes)},
          {"split", up_to({1, 2, 4}, in_blocks)}};  // parts of the input channels, one after the other
}

Knobs usual_generated_knobs(const ConvProblem& p, int64_t lanes) {
  return largest_up_to(
      generated_knobs(p, lanes),
      {{"vectors", 2}, {"tile_x", p.is_depthwise() ? 4 : 6}, {"tile_y", 2}, {"rows", 8}, {"panels", p.is_depthwise() ? 1 : 1024}, {"unroll", lanes}});
}

int64_t packed_kernel_floats(const ConvPlan& plan) {
  const auto& p = plan.problem;
  const int64_t lanes = plan.lanes(), taps = p.kernel_h * p.kernel_w, m = plan.winograd_edge();
  if (plan.is_depthwise()) return plan.in_blocks() * taps * lanes;
  return plan.panels() * plan.in_blocks() * (m ? (m + 2) * (m + 2) * lanes : taps * step_inputs(plan)) * plan.knob("vectors") * lanes;
}

void pack_for_kernel(const ConvPlan& plan, const float* weights, float* to) {
  const auto& p = plan.problem;
  const int64_t lanes = plan.lanes(), taps = p.kernel_h * p.kernel_w, vectors = plan.knob("vectors"), in_blocks = plan.in_blocks(),
                m = plan.winograd_edge();
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

extern const KernelKind k_kernel_kind_conv;
const KernelKind k_kernel_kind_conv{"conv", [](const std::string& problem) { return reason_against_generating(parse_problem(problem)); },
                                    [](const std::string& problem, int64_t lanes) { return generated_knobs(parse_problem(problem), lanes); },
                                    [](const std::string& problem, int64_t lanes) { return usual_generated_knobs(parse_problem(problem), lanes); },
                                    [](const KernelPlan& plan) { return conv_plan(plan).reason_against_knobs(); }};

}  // namespace scissionlite::kernels
