// Functions of single values and arithmetic with operands that may be repeated, one or several in a row: all steps over a strip of values that
// stays in L1, then over the next one.
#include <algorithm>

#include "engine/backends/native/choosing/graph_choices.h"
#include "engine/backends/native/lowering/lower.h"
#include "kernels/conv/panels.h"
#include "kernels/generated/strip_kernel.h"
#include "kernels/parallel.h"
#include "kernels/strip/strip_run.h"
#include "ops/strip.h"

namespace scissionlite::native {
namespace {

using kernels::clear_lanes;
using kernels::is_by_row;
using kernels::padded;
using kernels::run_operation;
using kernels::Second;
using kernels::StripOperation;
using kernels::StripPlan;
using kernels::StripProblem;
using kernels::StripWalk;

/// What a node computes, its operands being the inputs that some step reads.
struct Elementwise {
  ops::StripProgram program;
  std::vector<std::string> operands;
  std::vector<Shape> shapes;  // of the operands
  Shape result;
};

/// Without inputs that no step reads.
void drop_unread(ops::StripProgram& program, std::vector<std::string>& operands) {
  std::vector<int> numbers(operands.size(), -1);
  std::vector<std::string> read;
  const auto inputs = program.inputs;
  for (int i = 0; i < inputs; ++i) {
    const bool is_read = std::any_of(program.steps.begin(), program.steps.end(), [&](const auto& step) {
      return std::find(step.operands.begin(), step.operands.end(), i) != step.operands.end();
    });
    if (!is_read) continue;
    numbers[static_cast<size_t>(i)] = static_cast<int>(read.size());
    read.push_back(operands[static_cast<size_t>(i)]);
  }
  program.inputs = static_cast<int>(read.size());
  for (auto& step : program.steps)
    for (int& operand : step.operands) operand = operand < inputs ? numbers[static_cast<size_t>(operand)] : operand - inputs + program.inputs;
  operands = std::move(read);
}

/// Nothing where it is no such node, or its values differ in shape.
std::optional<Elementwise> elementwise_of(const Lowering& l, const Node& node) {
  const ops::Context context{node, l.opset(node)};
  const auto out = l.info(node.outputs[0]);
  if (out.dtype != Dtype::kF32 || !out.has_shape || element_count(out.shape) == 0) return std::nullopt;
  const auto program = ops::strip_of(context, l.constants_of(node));
  if (!program) return std::nullopt;
  Elementwise e{*program, node.inputs, {}, out.shape};
  drop_unread(e.program, e.operands);
  for (const auto& operand : e.operands) {
    const auto type = l.info(operand);
    if (type.dtype != Dtype::kF32 || !type.has_shape) return std::nullopt;
    e.shapes.push_back(type.shape);
  }
  const auto shapes = ops::step_shapes(context, e.program, e.shapes);
  return std::all_of(shapes.begin(), shapes.end(), [&](const Shape& shape) { return shape == e.result; }) ? std::optional(std::move(e))
                                                                                                          : std::nullopt;
}

/// In blocks, where that can be.
std::optional<StripProblem> problem_in_blocks(const Elementwise& e) { return kernels::strip_problem(e.program, e.result, e.shapes); }

/// A strip of one operation goes over its rows without cutting them. All that it needs lies in one piece: what comes from memory is much of the time
/// of a step as short as a gate's.
struct Single {
  static constexpr size_t kMostOuter = 4;
  struct Operand {
    SlotId slot = kNoSlot;
    Second second = Second::kWhole;
    int64_t strides[kMostOuter] = {};
  };
  const kernels::VectorLoops* loops;
  StripOperation operation;
  Operand a, b;
  SlotId y;
  size_t outer_count;
  int64_t outer[kMostOuter] = {};
  int64_t rows, length, lanes, blocks, channels;
  bool is_by_row, makes_finite;

  void run(const Frame& f, const kernels::Member& member) const {
    const float *x = f.floats(a.slot), *second = b.slot == kNoSlot ? nullptr : f.floats(b.slot);
    if (is_by_row || !makes_finite) return run_rows(x, second, f.floats(y), member);
    const auto part = share_of_floats(rows * length, member);
    if (part.begin < part.end)
      run_operation(*loops, operation, x + part.begin, second && operation.second == Second::kWhole ? second + part.begin : second, nullptr,
                    f.floats(y) + part.begin, part.end - part.begin, 0);
  }

