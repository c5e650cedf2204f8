// Several plans at once over a link that changes, with a real edge.
#include "device/plan_switch.h"
#include "fixture.h"

namespace scissionlite::testing {
namespace {

constexpr const char* kSlowDevice = "slow:300:reference";
constexpr double kPatienceUs = 40e6;  // of a test, on a machine with other work

class Switching : public DeviceFixture {
 protected:
  void SetUp() override {
    if (program().empty()) GTEST_SKIP() << "needs SCISSIONLITE_PROGRAM, the path of the scissionlite program";
  }
  void start() {
    (void)prepare("net", split_key("fp32"));
    (void)prepare("alone", "local");
    link_ = std::make_unique<net::LinkEmulator>("127.0.0.1:" + std::to_string(serve("net")), net::parse_link("100M,1ms"));
    std::vector<std::unique_ptr<device::Offloader>> plans;
    for (const char* name : {"net", "alone"}) {
      device::OffloaderOptions options;
      options.engine = kSlowDevice;
      options.threads = 1;
      options.edge = link_->address();
      plans.push_back(std::make_unique<device::Offloader>(open_package(package(name)), options));
    }
    device::SwitchOptions options;
    options.control.dwell_us = 200e3, options.control.probe_every_us = 500e3;
    plans_ = std::make_unique<device::PlanSwitch>(std::move(plans), options);
  }
  /// Answers images until ten in a row are from there; each one has to be right.
  bool settles(device::Origin origin) {
    int in_a_row = 0;
    for (const double end_us = Clock::steady().now_us() + kPatienceUs; in_a_row < 10 && Clock::steady().now_us() < end_us; ++images_) {
      const auto answer = plans_->answer({.name = "p", .bytes = {}, .image = picture(images_ % 4 + 1)});
      EXPECT_EQ(answer.error, "");
      EXPECT_EQ(answer.top.empty() ? -1 : answer.top.front().index, best_class(picture(images_ % 4 + 1))) << answer.candidate << " " << answer.note;
      in_a_row = answer.origin == origin ? in_a_row + 1 : 0;
    }
    return in_a_row == 10;
  }

  std::unique_ptr<net::LinkEmulator> link_;
  std::unique_ptr<device::PlanSwitch> plans_;
  uint64_t images_ = 0;
};

TEST_F(Switching, fault_06_the_plan_follows_the_link) {
  start();
  EXPECT_TRUE(settles(device::Origin::kEdge));
  link_->set_options(net::parse_link("50k,1ms"));  // seconds for what the head gives
  EXPECT_TRUE(settles(device::Origin::kLocal));
  link_->set_options(net::parse_link("100M,1ms"));
  EXPECT_TRUE(settles(device::Origin::kEdge));
  EXPECT_GT(plans_->counters().probes, 0);
}

TEST_F(Switching, fault_04_a_black_hole_is_left_and_found_open_again) {
  start();
  EXPECT_TRUE(settles(device::Origin::kEdge));
  auto hole = net::parse_link("100M,1ms");
  hole.black_hole = true;
  link_->set_options(hole);
  EXPECT_TRUE(settles(device::Origin::kLocal));
  link_->set_options(net::parse_link("100M,1ms"));
  EXPECT_TRUE(settles(device::Origin::kEdge));
}

}  // namespace
}  // namespace scissionlite::testing
