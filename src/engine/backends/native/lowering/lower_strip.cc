// Functions of single values and arithmetic with operands that may be repeated, one or several in a row: all steps over a strip of values that
// stays in L1, then over the next one.
#include <algorithm>

#include "engine/backends/native/lowering/lower.h"
#include "engine/backends/native/lowering/strip_walk.h"
#include "kernels/conv/panels.h"
#include "kernels/parallel.h"

namespace scissionlite::native {
namespace {

/// Of what is in use at a time: half of the smallest L1 that is common.
constexpr int64_t kStripBytes = 16 << 10;
constexpr int64_t kMostStrip = 2048, kLeastStrip = 256;  // floats
constexpr int64_t kAlignment = 16;                       // of strips in a row, in floats

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
    const bool is_read = std::any_of(program.steps.begin(), program.steps.end(), [&](const auto& step) { return std::find(step.operands.begin(), step.operands.end(), i) != step.operands.end(); });
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
  return std::all_of(shapes.begin(), shapes.end(), [&](const Shape& shape) { return shape == e.result; }) ? std::optional(std::move(e)) : std::nullopt;
}

/// In blocks, where that can be.
std::optional<StripWalk> walk_in_blocks(const Lowering& l, const Elementwise& e) {
  if (e.result.size() != 4) return std::nullopt;
  auto walk = blocked_walk(e.result, e.shapes, l.lanes());
  return walk && can_plan_strip(e.program, walk->seconds()) ? walk : std::nullopt;
}

/// Strips of a row, as many for each thread where a row is all there is.
struct Strips {
  int64_t floats = 0, per_row = 0;
};
Strips strips_of(const StripWalk& walk, const StripPlan& plan, int threads) {
  const bool is_cut = plan.operations.size() > 1;
  const int64_t in_use = plan.operands + 1 + plan.buffers, most = is_cut ? std::clamp(kStripBytes / static_cast<int64_t>(sizeof(float)) / in_use / kAlignment * kAlignment, kLeastStrip, kMostStrip) : walk.length;
  int64_t strips = (walk.length + most - 1) / most;
  if (walk.rows() < 4 * threads) strips = kernels::round_up(strips, threads);
  const int64_t floats = kernels::round_up((walk.length + strips - 1) / strips, kAlignment);
  return {floats, (walk.length + floats - 1) / floats};
}

/// One thread's run through its share.
class StripRun {
 public:
  /// @param slots  of the operands, then of the result.
  StripRun(const kernels::VectorLoops& loops, const StripPlan& plan, const StripWalk& walk, const Strips& strips, const std::vector<SlotId>& slots, const Frame& frame, float* scratch)
      : loops_(loops), plan_(plan), walk_(walk), strips_(strips), slots_(slots), frame_(frame), registers_(static_cast<size_t>(plan.first_buffer() + plan.buffers)), padded_(scratch + plan.buffers * strips.floats) {
    for (int i = 0; i < plan.buffers; ++i) registers_[static_cast<size_t>(plan.first_buffer() + i)] = scratch + i * strips.floats;
  }
  void share(const kernels::Member& member) {
    const auto mine = kernels::share_of(walk_.rows() * strips_.per_row, member);
    for (int64_t i = mine.begin; i < mine.end; ++i) strip(i / strips_.per_row, i % strips_.per_row * strips_.floats);
  }
  /// Floats that a thread needs.
  [[nodiscard]] static int64_t scratch_floats(const StripPlan& plan, const StripWalk& walk, const Strips& strips) { return plan.buffers * strips.floats + plan.operands * walk.lanes; }