 private:
  [[nodiscard]] int64_t offset(const Operand& operand, int64_t row) const {
    int64_t at = 0;
    for (size_t d = outer_count; d-- > 0; row /= outer[d]) at += row % outer[d] * operand.strides[d];
    return at;
  }
  void run_rows(const float* x, const float* second, float* to, const kernels::Member& member) const {
    const auto mine = kernels::share_of(rows, member);
    for (int64_t row = mine.begin; row < mine.end; ++row) {
      float vector[16];
      const bool has_empty_lanes = channels % lanes != 0 && row % blocks == blocks - 1;
      const float* of_row = second ? second + offset(b, row) : nullptr;
      if (has_empty_lanes && b.second == Second::kPerChannel) of_row = padded(of_row, channels, lanes, vector);
      run_operation(*loops, operation, x + offset(a, row), of_row, nullptr, to + row * length, length, length / lanes);
      if (has_empty_lanes && !makes_finite) clear_lanes(to + row * length, length, channels, lanes);
    }
  }
};

std::optional<Single> single_of(const Lowering& l, const StripPlan& plan, const StripWalk& walk, const std::vector<SlotId>& slots, SlotId y) {
  if (plan.operations.size() != 1 || plan.operations[0].kind == StripOperation::Kind::kScaleShift || walk.outer.size() > Single::kMostOuter)
    return std::nullopt;
  const auto& o = plan.operations[0];
  const auto operand = [&](int place) {
    Single::Operand out;
    if (place < 0) return out;
    const auto& read = walk.operands[static_cast<size_t>(place)];
    out.slot = slots[static_cast<size_t>(place)], out.second = read.second;
    std::copy(read.strides.begin(), read.strides.end(), out.strides);
    return out;
  };
  Single single{&l.loops(),
                o,
                operand(o.a),
                operand(o.b),
                y,
                walk.outer.size(),
                {},
                walk.rows(),
                walk.length,
                walk.lanes,
                walk.blocks,
                walk.channels,
                is_by_row(walk, o),
                plan.makes_finite || walk.channels % walk.lanes == 0};
  std::copy(walk.outer.begin(), walk.outer.end(), single.outer);
  return single;
}

struct Operands {
  std::vector<SlotId> inputs;
  SlotId y;
};
Operands operands_of(Lowering& l, const Node& node, const Elementwise& e, const std::vector<Second>& seconds, Layout layout) {
  Operands out;
  for (size_t i = 0; i < e.operands.size(); ++i)
    out.inputs.push_back(layout == Layout::kBlocked && seconds[i] == Second::kWhole ? l.blocked(e.operands[i]) : l.plain(e.operands[i]));
  out.y = l.make(node.outputs[0], layout);
  return out;
}

/// Where its operands lie stands behind its own scratch, so that a run asks for no memory.
void add_step(Lowering& l, const Node& node, const std::string& implementation, Operands operands, std::shared_ptr<const kernels::Strip> strip) {
  const auto own_bytes =
      kernels::round_up(strip->scratch_floats() * static_cast<int64_t>(sizeof(float)), static_cast<int64_t>(alignof(const float*)));
  const auto scratch_bytes = own_bytes + static_cast<int64_t>(operands.inputs.size() * sizeof(const float*));
  l.add({.node = node.label(),
         .implementation = implementation,
         .inputs = operands.inputs,
         .outputs = {operands.y},
         .scratch_bytes = scratch_bytes,
         .macs = 0,
         .run = [operands, strip, own_bytes](const Frame& f) {
           auto** const inputs = reinterpret_cast<const float**>(f.scratch + own_bytes);
           for (size_t i = 0; i < operands.inputs.size(); ++i) inputs[i] = f.floats(operands.inputs[i]);
           strip->run(inputs, f.floats(operands.y), reinterpret_cast<float*>(f.scratch), f.threads);
         }});
}

void add_strip(Lowering& l, const Node& node, const Elementwise& e, StripWalk walk, Layout layout) {
  const auto operands = operands_of(l, node, e, walk.seconds(), layout);
  const auto plan = kernels::plan_strip(e.program, walk.seconds());
  if (const auto single = single_of(l, plan, walk, operands.inputs, operands.y)) {
    l.add(
        {.node = node.label(),
         .implementation = "vectors",
         .inputs = operands.inputs,
         .outputs = {operands.y},
         .scratch_bytes = 0,
         .macs = 0,
         .run = [single = *single](const Frame& f) { kernels::in_team(f.threads, [&](const kernels::Member& member) { single.run(f, member); }); }});
    return;
  }
  add_step(l, node, "strip of " + std::to_string(e.program.steps.size()), operands,
           kernels::make_strip(e.program, std::move(walk), l.loops(), l.threads()));
}

void add_generated(Lowering& l, const Node& node, const Elementwise& e, const StripProblem& problem, const Choice& choice) {
  add_step(l, node, choice.text, operands_of(l, node, e, problem.seconds(), Layout::kBlocked),
           kernels::make_generated_strip(problem, choice.kernel->knobs, kernels::kernel_of(*choice.kernel), l.loops()));
}

}  // namespace

bool is_elementwise(const Lowering& l, const Node& node) { return elementwise_of(l, node).has_value(); }

std::vector<Layout> blocked_reads(const Lowering& l, const Node& node) {
  const auto e = elementwise_of(l, node);
  const auto problem = e ? problem_in_blocks(*e) : std::nullopt;
  if (!problem) return {};
  std::vector<Layout> layouts;
  for (const auto& input : node.inputs) {
    const auto it = std::find(e->operands.begin(), e->operands.end(), input);
    const bool is_whole = it != e->operands.end() && problem->operands[static_cast<size_t>(it - e->operands.begin())].second == Second::kWhole;
    layouts.push_back(is_whole ? Layout::kBlocked : Layout::kPlain);
  }
  return layouts;
}

std::optional<StripProblem> strip_problem_of(const Lowering& l, const Node& node) {
  if (l.will_be_constant(node)) return std::nullopt;
  const auto e = elementwise_of(l, node);
  return e ? problem_in_blocks(*e) : std::nullopt;
}

bool lower_strip(Lowering& l, const Node& node) {
  const auto e = elementwise_of(l, node);
  if (!e) return false;
  const auto blocked = problem_in_blocks(*e);
  if (const auto* choice = l.choice_of(node); choice && choice->kernel && blocked) add_generated(l, node, *e, *blocked, *choice);
  else if (blocked && selected_layout(l, node) == Layout::kBlocked)
    add_strip(l, node, *e, kernels::joined_walk(*blocked, l.lanes()), Layout::kBlocked);
  else add_strip(l, node, *e, kernels::plain_walk(e->result, e->shapes), Layout::kPlain);
  return true;
}

}  // namespace scissionlite::native
