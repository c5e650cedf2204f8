// What tests of the native backend share.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>

#include "engine/backends/native/compiled/compilation.h"
#include "engine/backends/native/lowering/lowering.h"
#include "engine/backends/native/run_state.h"
#include "engine/engine.h"
#include "kernels/conv/panels.h"
#include "kernels/vector/loops.h"
#include "optimise/optimise.h"
#include "optimise/test_graphs.h"

namespace scissionlite::testing_native {

/// The side of an image at which the 192 channels between the stages of a test's chain do not stay in any of this machine's L2.
inline int64_t chain_side() {
  int64_t side = 48;
  while (192 * side * side * static_cast<int64_t>(sizeof(float)) < 3 * kernels::l2_bytes()) side += 16;
  return side;
}

/// How many steps are done so.
inline int64_t count_steps(const Graph& graph, const std::string& implementation) {
  const auto program = native::lower(graph, {&kernels::best_loops(), 1});
  return std::count_if(program.steps.begin(), program.steps.end(), [&](const auto& step) { return step.implementation == implementation; });
}

/// The answers of a program in memory that others have used: what it reads but has not written is not a number.
inline std::vector<Tensor> run_in_used_memory(const Graph& graph, std::span<const Tensor> inputs, int threads) {
  std::vector<Shape> shapes;
  for (const auto& input : inputs) shapes.push_back(input.shape());
  const auto program = std::make_shared<const native::Program>(
      native::lower(native::specialise(graph, shapes), {.loops = &kernels::best_loops(), .threads = threads}));
  const auto arena = native::make_arena(native::RunState::bytes_of(*program));
  std::fill_n(reinterpret_cast<uint8_t*>(arena->data()), arena->size() * static_cast<int64_t>(sizeof(float)), uint8_t{0xff});
  return native::RunState(program, threads, arena).run(inputs);
}

/// The same answers as the reference's, to within `tolerance` of the largest value, by one thread and two, and no step by its code.
inline void expect_fast_and_like_reference(const Graph& graph, double tolerance = 0) {
  const auto inputs = testing_graphs::random_inputs(graph);
  const auto expected = compile(graph, "reference")->run(inputs);
  for (const int threads : {1, 2}) {
    const auto got = compile(graph, "native", {.threads = threads})->run(inputs);
    ASSERT_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(got[i].shape(), expected[i].shape()) << i;
      ASSERT_EQ(got[i].dtype(), expected[i].dtype()) << i;
      EXPECT_LE(max_relative_error(got[i], expected[i]), tolerance)
          << "output " << i << " " << to_string(got[i].shape()) << ", " << threads << " threads";
    }
    const auto again = run_in_used_memory(graph, inputs, threads);
    for (size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(bit_equal(again[i], got[i])) << "output " << i << " of used memory";
  }
  Graph optimised = graph;
  optimise(optimised);
  EXPECT_EQ(count_steps(optimised, "reference"), 0);
}

}  // namespace scissionlite::testing_native
