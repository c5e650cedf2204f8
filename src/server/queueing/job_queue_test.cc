#include "server/queueing/job_queue.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace scissionlite::server {
namespace {

constexpr int64_t kMs = 1'000'000;
const std::vector<Busy> kIdle(1);

std::shared_ptr<Job> job(int64_t batch = 1, std::optional<int64_t> deadline_ns = std::nullopt, int64_t width = 1) {
  auto made = std::make_shared<Job>();
  made->inputs = {Tensor(Dtype::kF32, {batch, width})};
  made->batch = batch;
  made->deadline_ns = deadline_ns;
  return made;
}

/// A queue that has seen runs of 2 ms and a millisecond an item more.
JobQueue taught(const BatchingOptions& options, int64_t now_ns = 0) {
  JobQueue queue(options);
  for (int i = 0; i < 20; ++i)
    for (const int64_t items : {1, 8}) queue.ran({}, items, (2 + items) * kMs, now_ns);
  return queue;
}

TEST(RunTimes, InBetweenInProportionAndForgottenWhenOld) {
  RunTimes times;
  EXPECT_EQ(times.predict_ns(1, 0), 0);
  times.add(2, 10 * kMs, 0);
  EXPECT_EQ(times.predict_ns(1, 0), 5 * kMs);
  EXPECT_EQ(times.predict_ns(4, 0), 20 * kMs);
  times.add(6, 18 * kMs, 0);
  EXPECT_EQ(times.predict_ns(4, 0), 14 * kMs);
  EXPECT_EQ(times.predict_ns(2, RunTimes::kStaleNs), 10 * kMs);
  EXPECT_EQ(times.predict_ns(2, RunTimes::kStaleNs + 1), 0);
}

TEST(RunTimes, ASizeThatRanLongAgoIsBelievedAsFarAsOthersLeaveItPossible) {
  RunTimes times;
  times.add(2, 800 * kMs, 0);  // stalled
  int64_t now = 0;
  for (int i = 0; i < 20; ++i) times.add(1, 10 * kMs, now += 100 * kMs);
  EXPECT_EQ(times.predict_ns(2, now), 20 * kMs) << "no more than two runs of one";
  times.add(8, 15 * kMs, now += 1);
  EXPECT_EQ(times.predict_ns(2, now), 15 * kMs) << "no more than a run of more";
  EXPECT_EQ(times.predict_ns(1, now), 10 * kMs);
  times.add(2, 12 * kMs, now += 1);
  EXPECT_EQ(times.predict_ns(2, now), 12 * kMs) << "what was known before is of no weight";
  RunTimes large;  // only large batches run: what one alone takes is not forgotten
  large.add(1, 4 * kMs, 0);
  for (now = 0; now < 3000 * kMs;) large.add(32, 34 * kMs, now += 100 * kMs);
  EXPECT_EQ(large.predict_ns(1, now), 4 * kMs);
}

TEST(RunTimes, EmptyBatchesAreRunsToo) {
  RunTimes times;
  times.add(0, 2 * kMs, 0);
  EXPECT_EQ(times.predict_ns(0, 0), 2 * kMs);
  EXPECT_EQ(times.predict_ns(3, 0), 6 * kMs);
}

TEST(RunTimes, FollowsAnEngineThatBecomesSlower) {
  RunTimes times;
  times.add(1, 10 * kMs, 0);
  for (int i = 0; i < 20; ++i) times.add(1, 40 * kMs, 0);
  EXPECT_NEAR(static_cast<double>(times.predict_ns(1, 0)), 40 * kMs, kMs);
}

TEST(JobQueue, TheEarliestDeadlineIsFirstAndOneWithoutIsNotPassedByForEver) {
  JobQueue queue({});
  const auto patient = job(), late = job(1, 900 * kMs), soon = job(1, 50 * kMs);
  for (const auto& one : {patient, late, soon}) EXPECT_EQ(queue.push(one, kIdle, 0).why, "");
  const auto newcomer = job(1, 1500 * kMs);
  EXPECT_EQ(queue.push(newcomer, kIdle, 600 * kMs).why, "");
  EXPECT_EQ(queue.next(false, 0).jobs, Jobs{soon});
  EXPECT_EQ(queue.next(false, 0).jobs, Jobs{late});
  EXPECT_EQ(queue.next(false, 0).jobs, Jobs{patient});
  EXPECT_EQ(queue.next(false, 0).jobs, Jobs{newcomer});
}

TEST(JobQueue, ABatchGrowsOnlyWhileItsFirstIsInTime) {
  auto queue = taught({.combine = true, .max_batch = 32});
  const auto soon = job(1, 8 * kMs);
  ASSERT_EQ(queue.push(soon, kIdle, 0).why, "");
  for (int i = 0; i < 20; ++i) ASSERT_EQ(queue.push(job(), kIdle, 0).why, "");
  const auto first = queue.next(true, 0).jobs;
  EXPECT_EQ(first.front(), soon);
  EXPECT_LE(first.size(), 6U);
  EXPECT_GE(first.size(), 4U);
  EXPECT_EQ(queue.next(true, 0).jobs.size(), 21 - first.size()) << "what has no deadline runs as one";
}

TEST(JobQueue, WhatCannotBeInTimeIsRefusedAtOnceWithAHint) {
  auto queue = taught({.combine = true, .max_batch = 8});
  for (int i = 0; i < 8; ++i) ASSERT_EQ(queue.push(job(), kIdle, 0).why, "");
  const std::vector<Busy> busy{{.since_ns = 1, .items = 8}};
  const auto refused = queue.push(job(1, 18 * kMs), busy, 1);  // alone before all others, but behind the run of 10 ms: in time
  EXPECT_EQ(refused.why, "");
  const auto late = queue.push(job(1, 9 * kMs), busy, 1);
  EXPECT_EQ(late.code, Code::kUnavailable);
  EXPECT_NE(late.why.find("its deadline is in 9.00 ms, and with 0 requests ahead it would be answered in"), std::string::npos) << late.why;
  EXPECT_GT(late.retry_after_us, 0);
  EXPECT_EQ(queue.size(), 9U);
}

TEST(JobQueue, ARunThatIsTooLongAloneIsADeadlineExceeded) {
  auto queue = taught({});
  const auto refused = queue.push(job(1, 2 * kMs), kIdle, 0);
  EXPECT_EQ(refused.code, Code::kDeadlineExceeded);
  EXPECT_NE(refused.why.find("its deadline is in 2.00 ms, and a run takes 3.00 ms"), std::string::npos) << refused.why;
  EXPECT_EQ(refused.retry_after_us, 0) << "asking again does not help";
}

TEST(JobQueue, AnIdleEngineTriesWhatMayBeInTimeHoweverMuchRunsDiffer) {
  auto queue = taught({});
  for (int i = 0; i < 20; ++i) queue.ran({}, 1, (i % 2 == 0 ? 1 : 5) * kMs, 0);
  EXPECT_EQ(queue.push(job(1, 5 * kMs), kIdle, 0).why, "");
}

TEST(JobQueue, AFewExecutablesShareWhatIsAhead) {
  for (const size_t executables : {1, 4}) {
    auto queue = taught({});  // ten runs of 3 ms are ahead
    for (int i = 0; i < 10; ++i) ASSERT_EQ(queue.push(job(1, 90 * kMs + i), std::vector<Busy>(8), 0).why, "");
    EXPECT_EQ(queue.push(job(1, 91 * kMs - 60 * kMs), std::vector<Busy>(executables), 0).why, "") << "it goes before them";
    EXPECT_EQ(queue.push(job(1, 91 * kMs), std::vector<Busy>(executables), 62 * kMs).why.empty(), executables == 4);
  }
}

TEST(JobQueue, AnExecutableThatTakesNoRequestsIsNotCountedWith) {
  auto queue = taught({});  // runs of 3 ms
  const std::vector<Busy> one_of_two{{.since_ns = 1, .items = 1}, {.is_out = true}};
  EXPECT_NE(queue.push(job(1, 5 * kMs), one_of_two, 1).why, "") << "the idle one does not run it";
  EXPECT_EQ(queue.push(job(1, 5 * kMs), std::vector<Busy>(2), 1).why, "");
}

TEST(JobQueue, WhatCannotBeInTimeAnyMoreIsTakenOut) {
  auto queue = taught({});
  const auto lost = job(1, 20 * kMs), kept = job(1, 30 * kMs), gone = job();
  for (const auto& one : {lost, kept, gone}) ASSERT_EQ(queue.push(one, kIdle, 0).why, "");
  gone->cancel();
  const auto dead = queue.take_dead(kIdle, 18 * kMs);
  ASSERT_EQ(dead.size(), 2U);
  EXPECT_EQ(dead[0].job, lost);
  EXPECT_EQ(dead[0].why.code, Code::kDeadlineExceeded);
  EXPECT_EQ(dead[1].job, gone);
  EXPECT_EQ(dead[1].why.code, Code::kCancelled);
  EXPECT_EQ(queue.next(false, 18 * kMs).jobs, Jobs{kept});
}

TEST(JobQueue, AfterALullEverythingMayTryAgain) {
  auto queue = taught({});
  EXPECT_NE(queue.push(job(1, 2 * kMs), kIdle, 0).why, "");
  const int64_t later = RunTimes::kStaleNs + 1;
  EXPECT_EQ(queue.push(job(1, later + 2 * kMs), kIdle, later).why, "") << "else an engine that was slow once would be asked never again";
}

TEST(JobQueue, ARunUnderWayKeepsWhatIsKnownFromGettingOld) {
  auto queue = taught({});
  const std::vector<Busy> busy{{.since_ns = 1, .items = 1}};
  const int64_t later = 3 * RunTimes::kStaleNs;
  EXPECT_EQ(queue.push(job(1, later + 2 * kMs), busy, later).code, Code::kDeadlineExceeded)
      << "a run that takes seconds must not let in what cannot be in time";
}

TEST(JobQueue, OnlyARunThatWillTellKeepsIt) {
  const int64_t later = 10 * RunTimes::kStaleNs;
  const Busy began_late{.since_ns = later - 1, .items = 1}, hung{.since_ns = 1, .items = 1}, out{.since_ns = 1, .items = 1, .is_out = true},
      probe{.since_ns = 1, .items = 1, .is_probe = true};
  for (const auto& busy : {began_late, hung, out, probe}) {
    auto queue = taught({.hang_ns = RunTimes::kStaleNs});
    EXPECT_EQ(queue.push(job(1, later + 2 * kMs), {busy, {}}, later).code, Code::kOk);
  }
}

TEST(JobQueue, EveryRefusalOfAFullQueueSaysWhenToComeBack) {
  const std::vector<Busy> busy{{.since_ns = 1, .items = 1}};
  JobQueue unknown({.queue_size = 2});
  auto known = taught({.queue_size = 2});
  for (auto* queue : {&unknown, &known})
    for (int i = 0; i < 2; ++i) ASSERT_EQ(queue->push(job(), busy, kMs).code, Code::kOk);
  EXPECT_NEAR(unknown.push(job(), busy, kMs).retry_after_us, 150e3, 1e3) << "three runs, of which nothing is known yet";
  EXPECT_NEAR(unknown.push(job(), busy, 2000 * kMs).retry_after_us, 6e6, 1e3) << "the one under way has taken two seconds already";
  EXPECT_NEAR(known.push(job(), busy, kMs).retry_after_us, 8e3, 1e3);
  EXPECT_GE(known.push(job(), busy, 5000 * kMs).retry_after_us, 5e3) << "however long the run under way takes";
}

TEST(JobQueue, NothingWaitsLongerThanTheModelAllows) {
  JobQueue queue({.queue_timeout_ns = 100 * kMs});
  const auto old = job(), probe = job(), young = job();
  probe->is_probe = true;
  for (const auto& one : {old, probe}) ASSERT_EQ(queue.push(one, kIdle, 0).code, Code::kOk);
  ASSERT_EQ(queue.push(young, kIdle, 60 * kMs).code, Code::kOk);
  EXPECT_TRUE(queue.take_dead(kIdle, 99 * kMs).empty());
  const auto dead = queue.take_dead(kIdle, 100 * kMs);
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].job, old);
  EXPECT_EQ(dead[0].why.code, Code::kUnavailable);
  EXPECT_NE(dead[0].why.why.find("waited for the 100.0 ms that a request may"), std::string::npos) << dead[0].why.why;
  EXPECT_GT(dead[0].why.retry_after_us, 0);
  EXPECT_EQ(queue.size(), 2U);
}

