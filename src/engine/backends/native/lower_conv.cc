// Conv and FusedConv of images with constant weights, one by one and as chains around a depthwise one.
#include <algorithm>

#include "base/text.h"
#include "engine/backends/native/lower.h"
#include "kernels/conv/chain.h"
#include "kernels/conv/panels.h"
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

bool is_plain_window(const kernels::ConvProblem& p) { return p.top >= 0 && p.left >= 0 && p.bottom >= 0 && p.right >= 0 && element_count({p.n, p.c, p.h, p.w, p.k}) > 0; }

namespace {

constexpr int64_t kLeastInnerBytes = 768 << 10;  // below, tensors between the stages stay in L2 by themselves

/// What a node convolves with, when it is a convolution of images with constant weights.
struct Stage {
  kernels::ConvProblem problem;
  Tensor w, bias;
  kernels::WeightSource source = {};  // of w, where it is about to be packed
  kernels::ActivationArguments activation;
  bool has_residual = false;
  [[nodiscard]] kernels::ConvWeights weights() const { return {w.as<float>().data(), bias.empty() ? nullptr : bias.as<float>().data(), source}; }
  [[nodiscard]] kernels::ChainStage chain_stage() const { return {problem, weights(), activation}; }
};

std::optional<Stage> stage_of(const Lowering& l, const Node& node) {
  if (node.op_type != "Conv" && node.op_type != "FusedConv") return std::nullopt;
  const bool has_bias = node.inputs.size() > 2 && !node.inputs[2].empty();
  Stage stage;
  stage.w = l.weights(node.inputs[1]);
  if (has_bias) stage.bias = l.constant(node.inputs[2]);
  stage.has_residual = node.inputs.size() > 3 && !node.inputs[3].empty();
  if (!l.is_f32_image(node.inputs[0]) || stage.w.dtype() != Dtype::kF32 || stage.w.shape().size() != 4 || (has_bias && stage.bias.empty())) return std::nullopt;
  stage.problem = conv_problem_of(l, node, l.info(node.inputs[0]).shape, stage.w.shape());
  if (!is_plain_window(stage.problem)) return std::nullopt;
  stage.activation = fused_activation(l, node);
  return stage;
}

void add_convolution(Lowering& l, const Node& node, std::shared_ptr<const kernels::Convolution> conv, const std::string& subject, const std::string& implementation, const std::string& input, const std::string& residual_value, int64_t macs) {
  const auto x = conv->takes_plain_input() ? l.plain(input) : l.blocked(input);
  const auto residual = residual_value.empty() ? kNoSlot : l.blocked(residual_value);
  const auto y = l.make(node.outputs[0], Layout::kBlocked);
  Step step{.node = node.label(), .implementation = implementation, .inputs = {x}, .outputs = {y}, .scratch_bytes = conv->scratch_floats(l.threads()) * static_cast<int64_t>(sizeof(float)),
            .macs = macs, .run = [=](const Frame& f) {
              conv->run(f.floats(x), residual == kNoSlot ? nullptr : f.floats(residual), f.floats(y), reinterpret_cast<float*>(f.scratch), f.threads);
            },
            .reason = l.reason_for(subject)};
  if (residual != kNoSlot) step.inputs.push_back(residual);
  l.add(std::move(step));
}

}  // namespace

bool lower_conv(Lowering& l, const Node& node) {
  auto stage = stage_of(l, node);
  if (!stage) return false;
  stage->source = l.weight_source(node.inputs[1]);
  const auto choice = l.choose(stage->problem);
  std::shared_ptr<const kernels::Convolution> conv = choice.implementation->make(stage->problem, stage->weights(), {stage->has_residual, stage->activation}, choice.knobs, l.loops());
  add_convolution(l, node, std::move(conv), stage->problem.text(), kernels::describe(choice.implementation->name, choice.knobs), node.inputs[0], stage->has_residual ? node.inputs[3] : "", stage->problem.macs());
  return true;
}

