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

TEST(RunStates, EachBatchSizeKeepsItsMemory) {
  int made = 0;
  RunStates states(makes(64, made), 1);
  auto* four = &ask(states, 4);
  auto* one = &ask(states, 1);
  EXPECT_EQ(&ask(states, 4), four);
  EXPECT_EQ(&ask(states, 1), one);
  EXPECT_EQ(made, 2);
}

TEST(RunStates, AllTakeAtMostTwiceTheLargest) {
  int made = 0;
  RunStates states(makes(64, made), 1);
  for (int64_t batch = 1; batch <= 32; ++batch) (void)ask(states, batch);
  EXPECT_EQ(states.size(), 2U) << "32 and 31, which are 63 of 64";
  auto* largest = &ask(states, 32);
  (void)ask(states, 1);
  EXPECT_EQ(&ask(states, 32), largest);
  EXPECT_EQ(made, 33) << "the one used last stays";
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
