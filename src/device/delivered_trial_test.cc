#include "device/delivered_trial.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <future>
#include <system_error>

#include "device/testing.h"

namespace scissionlite::device {
namespace {

using namespace testing;

class TrialTest : public ::testing::Test {
 protected:
  ~TrialTest() override { fs::remove_all(folder_); }
  /// @param infer  what the edge does with the stored tensors of one plan.
  void add_plan(std::function<protocol::InferResult(const protocol::InferRequest&, double)> infer, const std::string& claimed = "5ca1e1") {
    auto script = std::make_shared<FakeEdge::Script>();
    script->on_infer = std::move(infer);
    script->claims = {{"model_sha256", claimed}};
    OffloaderOptions options;
    options.engine = "reference", options.threads = 1;
    const auto folder = folder_ / std::to_string(plans_.size());
    plans_.push_back(std::make_unique<Offloader>(tiny_package(folder, "split/cut0/fp32"), options, std::make_unique<FakeEdge>(script)));
  }
  void add_ready() {
    add_plan([](const auto& request, double) { return answer_of_tail(request); });
  }
  void add_unreachable() {
    add_plan([](const auto&, double) -> protocol::InferResult { unavailable(); });
  }
  void check() const { check_edge(plans_, /*patience_us=*/300e3); }

  const fs::path folder_ = fs::path(::testing::TempDir()) / ("trial-" + std::to_string(getpid()));
  std::vector<std::unique_ptr<Offloader>> plans_;
};

TEST_F(TrialTest, APlanThatTheEdgeCannotBeAskedAboutComesWithOneThatItAnsweredFor) {
  add_ready();
  add_unreachable();
  EXPECT_NO_THROW(check());
}

TEST_F(TrialTest, AnEdgeThatCannotBeAskedAtAllIsAskedLater) {
  add_unreachable();
  add_unreachable();
  EXPECT_THROW(check(), TransportError);
}

TEST_F(TrialTest, APlanThatTheEdgeRefusesIsNoFaultOfTheVersionAlone) {
  add_ready();
  add_plan([](const auto& request, double) { return answer_of_tail(request, /*scale=*/2); });
  EXPECT_THROW(check(), RefusedByEdge);
}

TEST_F(TrialTest, ATailThatTheEdgeHasNotGotYetIsAskedForLater) {
  add_ready();
  add_plan([](const auto& request, double) { return answer_of_tail(request); }, "0123ab");
  EXPECT_THROW(check(), TransportError);
}

TEST(IsOfTheVersion, OnlyWhatAnotherTryWouldMeetAgain) {
  EXPECT_TRUE(is_of_the_version(InvalidArgument("")));
  EXPECT_TRUE(is_of_the_version(ModelError("")));
  EXPECT_TRUE(is_of_the_version(Unsupported("")));
  EXPECT_FALSE(is_of_the_version(ResourceError("")));
  EXPECT_FALSE(is_of_the_version(InternalError("")));
  EXPECT_FALSE(is_of_the_version(TransportError("", true)));
  EXPECT_FALSE(is_of_the_version(std::bad_alloc()));
  EXPECT_FALSE(is_of_the_version(std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again))));
  EXPECT_FALSE(is_of_the_version(fs::filesystem_error("", std::make_error_code(std::errc::io_error))));
}

}  // namespace
}  // namespace scissionlite::device
