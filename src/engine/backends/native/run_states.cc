#include "engine/backends/native/run_states.h"

#include <algorithm>

namespace scissionlite::native {
namespace {

bool have_shapes(std::span<const Tensor> inputs, const std::vector<Shape>& shapes) {
  return std::equal(inputs.begin(), inputs.end(), shapes.begin(), shapes.end(),
                    [](const Tensor& input, const Shape& shape) { return input.shape() == shape; });
}

}  // namespace

RunState& RunStates::of(std::span<const Tensor> inputs) {
  const auto found = std::find_if(states_.begin(), states_.end(), [&](const Entry& entry) { return have_shapes(inputs, entry.shapes); });
  if (found != states_.end()) {
    states_.splice(states_.begin(), states_, found);
    return states_.front().state;
  }
  std::vector<Shape> shapes;
  for (const auto& input : inputs) shapes.push_back(input.shape());
  auto program = make_(shapes);
  reserve(RunState::bytes_of(*program));
  states_.push_front({std::move(shapes), RunState(std::move(program), threads_, arena_)});
  if (states_.size() > kMost) states_.pop_back();
  return states_.front().state;
}

/// The old arena goes before the new one comes, but for outputs that are still looked at.
void RunStates::reserve(int64_t bytes) {
  if (arena_ && bytes / static_cast<int64_t>(sizeof(float)) <= arena_->size()) return;
  states_.clear(), arena_.reset();
  arena_ = make_arena(bytes);
}

}  // namespace scissionlite::native