TEST(JobQueue, fault_34_WhileEveryExecutableHangsNobodyIsLetInNorWaits) {
  JobQueue queue({.queue_size = 2, .hang_ns = 100 * kMs});
  const auto waits = job(), probe = job();
  probe->is_probe = true;
  const Busy hung{.since_ns = 1, .items = 1}, out{.is_out = true};
  const int64_t later = 200 * kMs;
  ASSERT_EQ(queue.push(waits, {hung}, 50 * kMs).code, Code::kOk);
  ASSERT_EQ(queue.push(probe, {hung}, later).code, Code::kOk) << "it finds out when the engine is well again";
  EXPECT_TRUE(queue.take_dead({hung, {}}, later).empty()) << "one is well";
  for (const auto& executables : {std::vector<Busy>{hung}, {hung, hung}, {hung, out}}) {
    const auto refused = queue.push(job(), executables, later);
    EXPECT_EQ(refused.code, Code::kUnavailable);
    EXPECT_NE(refused.why.find("the engine hangs: a run has taken longer than 100.0 ms"), std::string::npos) << refused.why;
    EXPECT_GT(refused.retry_after_us, 0);
  }
  const auto dead = queue.take_dead({hung}, later);
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].job, waits);
  EXPECT_EQ(dead[0].why.code, Code::kUnavailable);
  EXPECT_GT(dead[0].why.retry_after_us, 0);
  EXPECT_EQ(queue.push(job(), {{}}, later).code, Code::kOk);
}