 private:
  void strip(int64_t row, int64_t first) {
    const int64_t count = std::min(strips_.floats, walk_.length - first);
    for (size_t i = 0; i < walk_.operands.size(); ++i) registers_[i] = place(i, row, first);
    float* y = registers_[static_cast<size_t>(plan_.result())] = frame_.floats(slots_.back()) + row * walk_.length + first;
    for (const auto& operation : plan_.operations) run(operation, count);
    if (!plan_.makes_finite && has_empty_lanes(row)) clear_lanes(y, count);
  }
  float* place(size_t i, int64_t row, int64_t first) {
    const auto& operand = walk_.operands[i];
    int64_t at = operand.second == Second::kWhole ? first : operand.second == Second::kPerPixel ? first / walk_.lanes : 0, left = row;
    for (size_t d = walk_.outer.size(); d-- > 0; left /= walk_.outer[d]) at += left % walk_.outer[d] * operand.strides[d];
    float* begin = frame_.floats(slots_[i]) + at;
    if (operand.second != Second::kPerChannel || !has_empty_lanes(row)) return begin;
    float* padded = padded_ + static_cast<int64_t>(i) * walk_.lanes;  // 1 where no channel is: it may be divided by
    std::fill_n(std::copy_n(begin, walk_.channels % walk_.lanes, padded), walk_.lanes - walk_.channels % walk_.lanes, 1.F);
    return padded;
  }
  [[nodiscard]] bool has_empty_lanes(int64_t row) const { return walk_.channels % walk_.lanes != 0 && row % walk_.blocks == walk_.blocks - 1; }
  void clear_lanes(float* y, int64_t count) const {
    for (int64_t p = 0; p < count; p += walk_.lanes) std::fill(y + p + walk_.channels % walk_.lanes, y + p + walk_.lanes, 0.F);
  }
  [[nodiscard]] float* at(int place) const { return registers_[static_cast<size_t>(place)]; }
  void run(const StripOperation& o, int64_t count) const {
    switch (o.kind) {
      case StripOperation::Kind::kUnary: return loops_.unary(o.unary, at(o.a), at(o.y), count);
      case StripOperation::Kind::kActivation: return loops_.activate(at(o.a), at(o.y), count, o.activation);
      case StripOperation::Kind::kScaleShift: return loops_.scale_shift(at(o.a), at(o.b), at(o.c), at(o.y), count / walk_.lanes, o.activation);
      case StripOperation::Kind::kBinary: break;
    }
    kernels::BinaryArguments a;
    a.kind = o.binary, a.second = o.second, a.is_swapped = o.is_swapped;
    a.a = at(o.a), a.b = at(o.b), a.y = at(o.y), a.count = count, a.pixels = count / walk_.lanes;
    loops_.binary(a);
  }

  const kernels::VectorLoops& loops_;
  const StripPlan& plan_;
  const StripWalk& walk_;
  const Strips& strips_;
  const std::vector<SlotId>& slots_;
  const Frame& frame_;
  std::vector<float*> registers_;
  float* padded_;
};

void add_strip(Lowering& l, const Node& node, const Elementwise& e, StripWalk walk, Layout layout) {
  const auto plan = plan_strip(e.program, walk.seconds());
  if (layout == Layout::kBlocked && (plan.makes_finite || walk.channels % walk.lanes == 0)) join_blocks(walk);
  const auto strips = strips_of(walk, plan, l.threads());
  std::vector<SlotId> slots;
  for (size_t i = 0; i < e.operands.size(); ++i) slots.push_back(layout == Layout::kBlocked && walk.operands[i].second == Second::kWhole ? l.blocked(e.operands[i]) : l.plain(e.operands[i]));
  const auto y = l.make(node.outputs[0], layout);
  const int64_t scratch = kernels::round_up(StripRun::scratch_floats(plan, walk, strips), kAlignment);
  const auto& loops = l.loops();
  const auto steps = e.program.steps.size();
  auto places = slots;
  places.push_back(y);
  l.add({.node = node.label(), .implementation = steps == 1 ? "vectors" : "strip of " + std::to_string(steps), .inputs = std::move(slots), .outputs = {y},
         .scratch_bytes = scratch * l.threads() * static_cast<int64_t>(sizeof(float)), .macs = 0, .run = [=, &loops](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) {
             StripRun(loops, plan, walk, strips, places, f, reinterpret_cast<float*>(f.scratch) + member.rank * scratch).share(member);
           });
         }});
}

}  // namespace

bool is_elementwise(const Lowering& l, const Node& node) { return elementwise_of(l, node).has_value(); }

std::vector<Layout> blocked_reads(const Lowering& l, const Node& node) {
  const auto e = elementwise_of(l, node);
  const auto walk = e ? walk_in_blocks(l, *e) : std::nullopt;
  if (!walk) return {};
  std::vector<Layout> layouts;
  for (const auto& input : node.inputs) {
    const auto it = std::find(e->operands.begin(), e->operands.end(), input);
    const bool is_whole = it != e->operands.end() && walk->operands[static_cast<size_t>(it - e->operands.begin())].second == Second::kWhole;
    layouts.push_back(is_whole ? Layout::kBlocked : Layout::kPlain);
  }
  return layouts;
}

bool lower_strip(Lowering& l, const Node& node) {
  const auto e = elementwise_of(l, node);
  if (!e) return false;
  const auto blocked = walk_in_blocks(l, *e);
  if (blocked && selected_layout(l, node) == Layout::kBlocked) {
    add_strip(l, node, *e, *blocked, Layout::kBlocked);
    return true;
  }
  auto plain = plain_walk(e->result, e->shapes);
  add_strip(l, node, *e, std::move(plain), Layout::kPlain);
  return true;
}

}  // namespace scissionlite::native
