#include "engine/backends/native/run_states.h"

#include <gtest/gtest.h>

namespace scissionlite::native {
namespace {

/// A program that does nothing in `bytes` an item of the first dimension.
RunStates::Make makes(int64_t bytes, int& made) {
  return [bytes, &made](const std::vector<Shape>& shapes) {
    ++made;
    auto program = std::make_shared<Program>();
    program->arena_bytes = bytes * shapes[0][0];
    return program;
  };
}

RunState& ask(RunStates& states, int64_t batch) {
  const Tensor input(Dtype::kF32, {batch, 3});
  return states.of(std::span(&input, 1));
}

TEST(RunStates, EachBatchSizeKeepsItsProgram) {
  int made = 0;
  RunStates states(makes(64, made), 1);
  for (int64_t batch = 32; batch >= 1; --batch) (void)ask(states, batch);
  auto* four = &ask(states, 4);
  (void)ask(states, 1);
  EXPECT_EQ(&ask(states, 4), four);
  EXPECT_EQ(made, 32);
}

TEST(RunStates, AllShareTheArenaOfTheLargest) {
  int made = 0;
  RunStates states(makes(64, made), 1);
  (void)ask(states, 1);
  const auto* arena = ask(states, 32).frame().scratch - 32 * 64;
  for (const int64_t batch : {1, 2, 31}) EXPECT_EQ(ask(states, batch).frame().scratch - batch * 64, arena) << batch;
}

TEST(RunStates, ThoseNotUsedForLongestGo) {
  constexpr auto kMost = static_cast<int64_t>(RunStates::kMost);
  int made = 0;
  RunStates states(makes(64, made), 1);
  for (int64_t batch = kMost + 8; batch >= 1; --batch) (void)ask(states, batch);
  EXPECT_EQ(states.size(), RunStates::kMost);
  made = 0;
  (void)ask(states, 1);
  EXPECT_EQ(made, 0);
  (void)ask(states, kMost + 1);
  EXPECT_EQ(made, 1);
}

TEST(RunStates, OtherShapesOfAsManyItemsAreOthers) {
  int made = 0;
  RunStates states(makes(64, made), 1);
  (void)ask(states, 2);
  const Tensor other(Dtype::kF32, {2, 4});
  (void)states.of(std::span(&other, 1));
  EXPECT_EQ(made, 2);
}

}  // namespace
}  // namespace scissionlite::native
