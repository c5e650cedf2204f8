#include "server/queueing/batcher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <utility>

#include "base/clock.h"

namespace scissionlite::server {
namespace {

constexpr int64_t kMs = 1'000'000;

/// What a fake engine shares with its test: batches it ran, and a gate that holds it.
class Log {
 public:
  void hold() { set(true); }
  void release() { set(false); }
  void add(std::vector<float> firsts) {
    std::unique_lock lock(mutex_);
    runs_.push_back(std::move(firsts));
    changed_.notify_all();
    changed_.wait(lock, [&] { return !is_held_; });
  }
  void wait_for_runs(size_t count) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, std::chrono::seconds(20), [&] { return runs_.size() >= count; })) << "runs so far: " << runs_.size();
  }
  /// The values of each run, in order.
  std::vector<std::vector<float>> runs() {
    const std::lock_guard lock(mutex_);
    return runs_;
  }

 private:
  void set(bool held) {
    const std::lock_guard lock(mutex_);
    is_held_ = held;
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::vector<float>> runs_;
  bool is_held_ = false;

 public:
  std::atomic<bool> is_short_of_memory{false};  // for another engine
};

/// Gives back its input; fails for a batch that holds a negative number, and is of no use any more once it has met a 13.
class Echo final : public Executable {
 public:
  explicit Echo(std::shared_ptr<Log> log) : log_(std::move(log)) {}
  [[nodiscard]] const std::vector<ValueInfo>& inputs() const override { return none_; }
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const override { return none_; }
  [[nodiscard]] const EngineInfo& info() const override { return info_; }
  [[nodiscard]] std::vector<Tensor> run(std::span<const Tensor> inputs) override {
    const auto values = inputs[0].as<float>();
    log_->add({values.begin(), values.end()});
    for (const float value : values) {
      if (value < 0) throw InvalidArgument("negative");
      is_broken_ = is_broken_ || value == 13;
    }
    if (is_broken_) throw InternalError("assertion failed");
    return {inputs.begin(), inputs.end()};
  }
  [[nodiscard]] std::unique_ptr<Executable> clone() override {
    if (log_->is_short_of_memory) throw std::bad_alloc();
    return std::make_unique<Echo>(log_);
  }

 private:
  std::shared_ptr<Log> log_;
  bool is_broken_ = false;
  std::vector<ValueInfo> none_;
  EngineInfo info_;
};

/// A job and what became of it.
struct Asked {
  std::shared_ptr<Job> job = std::make_shared<Job>();
  std::mutex mutex;
  std::condition_variable changed;
  bool is_done = false;
  Code code = Code::kOk;
  std::string message;
  std::vector<float> values;
  double retry_after_us = 0;
  bool runs_on = false;

  void wait() {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return is_done; }));
  }
};

class BatcherTest : public ::testing::Test {
 protected:
  void start(const BatchingOptions& options, int instances = 1, Batcher::Check check = {}) {
    std::vector<std::unique_ptr<Executable>> executables;
    for (int i = 0; i < instances; ++i) executables.push_back(std::make_unique<Echo>(log));
    batcher = std::make_unique<Batcher>(options, std::move(executables), statistics, std::move(check));
  }
  /// Queues one item a value.
  std::shared_ptr<Asked> ask(const std::vector<float>& values, std::optional<int64_t> deadline_ns = std::nullopt, int64_t width = 1) {
    auto asked = std::make_shared<Asked>();
    Tensor tensor(Dtype::kF32, {static_cast<int64_t>(values.size()) / width, width});
    if (!values.empty()) std::memcpy(tensor.mutable_data(), values.data(), tensor.size_bytes());
    asked->job->inputs = {tensor};
    asked->job->batch = tensor.shape()[0];
    asked->job->arrived_ns = Clock::steady().now_ns();
    asked->job->deadline_ns = deadline_ns;
    asked->job->done = [asked](const Outcome& outcome) {
      const std::lock_guard lock(asked->mutex);
      EXPECT_FALSE(asked->is_done) << "told twice";
      asked->is_done = true;
      asked->code = outcome.code;
      asked->message = outcome.message;
      asked->retry_after_us = outcome.retry_after_us;
      asked->runs_on = outcome.runs_on;
      if (!outcome.outputs.empty()) {
        const auto got = outcome.outputs[0].as<float>();
        asked->values.assign(got.begin(), got.end());
      }
      asked->changed.notify_all();
    };
    batcher->submit(asked->job);
    return asked;
  }
  /// A request that keeps the engine busy until `log->release()`.
  std::shared_ptr<Asked> occupy() {
    log->hold();
    auto asked = ask({100});
    log->wait_for_runs(1);
    return asked;
  }
  static void expect_answer(Asked& asked, const std::vector<float>& values) {
    asked.wait();
    EXPECT_EQ(asked.code, Code::kOk) << asked.message;
    EXPECT_EQ(asked.values, values);
  }

