// Functions of single values and arithmetic with operands that may be repeated, one or several in a row: all steps over a strip of values that
// stays in L1, then over the next one.
#include <algorithm>
#include <numeric>

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

/// A strip is a part of a row or several whole rows.
struct Strips {
  int64_t floats = 0, per_row = 1;  // of a part
  int64_t rows = 1;                 // of a strip; more than one where a row is one part
  [[nodiscard]] int64_t count(const StripWalk& walk) const { return per_row * ((walk.rows() + rows - 1) / rows); }
};
/// As large as stays in L1, and some for each thread.
Strips strips_of(const StripWalk& walk, const StripPlan& plan, int threads) {
  const int64_t in_use = plan.operands + 1 + plan.buffers, most = std::clamp(kStripBytes / static_cast<int64_t>(sizeof(float)) / in_use / kAlignment * kAlignment, kLeastStrip, kMostStrip);
  int64_t parts = (walk.length + most - 1) / most;
  if (walk.rows() < 4 * threads) parts = kernels::round_up(parts, threads);
  Strips strips;
  strips.floats = kernels::round_up((walk.length + parts - 1) / parts, kAlignment);
  strips.per_row = (walk.length + strips.floats - 1) / strips.floats;
  if (strips.per_row == 1) strips.rows = std::clamp<int64_t>(most / walk.length, 1, (walk.rows() + threads - 1) / threads);
  return strips;
}

void run_operation(const kernels::VectorLoops& loops, const StripOperation& o, const float* a, const float* b, const float* c, float* y, int64_t count, int64_t pixels) {
  switch (o.kind) {
    case StripOperation::Kind::kUnary: return loops.unary(o.unary, a, y, count);
    case StripOperation::Kind::kActivation: return loops.activate(a, y, count, o.activation);
    case StripOperation::Kind::kScaleShift: return loops.scale_shift(a, b, c, y, pixels, o.activation);
    case StripOperation::Kind::kBinary: return loops.binary({.kind = o.binary, .second = o.second, .a = a, .b = b, .is_swapped = o.is_swapped, .y = y, .count = count, .pixels = pixels, .activation = {}});
  }
}

/// A vector of the last block's channels, with 1 where no channel is: it may be divided by.
const float* padded(const float* vector, int64_t channels, int64_t lanes, float* to) {
  std::fill_n(std::copy_n(vector, channels % lanes, to), lanes - channels % lanes, 1.F);
  return to;
}

/// Of the last block.
void clear_lanes(float* y, int64_t count, int64_t channels, int64_t lanes) {
  for (int64_t p = 0; p < count; p += lanes) std::fill(y + p + channels % lanes, y + p + lanes, 0.F);
}

/// What does not go on from row to row is read anew for each.
bool is_by_row(const StripWalk& walk, const StripOperation& o) {
  const auto begins_anew = [&](int place) { return place >= 0 && static_cast<size_t>(place) < walk.operands.size() && !walk.operands[static_cast<size_t>(place)].is_continuous; };
  return begins_anew(o.a) || begins_anew(o.b) || begins_anew(o.c);
}

/// What all threads share.
struct StripJob {
  const kernels::VectorLoops* loops;
  StripPlan plan;
  StripWalk walk;
  Strips strips;
  std::vector<SlotId> slots;     // of the operands, then of the result
  std::vector<bool> are_by_row;  // of the operations
  /// Of each thread, in floats: buffers, and two vectors.
  [[nodiscard]] int64_t buffer_floats() const { return kernels::round_up(std::max(strips.floats, strips.rows * walk.length), kAlignment); }
  [[nodiscard]] int64_t scratch_floats() const { return plan.buffers * buffer_floats() + 2 * kAlignment; }
};

/// One thread's run through its share.
class StripRun {
 public:
  StripRun(const StripJob& job, const Frame& frame, float* scratch)
      : job_(job), frame_(frame), places_(static_cast<size_t>(job.plan.first_buffer() + job.plan.buffers) + job.walk.operands.size() * static_cast<size_t>(job.strips.rows)),
        rows_(places_.data() + job.plan.first_buffer() + job.plan.buffers), index_(job.walk.outer.size()), padded_(scratch + job.plan.buffers * job.buffer_floats()) {
    for (int i = 0; i < job.plan.buffers; ++i) places_[static_cast<size_t>(job.plan.first_buffer() + i)] = scratch + i * job.buffer_floats();
  }
  void share(const kernels::Member& member) {
    const auto& strips = job_.strips;
    const auto mine = kernels::share_of(strips.count(job_.walk), member);
    for (int64_t i = mine.begin; i < mine.end; ++i) {
      const int64_t row = i / strips.per_row * strips.rows, first = i % strips.per_row * strips.floats;
      if (i == mine.begin || first == 0) find_rows(row);
      strip(row, first);
    }
  }

