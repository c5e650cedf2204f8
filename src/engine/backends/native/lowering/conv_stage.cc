#include "engine/backends/native/lowering/conv_stage.h"

#include "base/file.h"
#include "engine/backends/native/lowering/lower.h"
#include "engine/backends/native/lowering/lower_int8.h"
#include "kernels/int8/problem_text.h"
#include "ops/support.h"

namespace scissionlite::native {

kernels::ConvProblem conv_problem_of(const Lowering& l, const Node& node, const Shape& x, const Shape& w) {
  const ops::Context context{node, l.opset(node)};
  auto window = ops::read_window(context, {w[2], w[3]});
  (void)ops::window_shape(context, window, x, w[0]);  // settles auto_pad
  kernels::ConvProblem p;
  p.n = x[0], p.c = x[1], p.h = x[2], p.w = x[3], p.k = w[0];
  p.kernel_h = w[2], p.kernel_w = w[3];
  p.stride_h = window.strides[0], p.stride_w = window.strides[1];
  p.dilation_h = window.dilations[0], p.dilation_w = window.dilations[1];
  p.top = window.pads_begin[0], p.left = window.pads_begin[1], p.bottom = window.pads_end[0], p.right = window.pads_end[1];
  p.groups = node.int_attribute("group", 1);
  return p;
}

bool is_plain_window(const kernels::ConvProblem& p) {
  const bool fits = p.h + p.top + p.bottom > (p.kernel_h - 1) * p.dilation_h && p.w + p.left + p.right > (p.kernel_w - 1) * p.dilation_w;
  return fits && p.top >= 0 && p.left >= 0 && p.bottom >= 0 && p.right >= 0 && element_count({p.n, p.c, p.h, p.w, p.k}) > 0;
}

namespace {

bool is_convolution(const Node& node) { return node.op_type == "Conv" || node.op_type == "FusedConv"; }

bool has_input(const Node& node, size_t i) { return node.inputs.size() > i && !node.inputs[i].empty(); }

}  // namespace

std::optional<Stage> coming_stage_of(const Lowering& l, const Node& node) {
  if (!is_convolution(node)) return std::nullopt;
  Stage stage;
  stage.w = l.weights(node.inputs[1]);
  const auto w = l.info(node.inputs[1]);
  if (!l.is_f32_image(node.inputs[0]) || w.dtype != Dtype::kF32 || !w.has_shape || w.shape.size() != 4 || !l.will_be_constant(node.inputs[1]))
    return std::nullopt;
  if (has_input(node, 2)) {
    if (!l.will_be_constant(node.inputs[2])) return std::nullopt;
    stage.bias = l.constant(node.inputs[2]);
  }
  stage.has_residual = has_input(node, 3);
  stage.problem = conv_problem_of(l, node, l.info(node.inputs[0]).shape, w.shape);
  if (!is_plain_window(stage.problem)) return std::nullopt;
  stage.problem.is_two_four = stage.problem.groups == 1 && l.is_two_four(node.inputs[1], /*is_transposed=*/false);
  stage.activation = fused_activation(l, node);
  return stage;
}

std::optional<Stage> stage_of(const Lowering& l, const Node& node) {
  const bool is_known = is_convolution(node) && l.is_constant(node.inputs[1]) && (!has_input(node, 2) || l.is_constant(node.inputs[2]));
  return is_known ? coming_stage_of(l, node) : std::nullopt;
}

std::vector<std::vector<size_t>> find_chains(const Lowering& l, size_t last) {
  const auto& nodes = l.graph().nodes;
  std::vector<std::vector<size_t>> chains;
  /// The stage that makes the input of node `of`, for this one alone.
  const auto before = [&](size_t of) -> std::optional<size_t> {
    const auto node = l.only_producer(nodes[of].inputs[0]);
    const auto stage = node ? stage_of(l, nodes[*node]) : std::nullopt;
    return stage && !stage->has_residual ? node : std::nullopt;
  };
  const auto is_pointwise = [&](size_t node) { return stage_of(l, nodes[node])->problem.is_pointwise(); };
  const auto is_depthwise = [&](size_t node) { return stage_of(l, nodes[node])->problem.is_depthwise(); };
  const auto end = stage_of(l, nodes[last]);
  if (!end) return {};
  auto filter = std::optional(last);
  std::vector<size_t> chain;
  if (end->problem.is_pointwise()) {
    filter = before(last);
    chain = {last};
  } else if (end->has_residual) {
    return {};
  }
  if (!filter || !is_depthwise(*filter)) return {};
  chain.insert(chain.begin(), *filter);
  if (chain.size() > 1) chains.push_back(chain);
  if (const auto expand = before(*filter); expand && is_pointwise(*expand)) {
    chain.insert(chain.begin(), *expand);
    chains.push_back(chain);
  }
  return chains;
}

std::string network_text(const Lowering& l) {
  std::string text;
  for (const auto& node : l.graph().nodes) {
    text += node.op_type + " ";
    for (const auto& value : node.outputs) text += value.empty() ? "-" : to_string(l.info(value).shape);
    if (const auto stage = coming_stage_of(l, node)) text += " " + stage->with_end().text();
    if (const auto problem = int8_problem_of(l, node)) text += " " + kernels::text_of(*problem);
    text += "\n";
  }
  return "network " + sha256_hex(text).substr(0, 16);
}

std::string chain_text(size_t stages, int64_t band_rows) { return "chain of " + std::to_string(stages) + " rows=" + std::to_string(band_rows); }

std::string kernel_text(const kernels::KernelPlan& plan) {
  return std::string("generated ") + kernels::describe(kernels::kernel_kind_of(plan.problem).name, plan.knobs);
}

kernels::ChainProblem chain_problem(const std::vector<Stage>& stages) {
  kernels::ChainProblem problem;
  for (const auto& stage : stages) {
    if (stage.problem.is_depthwise()) problem.depthwise = stage.chain_stage();
    else (&stage == &stages[0] ? problem.expand : problem.project) = stage.chain_stage();
  }
  problem.has_residual = stages.back().has_residual;
  return problem;
}

}  // namespace scissionlite::native