  std::shared_ptr<Log> log = std::make_shared<Log>();
  std::shared_ptr<Statistics> statistics = std::make_shared<Statistics>();
  std::unique_ptr<Batcher> batcher;  // last: its threads use the others
};

using Runs = std::vector<std::vector<float>>;

TEST_F(BatcherTest, WithoutBatchingRunsOneByOneInOrder) {
  start({});
  const auto busy = occupy();
  const auto a = ask({1}), b = ask({2, 3}), c = ask({4});
  EXPECT_EQ(batcher->waiting(), 3U);
  log->release();
  expect_answer(*a, {1});
  expect_answer(*b, {2, 3});
  expect_answer(*c, {4});
  EXPECT_EQ(log->runs(), (Runs{{100}, {1}, {2, 3}, {4}}));
}

TEST_F(BatcherTest, CombinesWhatWaitsUpToTheLargestBatchKeepingTheOrder) {
  start({.combine = true, .max_batch = 4});
  const auto busy = occupy();
  std::vector<std::shared_ptr<Asked>> asked;
  for (float i = 0; i < 6; ++i) asked.push_back(ask({i}));
  log->release();
  for (float i = 0; i < 6; ++i) expect_answer(*asked[static_cast<size_t>(i)], {i});
  EXPECT_EQ(log->runs(), (Runs{{100}, {0, 1, 2, 3}, {4, 5}}));
}

TEST_F(BatcherTest, ARequestThatDoesNotFitIsPassedByButNotForgotten) {
  start({.combine = true, .max_batch = 4});
  const auto busy = occupy();
  const auto a = ask({1, 2, 3}), large = ask({4, 5}), b = ask({6});
  log->release();
  expect_answer(*a, {1, 2, 3});
  expect_answer(*large, {4, 5});
  expect_answer(*b, {6});
  EXPECT_EQ(log->runs(), (Runs{{100}, {1, 2, 3, 6}, {4, 5}}));
}

TEST_F(BatcherTest, OtherShapesDoNotRunTogether) {
  start({.combine = true, .max_batch = 8});
  const auto busy = occupy();
  const auto a = ask({1}), wide = ask({2, 3}, std::nullopt, /*width=*/2), b = ask({4});
  log->release();
  expect_answer(*a, {1});
  expect_answer(*wide, {2, 3});
  expect_answer(*b, {4});
  EXPECT_EQ(log->runs(), (Runs{{100}, {1, 4}, {2, 3}}));
}

TEST_F(BatcherTest, APreferredSizeRunsAtOnceAndTheRestWaits) {
  start({.combine = true, .max_batch = 8, .preferred = {2}, .max_delay_ns = 400 * kMs});
  const int64_t start_ns = Clock::steady().now_ns();
  const auto a = ask({1}), b = ask({2}), c = ask({3});
  expect_answer(*a, {1});
  expect_answer(*b, {2});
  EXPECT_LT(Clock::steady().now_ns() - start_ns, 400 * kMs) << "a preferred size must not wait";
  expect_answer(*c, {3});
  EXPECT_GE(Clock::steady().now_ns() - start_ns, 399 * kMs) << "the third waits for a partner";
  EXPECT_EQ(log->runs(), (Runs{{1, 2}, {3}}));
}

TEST_F(BatcherTest, NoLongerThanTheDelay) {
  start({.combine = true, .max_batch = 8, .max_delay_ns = 60 * kMs});
  const int64_t start_ns = Clock::steady().now_ns();
  const auto a = ask({1});
  expect_answer(*a, {1});
  const int64_t waited_ns = Clock::steady().now_ns() - start_ns;
  EXPECT_GE(waited_ns, 59 * kMs);
  EXPECT_LT(waited_ns, 5000 * kMs);
}

TEST_F(BatcherTest, AFullQueueRefusesAtOnceWithAHint) {
  start({.queue_size = 2});
  const auto first = ask({0});
  first->wait();  // so that the length of a run is known
  log->hold();
  const auto busy = ask({100});
  log->wait_for_runs(2);
  const auto a = ask({1}), b = ask({2}), refused = ask({3});
  refused->wait();
  EXPECT_EQ(refused->code, Code::kUnavailable);
  EXPECT_NE(refused->message.find("the queue is full with 2 requests"), std::string::npos) << refused->message;
  EXPECT_GT(refused->retry_after_us, 0);
  log->release();
  expect_answer(*a, {1});
  expect_answer(*b, {2});
  EXPECT_EQ(statistics->snapshot().fail.count, 1U);
}