 private:
  /// Where each operand begins for each row of the strip, by rows.
  void find_rows(int64_t first_row) {
    const auto& walk = job_.walk;
    row_count_ = std::min(job_.strips.rows, walk.rows() - first_row);
    for (size_t d = walk.outer.size(), left = static_cast<size_t>(first_row); d-- > 0; left /= static_cast<size_t>(walk.outer[d])) index_[d] = static_cast<int64_t>(left) % walk.outer[d];
    const size_t operands = walk.operands.size();
    for (size_t i = 0; i < operands; ++i) {
      const auto& strides = walk.operands[i].strides;
      rows_[i] = std::inner_product(strides.begin(), strides.end(), index_.begin(), frame_.floats(job_.slots[i]));
    }
    for (int64_t r = 1; r < row_count_; ++r) next_row(rows_ + (r - 1) * static_cast<int64_t>(operands), rows_ + r * static_cast<int64_t>(operands));
  }
  void next_row(float* const* from, float** to) {
    const auto& walk = job_.walk;
    const size_t operands = walk.operands.size();
    std::copy_n(from, operands, to);
    for (size_t d = walk.outer.size(); d-- > 0;) {
      const bool goes_on = ++index_[d] < walk.outer[d];
      if (!goes_on) index_[d] = 0;
      for (size_t i = 0; i < operands; ++i) to[i] += walk.operands[i].strides[d] * (goes_on ? 1 : 1 - walk.outer[d]);
      if (goes_on) return;
    }
  }
  void strip(int64_t row, int64_t first) {
    const auto& [loops, plan, walk, strips, slots, are_by_row] = job_;
    const int64_t count = std::min(strips.per_row == 1 ? walk.length : strips.floats, walk.length - first);
    for (size_t i = 0; i < walk.operands.size(); ++i) places_[i] = rows_[i] + advance_of(walk.operands[i].second, first);
    float* y = places_[static_cast<size_t>(plan.result())] = frame_.floats(slots.back()) + row * walk.length + first;
    for (size_t k = 0; k < plan.operations.size(); ++k) {
      const auto& o = plan.operations[k];
      if (are_by_row[k]) run_by_row(o, row, first, count);
      else run(o, at(o.a), at(o.b), at(o.c), at(o.y), row_count_ * count);
    }
    if (plan.makes_finite || walk.channels % walk.lanes == 0) return;
    for (int64_t r = 0; r < row_count_; ++r)
      if (has_empty_lanes(row + r)) clear_lanes(y + r * walk.length, count, walk.channels, walk.lanes);
  }
  [[nodiscard]] int64_t advance_of(Second second, int64_t first) const { return second == Second::kWhole ? first : second == Second::kPerPixel ? first / job_.walk.lanes : 0; }
  [[nodiscard]] bool has_empty_lanes(int64_t row) const { return job_.walk.channels % job_.walk.lanes != 0 && row % job_.walk.blocks == job_.walk.blocks - 1; }
  [[nodiscard]] float* at(int place) const { return place < 0 ? nullptr : places_[static_cast<size_t>(place)]; }
  /// A value of the operation, row by row.
  struct Cursor {
    float* const* rows = nullptr;  // of an operand, `step` apart; else null
    float* begin = nullptr;
    int64_t step = 0, advance = 0;
    bool may_be_padded = false;
    [[nodiscard]] float* at(int64_t r) const { return rows ? rows[r * step] + advance : begin + r * step; }
  };
  [[nodiscard]] Cursor cursor(int place, int64_t first) const {
    const auto& walk = job_.walk;
    if (place < 0) return {};
    if (place >= job_.plan.operands) return {nullptr, at(place), walk.length};
    const auto second = walk.operands[static_cast<size_t>(place)].second;
    return {rows_ + place, nullptr, static_cast<int64_t>(walk.operands.size()), advance_of(second, first), second == Second::kPerChannel};
  }
  void run_by_row(const StripOperation& o, int64_t row, int64_t first, int64_t count) const {
    const auto a = cursor(o.a, first), b = cursor(o.b, first), c = cursor(o.c, first), y = cursor(o.y, first);
    for (int64_t r = 0; r < row_count_; ++r) {
      const float *second = b.at(r), *third = c.at(r);
      if (b.may_be_padded && has_empty_lanes(row + r)) {
        second = padded(second, job_.walk.channels, job_.walk.lanes, padded_);
        if (third) third = padded(third, job_.walk.channels, job_.walk.lanes, padded_ + job_.walk.lanes);
      }
      run(o, a.at(r), second, third, y.at(r), count);
    }
  }
  void run(const StripOperation& o, const float* a, const float* b, const float* c, float* y, int64_t count) const { run_operation(*job_.loops, o, a, b, c, y, count, count / job_.walk.lanes); }

