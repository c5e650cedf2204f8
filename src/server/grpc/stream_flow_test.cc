#include "server/grpc/stream_flow.h"

#include <gtest/gtest.h>

namespace scissionlite::server {
namespace {

using Step = StreamFlow::Step;
using End = StreamFlow::End;

class Flow : public testing::Test {
 protected:
  /// The next request is read; nothing else is to be done then.
  std::shared_ptr<StreamFlow::Slot> request() {
    EXPECT_EQ(flow_.next(), Step::kRead);
    flow_.read_begun();
    EXPECT_EQ(flow_.next(), Step::kNothing);
    return flow_.read_done(/*ok=*/true);
  }
  void writes(bool ok = true) {
    EXPECT_EQ(flow_.next(), Step::kWrite);
    flow_.write_done(ok);
  }

  StreamFlow flow_{3};
};

TEST_F(Flow, AnswersGoOutInTheOrderOfTheirRequests) {
  const auto first = request(), second = request();
  flow_.ready(*second);
  EXPECT_EQ(flow_.next(), Step::kRead);
  flow_.read_begun();
  EXPECT_EQ(flow_.next(), Step::kNothing) << "the first is not ready";
  flow_.ready(*first);
  EXPECT_EQ(flow_.next(), Step::kWrite);
  EXPECT_EQ(&flow_.to_write(), &first->response);
  EXPECT_EQ(flow_.next(), Step::kNothing) << "one is written at a time";
  flow_.write_done(true);
  EXPECT_EQ(flow_.next(), Step::kWrite);
  EXPECT_EQ(&flow_.to_write(), &second->response);
}

TEST_F(Flow, NoMoreThanSoManyAtOnce) {
  const auto first = request(), second = request(), third = request();
  EXPECT_EQ(flow_.next(), Step::kNothing);
  flow_.ready(*first);
  writes();
  EXPECT_EQ(flow_.next(), Step::kRead);
}

TEST_F(Flow, ACallerThatHasNoMoreGetsWhatIsOwed) {
  const auto first = request();
  EXPECT_EQ(flow_.next(), Step::kRead);
  flow_.read_begun();
  EXPECT_EQ(flow_.read_done(/*ok=*/false), nullptr);
  EXPECT_EQ(flow_.next(), Step::kNothing);
  flow_.ready(*first);
  writes();
  EXPECT_EQ(flow_.next(), Step::kFinish);
  EXPECT_EQ(flow_.end(), End::kOfCaller);
  EXPECT_EQ(flow_.next(), Step::kNothing) << "it is told once";
}

TEST_F(Flow, AServerThatEndsAnswersWhatItHasRead) {
  const auto first = request();
  EXPECT_EQ(flow_.next(), Step::kRead);
  flow_.read_begun();
  flow_.wind_down();
  EXPECT_EQ(flow_.next(), Step::kNothing);
  flow_.ready(*first);
  writes();
  EXPECT_EQ(flow_.next(), Step::kFinish) << "though another is waited for";
  EXPECT_EQ(flow_.end(), End::kOfServer);
  EXPECT_EQ(flow_.read_done(/*ok=*/true), nullptr) << "which is not begun any more";
}

TEST_F(Flow, NobodyFinishesWhileAnotherBeginsToRead) {
  EXPECT_EQ(flow_.next(), Step::kRead);
  flow_.wind_down();
  EXPECT_EQ(flow_.next(), Step::kNothing);
  flow_.read_begun();
  EXPECT_EQ(flow_.next(), Step::kFinish);
}

TEST_F(Flow, OfABrokenStreamAllAreWaitedForAndNoneIsWritten) {
  const auto first = request(), second = request(), third = request();
  flow_.ready(*first);
  flow_.ready(*third);
  writes(/*ok=*/false);
  EXPECT_EQ(flow_.next(), Step::kNothing) << "the second still refers to the call";
  flow_.ready(*second);
  EXPECT_EQ(flow_.next(), Step::kFinish);
  EXPECT_EQ(flow_.end(), End::kBroken);
}

}  // namespace
}  // namespace scissionlite::server
