#include "offload/edge_session.h"

#include <gtest/gtest.h>

#include "offload/testing.h"
#include "protocol/declined.h"

namespace scissionlite::offload {
namespace {

using testing::FakeEdge;

class EdgeSessionTest : public ::testing::Test {
 protected:
  EdgeSessionTest() {
    script_->on_infer = [](const auto& request, double) {
      protocol::InferResult result;
      result.id = request.id;
      return result;
    };
  }
  EdgeSession& start(const SessionOptions& options = {.breaker = {.first_retry_us = 5e3, .longest_retry_us = 20e3, .refused_retry_us = 10e3}}) {
    session_ = std::make_unique<EdgeSession>(
        std::make_unique<FakeEdge>(script_),
        [this](Edge&) {
          ++checks_;
          if (wrong_tail_) throw InvalidArgument("other tail");
        },
        options);
    session_->start();
    return *session_;
  }
  bool reaches(EdgeState state) {
    for (int i = 0; i < 400 && session_->state() != state; ++i) Clock::steady().sleep_us(5000);
    return session_->state() == state;
  }
  void set_infer(std::function<protocol::InferResult(const protocol::InferRequest&, double)> hook) {
    const std::lock_guard lock(script_->mutex);
    script_->on_infer = std::move(hook);
  }
  void set_connect(std::function<void()> hook) {
    const std::lock_guard lock(script_->mutex);
    script_->on_connect = std::move(hook);
  }

