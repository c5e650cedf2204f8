#include "server/observe/statistics.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <vector>

namespace scissionlite::server {
namespace {

constexpr RequestTimes kTimes{.total_ns = 100, .queue_ns = 20, .decode_ns = 7, .input_ns = 3, .infer_ns = 50, .output_ns = 5};

TEST(Statistics, ABatchIsOneRequestManyInferencesOneExecution) {
  Statistics statistics;
  statistics.add_execution(kTimes, 4);  // two requests, of 3 and 1 items
  statistics.add_success(kTimes, 3);
  statistics.add_success(kTimes, 1);
  const auto counts = statistics.snapshot();
  EXPECT_EQ(counts.inference_count, 4U);
  EXPECT_EQ(counts.execution_count, 1U);
  EXPECT_EQ(counts.success.count, 2U);
  EXPECT_EQ(counts.success.ns, 200U);
  EXPECT_EQ(counts.queue.ns, 40U);
  EXPECT_EQ(counts.input.ns, 20U) << "decoding is part of compute_input";
  EXPECT_EQ(counts.infer.ns, 100U);
  EXPECT_EQ(counts.output.ns, 10U);
  ASSERT_EQ(counts.batches.size(), 1U);
  EXPECT_EQ(counts.batches.at(4).infer.count, 1U);
  EXPECT_EQ(counts.batches.at(4).infer.ns, 50U);
}

TEST(Statistics, AFailureCountsAsNothingElse) {
  Statistics statistics;
  statistics.add_failure(30);
  const auto counts = statistics.snapshot();
  EXPECT_EQ(counts.fail.count, 1U);
  EXPECT_EQ(counts.fail.ns, 30U);
  EXPECT_EQ(counts.inference_count + counts.execution_count + counts.success.count + counts.queue.count, 0U);
  EXPECT_EQ(counts.last_inference_ms, 0U);
}

TEST(Statistics, LastInferenceIsTheWallClock) {
  Statistics statistics;
  statistics.add_success(kTimes, 1);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto now_ms = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  EXPECT_LE(statistics.snapshot().last_inference_ms, now_ms);
  EXPECT_GT(statistics.snapshot().last_inference_ms + 60'000, now_ms);
}

TEST(Statistics, NothingIsLostBetweenThreads) {
  Statistics statistics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) statistics.add_success(kTimes, 2), statistics.add_execution(kTimes, 2);
    });
  for (auto& thread : threads) thread.join();
  const auto counts = statistics.snapshot();
  EXPECT_EQ(counts.inference_count, 40'000U);
  EXPECT_EQ(counts.execution_count, 20'000U);
  EXPECT_EQ(counts.queue.ns, 20'000U * 20);
}

}  // namespace
}  // namespace scissionlite::server