std::vector<size_t> find_chain(const Lowering& l, size_t last) {
  const auto& nodes = l.graph().nodes;
  const auto project = stage_of(l, nodes[last]);
  std::vector<size_t> chain{last};
  if (!project) return {};
  const bool is_filter = project->problem.is_depthwise();
  if (!is_filter && !project->problem.is_pointwise()) return {};
  if (!is_filter) {
    const auto filter = l.only_producer(nodes[last].inputs[0]);
    const auto stage = filter ? stage_of(l, nodes[*filter]) : std::nullopt;
    if (!stage || !stage->problem.is_depthwise() || stage->has_residual) return {};
    chain.insert(chain.begin(), *filter);
  } else if (project->has_residual) {
    return {};
  }
  const auto expand = l.only_producer(nodes[chain[0]].inputs[0]);
  const auto stage = expand ? stage_of(l, nodes[*expand]) : std::nullopt;
  if (stage && stage->problem.is_pointwise() && !stage->has_residual) chain.insert(chain.begin(), *expand);
  return chain.size() > 1 ? chain : std::vector<size_t>{};
}

namespace {

/// What a decision about the chain that ends with this node stands under.
std::string chain_subject(const Node& last) { return "chain at " + last.outputs[0]; }

/// The stages keep their weights alive. @param packing  where the weights will be packed, else null.
std::pair<kernels::ChainProblem, std::vector<Stage>> chain_problem(const Lowering& l, const std::vector<size_t>& chain, Lowering* packing = nullptr) {
  std::pair<kernels::ChainProblem, std::vector<Stage>> out;
  auto& [problem, stages] = out;
  for (const auto node : chain) {
    stages.push_back(*stage_of(l, l.graph().nodes[node]));
    if (packing) stages.back().source = packing->weight_source(l.graph().nodes[node].inputs[1]);
  }
  for (const auto& stage : stages) {
    if (stage.problem.is_depthwise()) problem.depthwise = stage.chain_stage();
    else (&stage == &stages[0] ? problem.expand : problem.project) = stage.chain_stage();
  }
  problem.has_residual = stages.back().has_residual;
  return out;
}

}  // namespace

bool chain_pays(const Lowering& l, const std::vector<size_t>& chain) {
  const auto [problem, stages] = chain_problem(l, chain);
  const int64_t rows = kernels::usual_band_rows(problem, l.loops(), l.threads()), out_h = problem.depthwise.problem.out_h(), bands = (out_h + rows - 1) / rows;
  int64_t weights = 0;
  for (const auto& stage : stages) weights += static_cast<int64_t>(stage.w.size_bytes());
  // saved: what lies between, written and read; paid: weights that do not stay in L2, once more for each band
  const int64_t paid = weights > kernels::l2_bytes() / 4 ? (bands - 1) * weights : 0;
  return problem.inner_bytes() >= kLeastInnerBytes && 2 * problem.inner_bytes() > paid;
}

std::vector<size_t> choose_chain(Lowering& l, size_t last, const std::set<size_t>& taken) {
  const auto subject = chain_subject(l.graph().nodes[last]);
  const auto* decision = l.decided(subject);
  if (l.repeats() && !decision) return {};
  auto chain = find_chain(l, last);
  if (decision) return {chain.end() - std::min<int64_t>(decision->knobs.at("nodes"), static_cast<int64_t>(chain.size())), chain.end()};
  if (chain.size() == 3 && !chain_pays(l, chain)) chain.erase(chain.begin());  // perhaps without the first
  if (chain.empty() || std::any_of(chain.begin(), chain.end(), [&](size_t node) { return taken.count(node) > 0; }) || !chain_pays(l, chain)) return {};
  if (l.notes()) {
    const auto problem = chain_problem(l, chain).first;
    l.note(subject, {"chain", {{"nodes", static_cast<int64_t>(chain.size())}, {"rows", kernels::usual_band_rows(problem, l.loops(), l.threads())}},
                     format_bytes(static_cast<double>(problem.inner_bytes())) + " between its convolutions stay in the cache"});
  }
  return chain;
}

void lower_chain(Lowering& l, const std::vector<size_t>& chain) {
  const auto [problem, stages] = chain_problem(l, chain, &l);
  const auto& nodes = l.graph().nodes;
  const auto& last = nodes[chain.back()];
  int64_t macs = 0;
  for (const auto& stage : stages) macs += stage.problem.macs();
  const auto* decision = l.decided(chain_subject(last));
  const int64_t rows = decision ? decision->knobs.at("rows") : kernels::usual_band_rows(problem, l.loops(), l.threads());
  const std::string text = "chain of " + std::to_string(chain.size()) + " rows=" + std::to_string(rows);
  add_convolution(l, last, kernels::make_chain(problem, rows, l.loops()), chain_subject(last), text, nodes[chain[0]].inputs[0], problem.has_residual ? last.inputs[3] : "", macs);
}

}  // namespace scissionlite::native