  std::shared_ptr<FakeEdge::Script> script_ = std::make_shared<FakeEdge::Script>();
  std::atomic<int> checks_{0};
  std::atomic<bool> wrong_tail_{false};
  std::unique_ptr<EdgeSession> session_;
};

const protocol::InferRequest kRequest{.model = "m", .version = "", .id = "7", .parameters = {}, .inputs = {}, .outputs = {}};

TEST_F(EdgeSessionTest, ReadyEdgeAnswers) {
  auto& session = start();
  EXPECT_EQ(session.state(), EdgeState::kReady);
  EXPECT_EQ(session.call(kRequest, 1e5).id, "7");
  EXPECT_EQ(checks_, 1);
}

/// What `call` would return or throw, taken on another thread than it came on.
protocol::InferResult call_async(EdgeSession& session, double deadline_us = 1e5) {
  std::function<protocol::InferResult()> answer;
  int told = 0;
  session.call_async(kRequest, deadline_us, [&](auto take) { answer = std::move(take), ++told; });
  EXPECT_EQ(told, 1);
  return answer();
}

TEST_F(EdgeSessionTest, AnAnswerThatNobodyWaitsForIsJudgedAsAnyOther) {
  auto& session = start();
  EXPECT_EQ(call_async(session).id, "7");
  set_infer([](const auto&, double) {
    protocol::InferResult x;
    x.id = "6";
    return x;
  });
  EXPECT_THROW((void)call_async(session), TransportError);
  EXPECT_EQ(session.counters().mismatched_ids, 1);
  set_infer([](const auto&, double) -> protocol::InferResult { throw protocol::Busy("its queue is full", 1e3); });
  EXPECT_THROW((void)call_async(session), protocol::Busy);
  Clock::steady().sleep_us(2e3);
  set_connect([] { testing::unavailable(); });
  set_infer([](const auto&, double) -> protocol::InferResult { testing::unavailable(); });
  EXPECT_THROW((void)call_async(session), TransportError);
  EXPECT_EQ(session.state(), EdgeState::kDown);
  const int infers = script_->infers;
  EXPECT_THROW(session.call_async(kRequest, 1e5, [](auto) { ADD_FAILURE() << "it was not asked"; }), TransportError);
  EXPECT_EQ(script_->infers, infers);
}

TEST_F(EdgeSessionTest, OfANewConnectionTheTailIsCheckedWhenTheAnswerIsTaken) {
  auto& session = start();
  std::function<protocol::InferResult()> answer;
  wrong_tail_ = true;
  script_->connection = 2;
  session.call_async(kRequest, 1e5, [&](auto take) { answer = std::move(take); });
  EXPECT_EQ(checks_, 1) << "the thread that brings the answer is not held up";
  EXPECT_THROW((void)answer(), InvalidArgument);
  EXPECT_EQ(session.state(), EdgeState::kRefused);
}

TEST_F(EdgeSessionTest, EdgeDownAtStartComesBack) {
  set_connect([] { testing::unavailable(); });
  auto& session = start();
  EXPECT_EQ(session.state(), EdgeState::kDown);
  EXPECT_THROW((void)session.call(kRequest, 1e5), TransportError);
  EXPECT_EQ(script_->infers, 0) << "a call to an edge that is down costs nothing";
  set_connect([] {});
  ASSERT_TRUE(reaches(EdgeState::kReady));
  EXPECT_EQ(session.call(kRequest, 1e5).id, "7");
}

TEST_F(EdgeSessionTest, ABusyEdgeIsNotAskedBeforeItsTime) {
  auto& session = start();
  constexpr double kHintUs = 300e3;
  set_infer([](const auto&, double) -> protocol::InferResult { throw protocol::Busy("its queue is full", kHintUs); });
  const double refused_us = Clock::steady().now_us();
  EXPECT_THROW((void)session.call(kRequest, 1e5), protocol::Busy);
  set_infer([&](const auto& r, double) {
    EXPECT_GE(Clock::steady().now_us() - refused_us, kHintUs);
    protocol::InferResult x;
    x.id = r.id;
    return x;
  });
  int held_back = 0;
  while (true) {
    EXPECT_EQ(session.state(), EdgeState::kReady);
    try {
      EXPECT_EQ(session.call(kRequest, 1e5).id, "7");
      break;
    } catch (const protocol::Busy& e) {
      ++held_back;
      EXPECT_LE(e.retry_after_us(), 1.1 * kHintUs);
      EXPECT_NE(std::string(e.what()).find("its queue is full"), std::string::npos) << e.what();
      Clock::steady().sleep_us(10e3);
    }
  }
  EXPECT_GT(held_back, 0);
  EXPECT_EQ(script_->infers, 2);
  EXPECT_EQ(session.counters().busy, 1 + held_back);
}

TEST_F(EdgeSessionTest, ACheckThatIsRefusedForAQuotaWaitsToo) {
  std::atomic<double> last_us{0};
  session_ = std::make_unique<EdgeSession>(
      std::make_unique<FakeEdge>(script_),
      [&](Edge&) {
        if (++checks_ > 1) { EXPECT_GE(Clock::steady().now_us() - last_us, 200e3); }
        last_us = Clock::steady().now_us();
        if (checks_ < 3) throw protocol::Busy("over quota", 200e3);
      },
      SessionOptions{.breaker = {.first_retry_us = 5e3, .longest_retry_us = 20e3, .refused_retry_us = 10e3}});
  session_->start();
  EXPECT_EQ(session_->state(), EdgeState::kDown);
  ASSERT_TRUE(reaches(EdgeState::kReady));
  EXPECT_EQ(checks_, 3);
}

TEST_F(EdgeSessionTest, WhoRestsIsReadyAndNotUsable) {
  auto& session = start();
  EXPECT_TRUE(session.is_usable());
  set_infer([](const auto&, double) -> protocol::InferResult { throw protocol::Busy("its queue is full", 100e3); });
  EXPECT_THROW((void)session.call(kRequest, 1e5), protocol::Busy);
  EXPECT_EQ(session.state(), EdgeState::kReady);
  EXPECT_FALSE(session.is_usable());
  Clock::steady().sleep_us(110e3);
  EXPECT_TRUE(session.is_usable());
  EXPECT_EQ(checks_, 1);
}

TEST_F(EdgeSessionTest, AnEdgeThatAsksForAPauseOfDaysIsAskedAgainInAMinute) {
  auto& session = start();
  set_infer([](const auto&, double) -> protocol::InferResult { throw protocol::Busy("come back on Monday", 3 * 24 * 3600e6); });
  EXPECT_THROW((void)session.call(kRequest, 1e5), protocol::Busy);
  try {
    (void)session.call(kRequest, 1e5);
    ADD_FAILURE() << "it was asked";
  } catch (const protocol::Busy& e) { EXPECT_LE(e.retry_after_us(), 66e6); }
}

TEST_F(EdgeSessionTest, ACheckThatTheLinkIsTooSlowForIsMadeMoreAndMoreSeldom) {
  session_ = std::make_unique<EdgeSession>(
      std::make_unique<FakeEdge>(script_),
      [&](Edge&) {
        ++checks_;
        throw TooSlow("no answer in 5 s");
      },
      SessionOptions{.breaker = {.first_retry_us = 1e3, .longest_retry_us = 1e3, .slow_retry_us = 20e3, .longest_slow_retry_us = 10e6}});
  session_->space_checks(0);  // another one comes first
  session_->start();
  Clock::steady().sleep_us(300e3);
  EXPECT_EQ(session_->state(), EdgeState::kDown);
  EXPECT_LE(checks_, 6) << "20, 40, 80, 160 ms with a quarter of jitter";
  EXPECT_GE(checks_, 2);
}

TEST_F(EdgeSessionTest, ChecksKeepTheSpacingThatTheyAreGiven) {
  set_connect([] { testing::unavailable(); });
  auto& session = start();
  session.space_checks(10e6);
  Clock::steady().sleep_us(50e3);
  const int before = script_->connects;
  Clock::steady().sleep_us(100e3);
  EXPECT_LE(script_->connects, before + 1);
  set_connect([] {});
  session.space_checks({});
  EXPECT_TRUE(reaches(EdgeState::kReady)) << "at once";
}

TEST_F(EdgeSessionTest, WhoIsDoubtedIsCheckedBeforeItIsAsked) {
  auto& session = start();
  session.doubt("another plan lost the edge");
  EXPECT_EQ(session.state(), EdgeState::kDown);
  EXPECT_EQ(session.fell_us(), 0) << "it has found out nothing itself";
  EXPECT_TRUE(reaches(EdgeState::kReady));
  EXPECT_EQ(checks_, 2);
}

TEST_F(EdgeSessionTest, RetriesWaitLongerAndLonger) {
  set_connect([] { testing::unavailable(); });
  start();
  Clock::steady().sleep_us(200e3);
  // 5, 10, 20, 20, ... ms with a quarter of jitter: 8 to 17 tries in 200 ms, not 40.
  EXPECT_LE(script_->connects, 18);
  EXPECT_GE(script_->connects, 5);
}

TEST_F(EdgeSessionTest, LostConnectionOpensAtOnceAndIsCheckedAgain) {
  auto& session = start();
  set_infer([](const auto&, double) -> protocol::InferResult { testing::unavailable(); });
  EXPECT_THROW((void)session.call(kRequest, 1e5), TransportError);
  EXPECT_NE(session.state(), EdgeState::kUnknown);
  set_infer([](const auto& r, double) {
    protocol::InferResult x;
    x.id = r.id;
    return x;
  });
  ASSERT_TRUE(reaches(EdgeState::kReady));
  EXPECT_GE(checks_, 2);
}

TEST_F(EdgeSessionTest, OpensAfterThreeMissedDeadlinesInARow) {
  set_connect([] {});
  auto& session = start();
  set_infer([](const auto&, double us) -> protocol::InferResult { testing::deadline_exceeded(us); });
  for (int i = 0; i < 2; ++i) {
    EXPECT_THROW((void)session.call(kRequest, 2000), TransportError);
    EXPECT_EQ(session.state(), EdgeState::kReady) << "one late answer is no reason to leave the edge";
  }
  set_connect([] { testing::unavailable(); });
  EXPECT_THROW((void)session.call(kRequest, 2000), TransportError);
  EXPECT_EQ(session.state(), EdgeState::kDown);
  EXPECT_EQ(session.counters().deadline_misses, 3);
}

TEST_F(EdgeSessionTest, ARequestThatIsDeclinedSaysNothingOfTheNextOne) {
  auto& session = start();
  set_infer([](const auto& request, double) -> protocol::InferResult {
    if (request.id == "large") throw protocol::Declined("Received message larger than max");
    protocol::InferResult x;
    x.id = request.id;
    return x;
  });
  auto large = kRequest;
  large.id = "large";
  for (int i = 0; i < 10; ++i) {
    EXPECT_THROW((void)session.call(large, 1e6), protocol::Declined);
    EXPECT_EQ(session.call(kRequest, 1e6).id, "7");
  }
  EXPECT_EQ(session.state(), EdgeState::kReady);
  EXPECT_EQ(checks_, 1);
}

TEST_F(EdgeSessionTest, WrongTailIsRefusedUntilReplaced) {
  wrong_tail_ = true;
  auto& session = start();
  EXPECT_EQ(session.state(), EdgeState::kRefused);
  EXPECT_THROW((void)session.call(kRequest, 1e5), InvalidArgument);
  EXPECT_EQ(script_->infers, 0);
  EXPECT_GE(session.counters().refusals, 1);
  wrong_tail_ = false;
  EXPECT_TRUE(reaches(EdgeState::kReady));
}

TEST_F(EdgeSessionTest, ARefusalIsCountedOnceWhateverElseHappens) {
  wrong_tail_ = true;
  auto& session = start({.breaker = {.refused_retry_us = 1e9}});
  for (int i = 0; i < 5; ++i) session.doubt("another plan has lost the edge");
  EXPECT_EQ(session.state(), EdgeState::kRefused);
  EXPECT_EQ(session.counters().refusals, 1);
}

TEST(EdgeSession, SaysWhetherTheEdgeHoldsAnotherTailByItsOwnWord) {
  for (const bool is_other : {true, false}) {
    EdgeSession session(std::make_unique<FakeEdge>(std::make_shared<FakeEdge::Script>()), [&](Edge&) {
      if (is_other) throw OtherTail("it has not got it yet");
      throw InvalidArgument("it answers differently");
    });
    session.start();
    EXPECT_EQ(session.state(), EdgeState::kRefused);
    EXPECT_EQ(session.holds_other_tail(), is_other);
  }
}

TEST_F(EdgeSessionTest, NewConnectionIsCheckedBeforeItsAnswerIsUsed) {
  auto& session = start();
  wrong_tail_ = true;
  script_->connection = 2;  // the edge was restarted with another tail between two calls
  EXPECT_THROW((void)session.call(kRequest, 1e5), InvalidArgument);
  EXPECT_EQ(session.state(), EdgeState::kRefused);
}

/// The wrong tail answers, its edge is replaced by the right one, whose check passes: nobody may think that the answer is the right one's.
TEST_F(EdgeSessionTest, AnAnswerOfTheConnectionBeforeIsDropped) {
  auto& session = start();
  script_->connection = 2;
  set_infer([&](const auto& r, double) {
    script_->connection = 3;
    protocol::InferResult x;
    x.id = r.id;
    return x;
  });
  EXPECT_THROW((void)session.call(kRequest, 1e5), TransportError);
  EXPECT_EQ(session.state(), EdgeState::kReady) << "the new one holds the right tail";
}

/// What a check takes, set for the next ones.
struct SlowCheck {
  explicit SlowCheck(std::shared_ptr<FakeEdge::Script> given) : script(std::move(given)) {
    const std::lock_guard lock(script->mutex);
    script->on_connect = [] { Clock::steady().sleep_us(300e3); };
  }
  std::shared_ptr<FakeEdge::Script> script;
};

TEST_F(EdgeSessionTest, ACheckOfANewConnectionTakesNoMoreThanTheImageHas) {
  auto& session = start();
  const SlowCheck slow(script_);
  script_->connection = 2;
  double start_us = Clock::steady().now_us();
  EXPECT_THROW((void)session.call(kRequest, 50e3), NotChecked);
  EXPECT_LT(Clock::steady().now_us() - start_us, 50e3 + 100e3) << "the check takes 300 ms; a busy machine may be a little late";
  EXPECT_EQ(session.state(), EdgeState::kReady);
  double held_us = 0;
  start_us = Clock::steady().now_us();
  EXPECT_EQ(session.call(kRequest, 5e6, &held_us).id, "7");
  EXPECT_EQ(checks_, 2) << "it is the same check that both waited for";
  EXPECT_GT(held_us, 50e3);
  EXPECT_LE(held_us, Clock::steady().now_us() - start_us);
  EXPECT_EQ(session.call(kRequest, 5e6, &held_us).id, "7");
  EXPECT_LT(held_us, 50e3);
}

TEST_F(EdgeSessionTest, ManyImagesOnANewConnectionMakeOneCheck) {
  auto& session = start();
  const SlowCheck slow(script_);
  script_->connection = 2;
  std::vector<std::thread> images;
  std::atomic<int> answered{0};
  for (int i = 0; i < 8; ++i)
    images.emplace_back([&, i] {
      Clock::steady().sleep_us(i * 10e3);
      answered += session.call(kRequest, 5e6).id == "7";
    });
  for (auto& image : images) image.join();
  EXPECT_EQ(answered, 8);
  Clock::steady().sleep_us(400e3);
  EXPECT_EQ(checks_, 2) << "the start's, and one for all";
}

TEST_F(EdgeSessionTest, ARefusedImageDoesNotWaitForTheCheck) {
  auto& session = start();
  const SlowCheck slow(script_);
  set_infer([](const auto&, double) -> protocol::InferResult { throw InvalidArgument("is meant for another model"); });
  wrong_tail_ = true;
  const double start_us = Clock::steady().now_us();
  EXPECT_THROW((void)session.call(kRequest, 50e3), InvalidArgument);
  EXPECT_LT(Clock::steady().now_us() - start_us, 100e3) << "the check takes 300 ms";
  EXPECT_TRUE(reaches(EdgeState::kRefused));
}

TEST_F(EdgeSessionTest, ASilentPingOpensAndAPaddedOneDoesNot) {
  auto& session = start();
  const auto silent = [](size_t, double) { testing::unavailable(); };
  {
    const std::lock_guard lock(script_->mutex);
    script_->on_ping = silent;
  }
  EXPECT_THROW(session.ping(1000, 1e4), TransportError);
  EXPECT_EQ(session.state(), EdgeState::kReady) << "the link may only be slow";
  EXPECT_THROW(session.ping(0, 1e4), TransportError);
  EXPECT_TRUE(reaches(EdgeState::kReady)) << "and a check that passes closes it again";
  EXPECT_GE(session.counters().checks, 2);
  EXPECT_EQ(session.counters().failures, 0) << "of calls";
}

/// On one connection: another model in the tail's place, and its hash with the answer.
TEST_F(EdgeSessionTest, fault_10_11_AnAnswerOfAnotherModelIsRefused) {
  auto& session = start();
  auto request = kRequest;
  request.parameters["model_sha256"] = std::string("5ca1e");
  const auto answers = [&](const std::string& hash) {
    set_infer([hash](const auto& asked, double) {
      protocol::InferResult result;
      result.id = asked.id, result.parameters["model_sha256"] = hash;
      return result;
    });
  };
  answers("5ca1e");
  EXPECT_EQ(session.call(request, 1e5).id, "7");
  wrong_tail_ = true;
  answers("0ther");
  EXPECT_THROW((void)session.call(request, 1e5), InvalidArgument);
  EXPECT_EQ(session.state(), EdgeState::kRefused);
  EXPECT_NE(session.reason().find("0ther"), std::string::npos) << session.reason();
  wrong_tail_ = false;
  EXPECT_TRUE(reaches(EdgeState::kReady));
}

TEST_F(EdgeSessionTest, fault_11_AnEdgeThatSaysNoHashIsCheckedFromTimeToTimeAndWhenItsVersionChanges) {
  auto& session = start(SessionOptions{.breaker = {.first_retry_us = 5e3, .longest_retry_us = 20e3, .refused_retry_us = 10e6}, .recheck_us = 50e3});
  Clock::steady().sleep_us(150e3);
  EXPECT_EQ(checks_, 1) << "nobody asks";
  (void)session.call(kRequest, 1e5);
  for (int i = 0; i < 400 && checks_ < 2; ++i) Clock::steady().sleep_us(5000);
  EXPECT_EQ(checks_, 2);
  set_infer([](const auto& asked, double) {
    protocol::InferResult result;
    result.id = asked.id, result.version = "1";
    return result;
  });
  (void)session.call(kRequest, 1e5);
  wrong_tail_ = true;
  set_infer([](const auto& asked, double) {
    protocol::InferResult result;
    result.id = asked.id, result.version = "2";
    return result;
  });
  EXPECT_ANY_THROW((void)session.call(kRequest, 1e5));
  EXPECT_TRUE(reaches(EdgeState::kRefused));
}

TEST_F(EdgeSessionTest, AnswerToAnotherRequestIsDropped) {
  auto& session = start();
  set_infer([](const auto&, double) {
    protocol::InferResult x;
    x.id = "6";
    return x;
  });
  EXPECT_THROW((void)session.call(kRequest, 1e5), TransportError);
  EXPECT_EQ(session.counters().mismatched_ids, 1);
}

TEST_F(EdgeSessionTest, OneBadImageDoesNotRefuseTheEdge) {
  auto& session = start();
  set_infer([](const auto&, double) -> protocol::InferResult { throw InvalidArgument("cannot decode this JPEG"); });
  EXPECT_THROW((void)session.call(kRequest, 1e5), InvalidArgument);
  EXPECT_EQ(session.state(), EdgeState::kReady) << "the probe still passes";
}

}  // namespace
}  // namespace scissionlite::offload