TEST(JobQueue, fault_34_WhatRunsIsToldOnceAtItsDeadlineOrWhenItsRunHangs) {
  const JobQueue queue({.hang_ns = 100 * kMs});
  const auto soon = job(1, 20 * kMs), patient = job(1, 900 * kMs), gone = job(), leaves = job(), probe = job(1, 20 * kMs);
  gone->cancel(), leaves->give_up();
  probe->is_probe = true;
  const Jobs batch{soon, patient, gone, leaves}, alone{probe};
  const std::vector<Busy> busy{{.since_ns = 1, .items = 4, .jobs = &batch}, {}, {.since_ns = 1, .items = 1, .is_probe = true, .jobs = &alone}};
  const auto told = [&](int64_t now_ns) {
    std::vector<std::pair<std::shared_ptr<Job>, Code>> out;
    for (const auto& [one, why] : queue.dead_at_run(busy, now_ns)) out.emplace_back(one, why.code), one->finish({});
    return out;
  };
  for (const auto& one : {soon, patient, gone, leaves}) one->done = [](const Outcome&) {};
  using Told = decltype(told(0));
  EXPECT_EQ(told(19 * kMs), (Told{{leaves, Code::kCancelled}}));
  EXPECT_EQ(told(20 * kMs), (Told{{soon, Code::kDeadlineExceeded}}));
  EXPECT_EQ(told(100 * kMs), Told{});
  EXPECT_EQ(told(101 * kMs), (Told{{patient, Code::kUnavailable}, {gone, Code::kUnavailable}}));
  EXPECT_EQ(told(2000 * kMs), Told{});
}

