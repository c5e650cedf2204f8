// A selection as notes of a compiled model, and the selection that such notes stand for.
#include <algorithm>

#include "engine/backends/native/choosing/graph_choices.h"
#include "engine/backends/native/lowering/conv_stage.h"
#include "engine/backends/native/lowering/lower.h"
#include "kernels/generated/chain_plan.h"
#include "tune/ways.h"

namespace scissionlite::native {
namespace {

std::string chain_subject(const Node& last) { return "chain at " + last.outputs[0]; }
std::string kernel_subject(const Node& node) { return "kernel at " + node.outputs[0]; }
std::string form_subject(const Node& node) { return "form at " + node.outputs[0]; }

int64_t knob(const Decision& decision, const char* name, const Node& node) {
  const auto it = decision.knobs.find(name);
  if (it == decision.knobs.end() || it->second < 1) fail_unnoted(node);
  return it->second;
}

/// By a generated kernel.
Choice of_kernel(std::vector<size_t> nodes, kernels::KernelPlan plan, const Decision& decision) {
  return {.nodes = std::move(nodes),
          .text = kernel_text(plan),
          .conv = {},
          .kernel = std::move(plan),
          .form = Form::kBlocked,
          .us = 0,
          .reason = decision.reason};
}

/// The kernel computes a depthwise convolution and the 1x1 behind it.
Choice generated_chain_of(const Lowering& l, size_t last, const Decision& decision) {
  for (auto& nodes : find_chains(l, last)) {
    std::vector<Stage> stages;
    for (const auto node : nodes) stages.push_back(*stage_of(l, l.graph().nodes[node]));
    if (auto problem = kernels::generated_problem(chain_problem(stages)); !problem.empty())
      return of_kernel(std::move(nodes), {std::move(problem), decision.knobs, kernels::target_of(l.loops())}, decision);
  }
  fail_unnoted(l.graph().nodes[last]);
}

Choice chain_of(const Lowering& l, size_t last, const Decision& decision) {
  const auto& node = l.graph().nodes[last];
  if (decision.implementation == tune::kGenerated) return generated_chain_of(l, last, decision);
  const auto length = static_cast<size_t>(knob(decision, "nodes", node));
  for (auto& nodes : find_chains(l, last))
    if (nodes.size() == length)
      return {.nodes = std::move(nodes),
              .text = chain_text(length, knob(decision, "rows", node)),
              .conv = {},
              .band_rows = knob(decision, "rows", node),
              .form = Form::kBlocked,
              .us = 0,
              .reason = decision.reason};
  fail_unnoted(node);
}

Form form_of(const Decision& decision, const Node& node) {
  for (const auto form : {Form::kPlain, Form::kBlocked, Form::kView})
    if (decision.implementation == name_of(form)) return form;
  fail_unnoted(node);
}

Choice choice_of(const Lowering& l, size_t i) {
  const auto& node = l.graph().nodes[i];
  if (const auto* decision = l.decided(chain_subject(node))) return chain_of(l, i, *decision);
  // before the convolution: one of bytes has a form and, noted when it was lowered, a way of its own (byte_choices.h)
  if (const auto* decision = l.decided(form_subject(node)))
    return {.nodes = {i}, .text = decision->implementation, .conv = {}, .form = form_of(*decision, node), .us = 0, .reason = decision->reason};
  if (const auto* decision = l.decided(convolution_subject(node)))
    return {.nodes = {i},
            .text = decision->implementation,
            .conv = {&kernels::conv_implementation(decision->implementation), decision->knobs},
            .form = Form::kBlocked,
            .us = 0,
            .reason = decision->reason};
  if (const auto* decision = l.decided(kernel_subject(node))) {
    auto problem = kernel_problem_of(l, node);
    if (problem.empty()) fail_unnoted(node);
    return of_kernel({i}, {std::move(problem), decision->knobs, kernels::target_of(l.loops())}, *decision);
  }
  if (!l.will_be_constant(node)) fail_unnoted(node);
  return {.nodes = {i}, .text = "constant", .conv = {}, .form = Form::kPlain, .us = 0};
}

}  // namespace

std::string convolution_subject(const Node& node) { return "convolution at " + node.outputs[0]; }

void fail_unnoted(const Node& node) {
  throw InvalidArgument("[native] the compiled model does not say how to compute [" + node.label() + "]; compile it again with this version");
}

void note_selection(Lowering& l, const GraphSelection& selection) {
  for (const auto& choice : selection.choices) {
    const auto& last = l.graph().nodes[choice.nodes.back()];
    if (choice.kernel)
      l.note(choice.is_chain() ? chain_subject(last) : kernel_subject(last), {tune::kGenerated, choice.kernel->knobs, choice.reason});
    else if (choice.is_chain())
      l.note(chain_subject(last), {"chain", {{"nodes", static_cast<int64_t>(choice.nodes.size())}, {"rows", choice.band_rows}}, choice.reason});
    else if (choice.conv.implementation) l.note(convolution_subject(last), {choice.conv.implementation->name, choice.conv.knobs, choice.reason});
    else if (!l.will_be_constant(last)) l.note(form_subject(last), {name_of(choice.form), {}, choice.reason});
  }
}

GraphSelection repeated_selection(const Lowering& l) {
  const auto count = l.graph().nodes.size();
  std::vector<bool> taken(count, false);
  GraphSelection out;
  for (size_t i = count; i-- > 0;) {
    if (taken[i]) continue;
    out.choices.push_back(choice_of(l, i));
    for (const auto node : out.choices.back().nodes) taken[node] = true;
  }
  std::reverse(out.choices.begin(), out.choices.end());
  return out;
}

}  // namespace scissionlite::native