  const StripJob& job_;
  const Frame& frame_;
  std::vector<float*> places_;  // of values, in the strip's first row; behind them `rows_`
  float** rows_;                // (rows of the strip, operands)
  std::vector<int64_t> index_;  // of a row, in `outer`
  int64_t row_count_ = 1;
  float* padded_;
};

/// A strip of one operation goes over its rows without cutting them. All that it needs lies in one piece: what comes from memory is much of the time of
/// a step as short as a gate's.
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
    if (part.begin < part.end) run_operation(*loops, operation, x + part.begin, second && operation.second == Second::kWhole ? second + part.begin : second, nullptr, f.floats(y) + part.begin, part.end - part.begin, 0);
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
  if (plan.operations.size() != 1 || plan.operations[0].kind == StripOperation::Kind::kScaleShift || walk.outer.size() > Single::kMostOuter) return std::nullopt;
  const auto& o = plan.operations[0];
  const auto operand = [&](int place) {
    Single::Operand out;
    if (place < 0) return out;
    const auto& read = walk.operands[static_cast<size_t>(place)];
    out.slot = slots[static_cast<size_t>(place)], out.second = read.second;
    std::copy(read.strides.begin(), read.strides.end(), out.strides);
    return out;
  };
  Single single{&l.loops(), o, operand(o.a), operand(o.b), y, walk.outer.size(), {}, walk.rows(), walk.length, walk.lanes, walk.blocks, walk.channels, is_by_row(walk, o), plan.makes_finite || walk.channels % walk.lanes == 0};
  std::copy(walk.outer.begin(), walk.outer.end(), single.outer);
  return single;
}

void add_strip(Lowering& l, const Node& node, const Elementwise& e, StripWalk walk, Layout layout) {
  auto job = std::make_shared<StripJob>(StripJob{&l.loops(), plan_strip(e.program, walk.seconds()), {}, {}, {}, {}});
  if (layout == Layout::kBlocked && (job->plan.makes_finite || walk.channels % walk.lanes == 0)) join_blocks(walk);
  for (size_t i = 0; i < e.operands.size(); ++i) job->slots.push_back(layout == Layout::kBlocked && walk.operands[i].second == Second::kWhole ? l.blocked(e.operands[i]) : l.plain(e.operands[i]));
  const auto inputs = job->slots;
  const auto y = l.make(node.outputs[0], layout);
  job->slots.push_back(y);
  if (const auto single = single_of(l, job->plan, walk, inputs, y)) {
    l.add({.node = node.label(), .implementation = "vectors", .inputs = inputs, .outputs = {y}, .scratch_bytes = 0, .macs = 0,
           .run = [single = *single](const Frame& f) { kernels::in_team(f.threads, [&](const kernels::Member& member) { single.run(f, member); }); }});
    return;
  }
  job->strips = strips_of(walk, job->plan, l.threads());
  for (const auto& operation : job->plan.operations) job->are_by_row.push_back(is_by_row(walk, operation));
  job->walk = std::move(walk);
  l.add({.node = node.label(), .implementation = "strip of " + std::to_string(e.program.steps.size()), .inputs = inputs, .outputs = {y},
         .scratch_bytes = job->scratch_floats() * l.threads() * static_cast<int64_t>(sizeof(float)), .macs = 0, .run = [job](const Frame& f) {
           kernels::in_team(f.threads, [&](const kernels::Member& member) { StripRun(*job, f, reinterpret_cast<float*>(f.scratch) + member.rank * job->scratch_floats()).share(member); });
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
