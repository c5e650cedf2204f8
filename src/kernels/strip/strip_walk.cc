#include "kernels/strip/strip_walk.h"

#include <algorithm>

#include "kernels/conv/panels.h"
#include "ops/support.h"

namespace scissionlite::kernels {
namespace {

/// With ones in front, of the rank that is wanted.
Shape aligned(const Shape& shape, size_t rank) {
  Shape out(rank - shape.size(), 1);
  out.insert(out.end(), shape.begin(), shape.end());
  return out;
}

/// How the operand of an image is read.
std::optional<StripProblem::Operand> operand_of(const Shape& result, const Shape& operand) {
  if (operand == result) return StripProblem::Operand{};
  if (operand.size() > result.size()) return std::nullopt;
  const auto s = aligned(operand, 4);
  if (s[0] != 1 && s[0] != result[0]) return std::nullopt;
  const bool is_own = s[0] != 1;
  if (s[1] == 1 && s[2] == 1 && s[3] == 1) return StripProblem::Operand{Second::kOne, is_own};
  if (s[1] == result[1] && s[2] == 1 && s[3] == 1) return StripProblem::Operand{Second::kPerChannel, is_own};
  return s[1] == 1 && s[2] == result[2] && s[3] == result[3] ? std::optional(StripProblem::Operand{Second::kPerPixel, is_own}) : std::nullopt;
}

}  // namespace

std::vector<Second> StripWalk::seconds() const {
  std::vector<Second> out;
  for (const auto& operand : operands) out.push_back(operand.second);
  return out;
}

StripWalk plain_walk(const Shape& result, std::span<const Shape> operands) {
  StripWalk walk;
  std::vector<Shape> shapes;
  for (const auto& operand : operands) shapes.push_back(aligned(operand, result.size()));
  size_t d = result.size();
  while (d > 0 && result[d - 1] == 1) --d;
  const size_t last = d;  // dimensions that go on like the one before this join the row
  const auto is_repeated = [&](const Shape& shape, size_t i) { return shape[i] != result[i]; };
  const auto goes_on = [&](size_t i) {
    return result[i] == 1 ||
           std::all_of(shapes.begin(), shapes.end(), [&](const Shape& shape) { return is_repeated(shape, i) == is_repeated(shape, last - 1); });
  };
  for (; d > 0 && goes_on(d - 1); --d) walk.length *= result[d - 1];
  walk.outer.assign(result.begin(), result.begin() + static_cast<std::ptrdiff_t>(d));
  for (const auto& shape : shapes) {
    auto strides = ops::broadcast_strides(shape, result);
    strides.resize(d);
    walk.operands.push_back(
        {last > 0 && is_repeated(shape, last - 1) ? Second::kOne : Second::kWhole, std::move(strides), shape == result || element_count(shape) == 1});
  }
  return walk;
}

std::optional<StripProblem> strip_problem(const ops::StripProgram& program, const Shape& result, std::span<const Shape> operands) {
  if (result.size() != 4) return std::nullopt;
  StripProblem problem{result[0], result[1], result[2], result[3], {}, program};
  for (const auto& operand : operands) {
    const auto read = operand_of(result, operand);
    if (!read) return std::nullopt;
    problem.operands.push_back(*read);
  }
  return can_plan_strip(program, problem.seconds()) ? std::optional(std::move(problem)) : std::nullopt;
}

StripWalk walk_of(const StripProblem& p, int64_t lanes) {
  StripWalk walk;
  walk.lanes = lanes, walk.channels = p.c, walk.blocks = blocks_of(p.c, lanes);
  walk.outer = {p.n, walk.blocks}, walk.length = p.h * p.w * lanes;
  for (const auto& operand : p.operands) {
    const int64_t image = operand.is_own ? p.floats_of(operand) : 0;
    switch (operand.second) {
      case Second::kWhole: walk.operands.push_back({Second::kWhole, {walk.blocks * walk.length, walk.length}, /*is_continuous=*/true}); break;
      case Second::kOne: walk.operands.push_back({Second::kOne, {image, 0}, /*is_continuous=*/image == 0}); break;
      case Second::kPerChannel: walk.operands.push_back({Second::kPerChannel, {image, lanes}}); break;
      case Second::kPerPixel: walk.operands.push_back({Second::kPerPixel, {image, 0}}); break;
    }
  }
  return walk;
}

void join_blocks(StripWalk& walk) {
  if (!std::all_of(walk.operands.begin(), walk.operands.end(), [](const auto& operand) { return operand.is_continuous; })) return;
  walk.length *= walk.rows();
  walk.outer.clear();
  for (auto& operand : walk.operands) operand.strides.clear();
}

}  // namespace scissionlite::kernels
