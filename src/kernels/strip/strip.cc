// Loop nest: for the member's strips: for the program's operations: one call over all of the strip's values, or one a row where operands begin anew.
#include "kernels/strip/strip.h"

#include <algorithm>
#include <numeric>

#include "kernels/conv/panels.h"
#include "kernels/parallel.h"
#include "kernels/strip/strip_run.h"

namespace scissionlite::kernels {
namespace {

/// Of what is in use at a time: half of the smallest L1 that is common.
constexpr int64_t kStripBytes = 16 << 10;
constexpr int64_t kMostStrip = 2048, kLeastStrip = 256;  // floats
constexpr int64_t kAlignment = 16;                       // of strips in a row, in floats

/// A strip is a part of a row or several whole rows.
struct Strips {
  int64_t floats = 0, per_row = 1;  // of a part
  int64_t rows = 1;                 // of a strip; more than one where a row is one part
  [[nodiscard]] int64_t count(const StripWalk& walk) const { return per_row * ((walk.rows() + rows - 1) / rows); }
};
/// As large as stays in L1, and some for each thread.
Strips strips_of(const StripWalk& walk, const StripPlan& plan, int threads) {
  const int64_t in_use = plan.operands + 1 + plan.buffers,
                most = std::clamp(kStripBytes / static_cast<int64_t>(sizeof(float)) / in_use / kAlignment * kAlignment, kLeastStrip, kMostStrip);
  int64_t parts = (walk.length + most - 1) / most;
  if (walk.rows() < 4 * threads) parts = round_up(parts, threads);
  Strips strips;
  strips.floats = round_up((walk.length + parts - 1) / parts, kAlignment);
  strips.per_row = (walk.length + strips.floats - 1) / strips.floats;
  if (strips.per_row == 1) strips.rows = std::clamp<int64_t>(most / walk.length, 1, (walk.rows() + threads - 1) / threads);
  return strips;
}

/// What all threads share.
struct StripJob {
  const VectorLoops* loops;
  StripPlan plan;
  StripWalk walk;
  Strips strips;
  std::vector<bool> are_by_row;  // of the operations
  /// Of each thread, in floats: buffers, and two vectors.
  [[nodiscard]] int64_t buffer_floats() const { return round_up(std::max(strips.floats, strips.rows * walk.length), kAlignment); }
  [[nodiscard]] int64_t scratch_floats() const { return plan.buffers * buffer_floats() + 2 * kAlignment; }
};

/// One thread's run through its share.
class StripRun {
 public:
  StripRun(const StripJob& job, const float* const* inputs, float* y, float* scratch)
      : job_(job),
        inputs_(inputs),
        y_(y),
        places_(static_cast<size_t>(job.plan.first_buffer() + job.plan.buffers) + job.walk.operands.size() * static_cast<size_t>(job.strips.rows)),
        rows_(places_.data() + job.plan.first_buffer() + job.plan.buffers),
        index_(job.walk.outer.size()),
        padded_(scratch + job.plan.buffers * job.buffer_floats()) {
    for (int i = 0; i < job.plan.buffers; ++i) places_[static_cast<size_t>(job.plan.first_buffer() + i)] = scratch + i * job.buffer_floats();
  }
  void share(const Member& member) {
    const auto& strips = job_.strips;
    const auto mine = share_of(strips.count(job_.walk), member);
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
    for (size_t d = walk.outer.size(), left = static_cast<size_t>(first_row); d-- > 0; left /= static_cast<size_t>(walk.outer[d]))
      index_[d] = static_cast<int64_t>(left) % walk.outer[d];
    const size_t operands = walk.operands.size();
    for (size_t i = 0; i < operands; ++i) {
      const auto& strides = walk.operands[i].strides;
      rows_[i] = std::inner_product(strides.begin(), strides.end(), index_.begin(), const_cast<float*>(inputs_[i]));
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
    const auto& [loops, plan, walk, strips, are_by_row] = job_;
    const int64_t count = std::min(strips.per_row == 1 ? walk.length : strips.floats, walk.length - first);
    for (size_t i = 0; i < walk.operands.size(); ++i) places_[i] = rows_[i] + advance_of(walk.operands[i].second, first);
    float* y = places_[static_cast<size_t>(plan.result())] = y_ + row * walk.length + first;
    for (size_t k = 0; k < plan.operations.size(); ++k) {
      const auto& o = plan.operations[k];
      if (are_by_row[k]) run_by_row(o, row, first, count);
      else run(o, at(o.a), at(o.b), at(o.c), at(o.y), row_count_ * count);
    }
    if (plan.makes_finite || walk.channels % walk.lanes == 0) return;
    for (int64_t r = 0; r < row_count_; ++r)
      if (has_empty_lanes(row + r)) clear_lanes(y + r * walk.length, count, walk.channels, walk.lanes);
  }
  [[nodiscard]] int64_t advance_of(Second second, int64_t first) const {
    return second == Second::kWhole ? first : second == Second::kPerPixel ? first / job_.walk.lanes : 0;
  }
  [[nodiscard]] bool has_empty_lanes(int64_t row) const {
    return job_.walk.channels % job_.walk.lanes != 0 && row % job_.walk.blocks == job_.walk.blocks - 1;
  }
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
  void run(const StripOperation& o, const float* a, const float* b, const float* c, float* y, int64_t count) const {
    run_operation(*job_.loops, o, a, b, c, y, count, count / job_.walk.lanes);
  }

  const StripJob& job_;
  const float* const* inputs_;
  float* y_;
  std::vector<float*> places_;  // of values (operands are only read), in the strip's first row; behind them `rows_`
  float** rows_;                // (rows of the strip, operands)
  std::vector<int64_t> index_;  // of a row, in `outer`
  int64_t row_count_ = 1;
  float* padded_;
};

class VectorStrip final : public Strip {
 public:
  explicit VectorStrip(StripJob job, int threads) : job_(std::move(job)), threads_(threads) {}
  [[nodiscard]] int64_t scratch_floats() const override { return job_.scratch_floats() * threads_; }
  void run(const float* const* inputs, float* y, float* scratch, int threads) const override {
    in_team(threads, [&](const Member& member) { StripRun(job_, inputs, y, scratch + member.rank * job_.scratch_floats()).share(member); });
  }

 private:
  StripJob job_;
  int threads_;
};

}  // namespace

std::unique_ptr<Strip> make_strip(const ops::StripProgram& program, StripWalk walk, const VectorLoops& loops, int threads) {
  StripJob job{&loops, plan_strip(program, walk.seconds()), {}, {}, {}};
  job.strips = strips_of(walk, job.plan, threads);
  for (const auto& operation : job.plan.operations) job.are_by_row.push_back(is_by_row(walk, operation));
  job.walk = std::move(walk);
  return std::make_unique<VectorStrip>(std::move(job), threads);
}

StripWalk joined_walk(const StripProblem& problem, int64_t lanes) {
  auto walk = walk_of(problem, lanes);
  if (problem.leaves_lanes_finite(lanes)) join_blocks(walk);
  return walk;
}

}  // namespace scissionlite::kernels