TEST(JobQueue, ASecondStageIsCancelledWithTheFirst) {
  JobQueue queue({});
  const auto first = job(), second = job();
  second->is_of_the_caller_of(*first);
  ASSERT_EQ(queue.push(second, kIdle, 0).code, Code::kOk);
  first->cancel();
  ASSERT_EQ(queue.take_dead(kIdle, 0).size(), 1U);
}

TEST(JobQueue, WaitsForPartnersWhileTheDeadlineLeavesTimeForTheRun) {
  auto queue = taught({.combine = true, .max_batch = 8, .max_delay_ns = 100 * kMs});
  ASSERT_EQ(queue.push(job(1, 20 * kMs), kIdle, 0).why, "");
  const auto wait = queue.next(false, 0);
  EXPECT_TRUE(wait.jobs.empty());
  EXPECT_GT(wait.again_ns, 5 * kMs);
  EXPECT_LT(wait.again_ns, 10 * kMs) << "threads wake up late, too";
  EXPECT_TRUE(queue.take_dead(kIdle, wait.again_ns + 5 * kMs).empty());
  EXPECT_EQ(queue.next(false, wait.again_ns).jobs.size(), 1U);
}

TEST(JobQueue, ARunThatTakesFarLongerThanForetoldLetsNoOneWaitInVain) {
  auto queue = taught({});
  const std::vector<Busy> busy = {{.since_ns = 1, .items = 1}};
  EXPECT_EQ(queue.push(job(1, 600 * kMs + 100 * kMs), busy, 5 * kMs).why, "");
  const auto refused = queue.push(job(1, 900 * kMs + 100 * kMs), busy, 900 * kMs);
  EXPECT_EQ(refused.code, Code::kUnavailable) << "900 ms instead of 3";
  EXPECT_GT(refused.retry_after_us, 100e3);
}

