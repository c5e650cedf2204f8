#include "kernels/generated/chain_plan.h"

#include <algorithm>

#include "kernels/conv/panels.h"
#include "kernels/generated/calls.h"

namespace scissionlite::kernels {
namespace {

constexpr const char* kPrefix = "chain ";
constexpr const char* kSeparator = " + ";

std::string text_of_pair(const ConvProblem& depthwise, const ConvProblem& pointwise) {
  return kPrefix + depthwise.text() + kSeparator + pointwise.text();
}

ChainPlan parse(const std::string& problem) {
  const std::string prefix = kPrefix, separator = kSeparator;
  const auto at = problem.find(separator);
  if (problem.compare(0, prefix.size(), prefix) != 0 || at == std::string::npos)
    throw InvalidArgument("[kernels] '" + problem + "': expected 'chain conv ... + conv ...', a depthwise and a 1x1 convolution");
  return {parse_problem(problem.substr(prefix.size(), at - prefix.size())), parse_problem(problem.substr(at + separator.size())), {}, ""};
}

std::string reason_against(const std::string& problem) {
  const auto [d, p, knobs, target] = parse(problem);
  if (!d.is_depthwise()) return "the first convolution is not depthwise";
  if (!p.is_pointwise()) return "the second convolution is not 1x1 of stride 1 and one group";
  return p.n == d.n && p.c == d.k && p.h == d.out_h() && p.w == d.out_w() ? ""
                                                                          : "the second convolution reads another image than the first one makes";
}

std::vector<KnobRange> knobs_of(const std::string& problem, int64_t lanes) {
  const auto [d, p, none, target] = parse(problem);
  const int64_t blocks = blocks_of(d.k, lanes), width = d.out_w(), height = d.out_h();
  return {{"rows", up_to({1, 2, 3, 4, 7, 8, 14, 16, 28, 56}, height)},     // of a band, in steps of filter_y
          {"tile_x", up_to({1, 2, 3, 4, 5, 6, 7, 8, 12, 14}, width)},      // pixels of the 1x1's register tile
          {"vectors", divisors(blocks_of(p.k, lanes), kMostPanelBlocks)},  // times these
          {"filter_x", up_to({1, 2, 3, 4, 5, 6, 7, 8, 12, 14}, width)},    // the depthwise convolution's register tile
          {"filter_y", up_to({1, 2, 4}, height)},
          {"order", {0, 1}},                           // of a band: 0 panels of weights outside, 1 rows outside
          {"unroll", up_to({1, 2, 4, 8, 16}, lanes)},  // of input channels
          {"split", up_to({1, 2, 4, 8}, blocks)}};     // parts of what lies between, one after the other
}

Knobs usual(const std::string& problem, int64_t lanes) {
  return largest_up_to(knobs_of(problem, lanes),
                       {{"rows", 4}, {"tile_x", 7}, {"vectors", 2}, {"filter_x", 7}, {"filter_y", 1}, {"order", 0}, {"unroll", lanes}, {"split", 1}});
}

std::string reason_against_knobs(const KernelPlan& generic) {
  const auto plan = chain_plan(generic);
  for (const auto vectors : {plan.knob("tile_x") * plan.knob("vectors"), plan.knob("filter_x") * plan.knob("filter_y")})
    if (auto reason = reason_against_tile(vectors, plan.lanes()); !reason.empty()) return reason;
  if (plan.knob("rows") < plan.knob("filter_y")) return "a band of fewer rows than the depthwise convolution's register tile";
  if (plan.knob("split") > 1 && plan.pointwise.w % plan.knob("tile_x") != 0) return "split needs a tile_x that divides a row";
  return "";
}

}  // namespace

std::string ChainPlan::text() const { return text_of_pair(depthwise, pointwise); }
int64_t ChainPlan::blocks() const { return blocks_of(depthwise.k, lanes()); }
ConvPlan ChainPlan::second() const { return {pointwise, {{"algorithm", kGeneratedDirect}, {"vectors", knob("vectors")}}, target}; }

ChainPlan chain_plan(const KernelPlan& plan) {
  auto out = parse(plan.problem);
  out.knobs = plan.knobs, out.target = plan.target;
  return out;
}

std::string generated_problem(const ChainProblem& chain) {
  if (chain.expand || !chain.project || !is_clip(chain.depthwise.activation) || !is_clip(chain.project->activation)) return "";
  return text_of_pair(chain.depthwise.problem, chain.project->problem);
}

extern const KernelKind k_kernel_kind_chain;
const KernelKind k_kernel_kind_chain{"chain", reason_against, knobs_of, usual, reason_against_knobs};

}  // namespace scissionlite::kernels
