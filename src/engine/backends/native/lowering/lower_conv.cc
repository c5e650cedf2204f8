// Conv and FusedConv of images with constant weights, one by one and as chains around a depthwise one.
#include "engine/backends/native/choosing/graph_choices.h"
#include "engine/backends/native/lowering/conv_stage.h"
#include "engine/backends/native/lowering/lower.h"
#include "kernels/generated/chain_kernel.h"

namespace scissionlite::native {
namespace {

void add_convolution(Lowering& l, const Node& node, std::shared_ptr<const kernels::Convolution> conv, const std::string& implementation,
                     const std::string& input, const std::string& residual_value, int64_t macs,
                     kernels::Precision precision = kernels::Precision::kF32) {
  const auto x = conv->takes_plain_input() ? l.plain(input) : l.blocked(input);
  const auto residual = residual_value.empty() ? kNoSlot : l.blocked(residual_value);
  const auto y = l.make(node.outputs[0], Layout::kBlocked);
  Step step{.node = node.label(),
            .implementation = implementation,
            .inputs = {x},
            .outputs = {y},
            .scratch_bytes = conv->scratch_floats(l.threads()) * static_cast<int64_t>(sizeof(float)),
            .macs = macs,
            .run = [=](const Frame& f) {
              conv->run(f.floats(x), residual == kNoSlot ? nullptr : f.floats(residual), f.floats(y), reinterpret_cast<float*>(f.scratch), f.threads);
            }};
  if (residual != kNoSlot) step.inputs.push_back(residual);
  step.precision = precision;
  l.add(std::move(step));
}

}  // namespace

bool lower_conv(Lowering& l, const Node& node) {
  auto stage = stage_of(l, node);
  if (!stage) return false;
  stage->source = l.weight_source(node.inputs[1]);
  const auto choice = l.choose(node, stage->with_end());
  std::shared_ptr<const kernels::Convolution> conv =
      choice.implementation->make(stage->problem, stage->weights(), stage->end(), choice.knobs, l.loops());
  add_convolution(l, node, std::move(conv), kernels::describe(choice.implementation->name, choice.knobs), node.inputs[0],
                  stage->has_residual ? node.inputs[3] : "", stage->problem.macs(), choice.implementation->precision);
  return true;
}

void lower_chain(Lowering& l, const Choice& choice) {
  const auto& chain = choice.nodes;
  std::vector<Stage> stages;  // keep the weights alive
  for (const auto node : chain) {
    stages.push_back(*stage_of(l, l.graph().nodes[node]));
    stages.back().source = l.weight_source(l.graph().nodes[node].inputs[1]);
  }
  const auto problem = chain_problem(stages);
  const auto& nodes = l.graph().nodes;
  const auto& last = nodes[chain.back()];
  int64_t macs = 0;
  for (const auto& stage : stages) macs += stage.problem.macs();
  auto conv = choice.kernel ? kernels::make_generated_chain(problem, choice.kernel->knobs, kernels::kernel_of(*choice.kernel), l.loops())
                            : kernels::make_chain(problem, choice.band_rows, l.loops());
  add_convolution(l, last, std::move(conv), choice.text, nodes[chain[0]].inputs[0], problem.has_residual ? last.inputs[3] : "", macs);
}

}  // namespace scissionlite::native