struct Flooded {
  double share = 0;  // of the engine's best throughput, answered in time
  int64_t in_time = 0, late = 0;
};

/// An engine under five times its load, in simulated time: requests come at random with deadlines of 100 ms, runs take `least` to `most` of what was
/// learnt.
Flooded flood(double least, double most) {
  Rng rng(7);
  auto queue = taught({.combine = true, .max_batch = 32});
  const int64_t best_ns = 34 * kMs / 32;  // an item of the largest batch
  std::vector<Busy> busy(1);
  int64_t free_at = 0, next_arrival = 0;
  Flooded out;
  Jobs running;
  const int64_t end = 20'000 * kMs;
  for (int64_t now = 0; now < end; now += kMs / 10) {
    for (; next_arrival <= now; next_arrival += static_cast<int64_t>(rng.uniform() * 2 * static_cast<double>(best_ns) / 5))
      (void)queue.push(job(1, next_arrival + 100 * kMs), busy, now);
    if (now < free_at) continue;
    for (const auto& one : running) (*one->deadline_ns >= now ? out.in_time : out.late) += 1;
    if (!running.empty()) queue.ran(running, static_cast<int64_t>(running.size()), now - busy[0].since_ns, now);
    (void)queue.take_dead(busy, now);
    running = queue.next(false, now).jobs;
    if (running.empty()) running = queue.next(true, now).jobs;
    busy[0] = {.since_ns = running.empty() ? 0 : now, .items = static_cast<int64_t>(running.size())};
    const auto noise = least + (most - least) * rng.uniform();
    free_at = now + static_cast<int64_t>(noise * static_cast<double>((2 + static_cast<int64_t>(running.size())) * kMs));
  }
  out.share = static_cast<double>(out.in_time) * static_cast<double>(best_ns) / static_cast<double>(end);
  return out;
}

TEST(JobQueue, FiveTimesTheLoadLeavesMostOfTheEngineToAnswersInTime) {
  const auto steady = flood(0.95, 1.05);
  EXPECT_GE(steady.share, 0.9) << steady.in_time << " in time, " << steady.late << " late";
  EXPECT_LE(static_cast<double>(steady.late), 0.02 * static_cast<double>(steady.in_time));
}

TEST(JobQueue, AnEngineWhoseRunsDifferMuchIsGivenAReserve) {
  const auto unsteady = flood(0.5, 1.5);
  EXPECT_GE(unsteady.share, 0.85) << unsteady.in_time << " in time, " << unsteady.late << " late";
  EXPECT_LE(static_cast<double>(unsteady.late), 0.03 * static_cast<double>(unsteady.in_time));
}

TEST(Reserve, IsSmallWhereAnswersTakeWhatIsExpectedAndGrowsWhereTheyDiffer) {
  Reserve steady, longer, unsteady;
  for (int i = 0; i < 100; ++i) {
    steady.add(10 * kMs, 10 * kMs);
    longer.add(10 * kMs, 15 * kMs);
    unsteady.add(10 * kMs, (i % 2 == 0 ? 5 : 15) * kMs);
  }
  EXPECT_DOUBLE_EQ(steady.factor(), 1.2);
  EXPECT_NEAR(longer.factor(), 1.5, 0.05);
  EXPECT_NEAR(unsteady.factor(), 2.5, 0.3);
  unsteady.add(0, kMs);
  EXPECT_NEAR(unsteady.factor(), 2.5, 0.3) << "what nothing was known of teaches nothing";
}

}  // namespace
}  // namespace scissionlite::server
