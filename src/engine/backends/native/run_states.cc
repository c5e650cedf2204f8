#include "engine/backends/native/run_states.h"

#include <algorithm>

namespace scissionlite::native {
namespace {

bool have_shapes(std::span<const Tensor> inputs, const std::vector<Shape>& shapes) {
  return std::equal(inputs.begin(), inputs.end(), shapes.begin(), shapes.end(),
                    [](const Tensor& input, const Shape& shape) { return input.shape() == shape; });
}

int64_t bytes_of(const RunState& state) { return state.program().arena_bytes + state.program().scratch_bytes; }

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
  states_.push_front({std::move(shapes), RunState(std::move(program), threads_)});
  shrink();
  return states_.front().state;
}

void RunStates::shrink() {
  int64_t all = 0, largest = 0;
  for (const auto& entry : states_) {
    all += bytes_of(entry.state);
    largest = std::max(largest, bytes_of(entry.state));
  }
  for (; all > 2 * largest && states_.size() > 1; states_.pop_back()) all -= bytes_of(states_.back().state);
}

}  // namespace scissionlite::native