TEST_F(BatcherTest, WhatCannotBeInTimeIsToldSoWhileTheOnlyEngineHangs) {
  start({});
  const auto busy = occupy();
  const auto late = ask({1}, Clock::steady().now_ns() + 20 * kMs);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  batcher->tell_dead();
  late->wait();
  EXPECT_EQ(late->code, Code::kDeadlineExceeded);
  log->release();
}

TEST_F(BatcherTest, ACancelledRequestLeavesTheQueueAndNeverRuns) {
  start({});
  const auto busy = occupy();
  const auto a = ask({1}), gone = ask({2});
  batcher->cancel(gone->job);
  gone->wait();
  EXPECT_EQ(gone->code, Code::kCancelled);
  EXPECT_EQ(batcher->waiting(), 1U);
  log->release();
  expect_answer(*a, {1});
  EXPECT_EQ(log->runs(), (Runs{{100}, {1}}));
  batcher->cancel(a->job);  // over: no effect
}

TEST_F(BatcherTest, ARequestPastItsDeadlineNeverRuns) {
  start({});
  const auto busy = occupy();
  const auto late = ask({1}, Clock::steady().now_ns() - 1), in_time = ask({2}, Clock::steady().now_ns() + 60'000 * kMs);
  log->release();
  late->wait();
  EXPECT_EQ(late->code, Code::kDeadlineExceeded);
  expect_answer(*in_time, {2});
  EXPECT_EQ(log->runs(), (Runs{{100}, {2}}));
}

TEST_F(BatcherTest, OnlyTheRequestAtFaultFails) {
  start({.combine = true, .max_batch = 8});
  const auto busy = occupy();
  const auto a = ask({1}), bad = ask({-2}), b = ask({3});
  log->release();
  expect_answer(*a, {1});
  expect_answer(*b, {3});
  bad->wait();
  EXPECT_EQ(bad->code, Code::kInvalidArgument);
  EXPECT_EQ(bad->message, "negative");
  const auto counts = statistics->snapshot();
  EXPECT_EQ(counts.success.count, 3U);
  EXPECT_EQ(counts.fail.count, 1U);
}

TEST_F(BatcherTest, TheEndRunsWhatWaitsAndTakesNoMore) {
  start({.combine = true, .max_batch = 8, .max_delay_ns = 10'000 * kMs});
  const auto a = ask({1}), b = ask({2});
  batcher.reset();  // at once, not after the delay
  expect_answer(*a, {1});
  expect_answer(*b, {2});
}

TEST_F(BatcherTest, InstancesRunSideBySide) {
  start({}, /*instances=*/2);
  log->hold();
  const auto a = ask({1}), b = ask({2});
  log->wait_for_runs(2);  // both run before either ends
  log->release();
  expect_answer(*a, {1});
  expect_answer(*b, {2});
}

TEST_F(BatcherTest, ARunThatLastsTooLongCountsAsHung) {
  start({.hang_ns = 20 * kMs});
  EXPECT_FALSE(batcher->is_hung());
  const auto busy = occupy();
  Clock::steady().sleep_us(60e3);
  EXPECT_TRUE(batcher->is_hung());
  log->release();
  busy->wait();
  const auto after = ask({1});
  expect_answer(*after, {1});
}

TEST_F(BatcherTest, fault_34_ARequestWhoseRunHangsIsToldAtItsDeadlineAndItsResultIsDropped) {
  start({});
  log->hold();
  const auto late = ask({100}, Clock::steady().now_ns() + 300 * kMs);
  log->wait_for_runs(1);
  std::weak_ptr<Job> job = late->job;
  late->job = nullptr;
  Clock::steady().sleep_us(310e3);
  batcher->tell_dead();
  late->wait();
  EXPECT_EQ(late->code, Code::kDeadlineExceeded);
  EXPECT_TRUE(late->runs_on);
  EXPECT_FALSE(job.expired()) << "the run reads its inputs";
  batcher->tell_dead();  // told once
  log->release();
  expect_answer(*ask({1}), {1});
  const auto counts = statistics->snapshot();
  EXPECT_EQ(counts.execution_count, 2U);
  EXPECT_EQ(counts.success.count, 1U);
  EXPECT_EQ(counts.failures, (std::map<Code, uint64_t>{{Code::kDeadlineExceeded, 1}}));
  EXPECT_TRUE(job.expired());
}

TEST_F(BatcherTest, fault_34_WhileTheEngineHangsItsRequestsAreToldAndNewOnesRefusedUntilItIsBack) {
  start({.combine = true, .max_batch = 4, .preferred = {2}, .max_delay_ns = 300 * kMs, .hang_ns = 100 * kMs});
  log->hold();
  const auto a = ask({1}), b = ask({2});
  log->wait_for_runs(1);
  const auto waits = ask({3});
  Clock::steady().sleep_us(120e3);
  const auto refused = ask({4});
  auto probe = std::make_shared<Asked>();
  probe->job->inputs = {Tensor::of<float>({1, 1}, {0.0F})};
  probe->job->is_probe = true;
  probe->job->done = [probe](const Outcome& outcome) {
    const std::lock_guard lock(probe->mutex);
    probe->is_done = true, probe->code = outcome.code;
    probe->changed.notify_all();
  };
  batcher->submit(probe->job);
  EXPECT_TRUE(refused->is_done) << "at once";
  batcher->tell_dead();
  for (const auto& told : {a, b, waits, refused}) {
    told->wait();
    EXPECT_EQ(told->code, Code::kUnavailable);
    EXPECT_NE(told->message.find("the engine hangs"), std::string::npos) << told->message;
    EXPECT_GT(told->retry_after_us, 0);
    EXPECT_EQ(told->runs_on, told == a || told == b);
  }
  EXPECT_FALSE(probe->is_done);
  log->release();
  probe->wait();
  EXPECT_EQ(probe->code, Code::kOk);
  EXPECT_FALSE(batcher->is_hung());
  expect_answer(*ask({5, 6}), {5, 6});
  EXPECT_EQ(statistics->snapshot().success.count, 1U);
}

TEST_F(BatcherTest, fault_34_WhileOneInstanceHangsAnotherAnswers) {
  start({.hang_ns = 50 * kMs}, /*instances=*/2);
  const auto busy = occupy();
  Clock::steady().sleep_us(60e3);
  batcher->tell_dead();
  busy->wait();
  EXPECT_EQ(busy->code, Code::kUnavailable);
  const auto other = ask({1});
  log->wait_for_runs(2);
  log->release();
  expect_answer(*other, {1});
}

/// The run itself may end in any way.
TEST_F(BatcherTest, fault_34_ABatchThatFailsAfterAllRunsAgainWithoutThoseThatWereTold) {
  start({.combine = true, .max_batch = 4, .preferred = {2}, .max_delay_ns = 10'000 * kMs});
  log->hold();
  const auto late = ask({1}, Clock::steady().now_ns() + 300 * kMs), bad = ask({-2});
  log->wait_for_runs(1);
  Clock::steady().sleep_us(310e3);
  batcher->tell_dead();
  late->wait();
  log->release();
  bad->wait();
  EXPECT_EQ(late->code, Code::kDeadlineExceeded);
  EXPECT_EQ(bad->code, Code::kInvalidArgument);
  EXPECT_EQ(log->runs(), (Runs{{1, -2}, {-2}}));
  EXPECT_EQ(statistics->snapshot().fail.count, 2U);
}

TEST_F(BatcherTest, fault_33_AnEngineThatFailsIsReplaced) {
  std::atomic<int> checked{0};
  start({}, /*instances=*/1, [&](Executable&) { ++checked; });
  const auto bad = ask({13});
  bad->wait();
  EXPECT_EQ(bad->code, Code::kInternal);
  EXPECT_NE(bad->message.find("assertion failed"), std::string::npos) << bad->message;
  expect_answer(*ask({1}), {1});
  EXPECT_EQ(checked, 2) << "the old one, whether it is to blame, and the new one";
  EXPECT_FALSE(batcher->is_suspect());
}

TEST_F(BatcherTest, fault_33_NotReadyUntilSomethingIsAnsweredWhereTheNewOneFailsToo) {
  start({}, /*instances=*/1, [](Executable&) { throw InternalError("no memory left"); });
  ask({13})->wait();
  EXPECT_TRUE(batcher->is_suspect());
  batcher = nullptr;
  start({}, /*instances=*/1, [left = 3](Executable&) mutable {
    if (left-- > 0) throw InternalError("not yet");
  });
  ask({13})->wait();
  EXPECT_TRUE(batcher->is_suspect());
  ask({1})->wait();  // the broken one fails again, and this time the new one is good
  EXPECT_TRUE(batcher->is_suspect()) << "nothing has been answered yet";
  expect_answer(*ask({2}), {2});
  EXPECT_FALSE(batcher->is_suspect());
}

/// What a next stage does where there is no memory for its copy of the first one's result.
TEST_F(BatcherTest, fault_33_WhatFollowsAResultMayThrowAndItsCallerIsToldAndTheEngineKept) {
  std::atomic<int> checked{0};
  start({.combine = true, .max_batch = 8}, /*instances=*/1, [&](Executable&) { ++checked; });
  const auto busy = occupy();
  const auto before = ask({1});
  auto unlucky = std::make_shared<Asked>();
  unlucky->job->inputs = {Tensor::of<float>({1, 1}, {3.0F})};
  unlucky->job->done = [unlucky](const Outcome& outcome) {
    if (outcome.code == Code::kOk) throw std::bad_alloc();
    const std::lock_guard lock(unlucky->mutex);
    unlucky->is_done = true;
    unlucky->code = outcome.code;
    unlucky->message = outcome.message;
    unlucky->changed.notify_all();
  };
  batcher->submit(unlucky->job);
  const auto after = ask({2});
  log->release();
  unlucky->wait();
  EXPECT_EQ(unlucky->code, Code::kResourceExhausted);
  EXPECT_NE(unlucky->message.find("out of memory"), std::string::npos) << unlucky->message;
  expect_answer(*before, {1});
  expect_answer(*after, {2});
  EXPECT_EQ(log->runs().size(), 2U) << "nothing runs again";
  EXPECT_EQ(checked, 0);
  EXPECT_FALSE(batcher->is_suspect());
}

TEST_F(BatcherTest, fault_33_OneThatFailedTakesNoRequestsWhileAnotherIsSoundAndIsSoundAgainByItsOwnProbe) {
  start({}, /*instances=*/2, [](Executable& fresh) {
    const Tensor zero = Tensor::of<float>({1, 1}, {0.0F});
    (void)fresh.run(std::vector<Tensor>{zero});
  });
  log->is_short_of_memory = true;
  ask({13})->wait();
  EXPECT_TRUE(batcher->is_suspect());
  for (int i = 0; i < 50; ++i) expect_answer(*ask({1}), {1});
  EXPECT_TRUE(batcher->is_suspect()) << "answers of the other say nothing of it";
  EXPECT_EQ(statistics->snapshot().fail.count, 1U);
  log->is_short_of_memory = false;
  for (int i = 0; i < 2000 && batcher->is_suspect(); ++i) Clock::steady().sleep_us(10e3);
  EXPECT_FALSE(batcher->is_suspect());
  log->hold();
  const size_t before = log->runs().size();
  const auto a = ask({1}), b = ask({2});
  log->wait_for_runs(before + 2);  // on both
  log->release();
  expect_answer(*a, {1});
  expect_answer(*b, {2});
}

TEST_F(BatcherTest, fault_33_TheOnlyOneIsSoundAgainByItsOwnProbeToo) {
  start({}, /*instances=*/1, [](Executable& fresh) { (void)fresh.run(std::vector<Tensor>{Tensor::of<float>({1, 1}, {0.0F})}); });
  log->is_short_of_memory = true;
  ask({13})->wait();
  EXPECT_TRUE(batcher->is_suspect());
  log->is_short_of_memory = false;
  for (int i = 0; i < 2000 && batcher->is_suspect(); ++i) Clock::steady().sleep_us(10e3);
  EXPECT_FALSE(batcher->is_suspect());
}

TEST_F(BatcherTest, AWrongInputReplacesNothing) {
  std::atomic<int> checked{0};
  start({}, /*instances=*/1, [&](Executable&) { ++checked; });
  ask({-1})->wait();
  EXPECT_EQ(checked, 0);
  EXPECT_FALSE(batcher->is_suspect());
}

TEST(SliceItems, UndoesConcatenate) {
  Tensor a(Dtype::kU8, {1, 3}), b(Dtype::kU8, {2, 3}), none(Dtype::kU8, {0, 3});
  for (int i = 0; i < 3; ++i) a.mutable_data()[i] = static_cast<std::byte>(i);
  for (int i = 0; i < 6; ++i) b.mutable_data()[i] = static_cast<std::byte>(10 + i);
  const auto all = concatenate(std::vector<Tensor>{a, none, b});
  ASSERT_EQ(all.shape(), (Shape{3, 3}));
  const auto again = slice_items(all, 1, 2);
  EXPECT_EQ(again.shape(), b.shape());
  EXPECT_EQ(std::memcmp(again.data(), b.data(), 6), 0);
  EXPECT_EQ(slice_items(all, 3, 0).size_bytes(), 0U);
}

}  // namespace
}  // namespace scissionlite::server
