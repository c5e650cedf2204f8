// What a device survives: a wrong tail, a dead, silent, slow or restarted edge. Each image gets exactly one right answer.
#include "base/clock.h"
#include "base/stats.h"
#include "delivery/source.h"
#include "fixture.h"

namespace scissionlite::testing {
namespace {

using device::EdgeState;
using device::Offloader;
using device::OffloaderOptions;
using device::Origin;

class Faults : public DeviceFixture {
 protected:
  void SetUp() override {
    if (program().empty()) GTEST_SKIP() << "needs SCISSIONLITE_PROGRAM, the path of the scissionlite program";
  }
  static OffloaderOptions quick(const std::string& edge) {
    OffloaderOptions options;
    options.edge = edge;
    options.threads = 1;
    options.connect_timeout_us = 500e3;
    options.session = {.breaker = {.first_retry_us = 20e3, .longest_retry_us = 100e3, .refused_retry_us = 50e3}};
    return options;
  }
  /// One image with its right answer, from `origin`.
  void expect_answer(Offloader& offloader, Origin origin, uint64_t seed = 7) {
    const auto image = picture(seed);
    const auto answer = offloader.answer({.name = "picture", .bytes = {}, .image = image});
    ASSERT_EQ(answer.error, "");
    EXPECT_EQ(answer.origin, origin) << answer.note;
    ASSERT_FALSE(answer.top.empty());
    EXPECT_EQ(answer.top[0].index, best_class(image));
  }
  static bool reaches(const Offloader& offloader, EdgeState state) {
    for (int i = 0; i < 500 && offloader.edge()->state() != state; ++i) Clock::steady().sleep_us(10e3);
    return offloader.edge()->state() == state;
  }
};

TEST_F(Faults, EveryKindOfCandidateIsAnsweredByTheEdge) {
  for (const auto& key : {split_key("fp32"), split_key("uint8"), std::string("edge/tensor"), std::string("edge/raw"), std::string("edge/png")}) {
    const auto package = prepare("net", key);
    const int port = serve("net");
    Offloader offloader(package, quick("127.0.0.1:" + std::to_string(port)));
    ASSERT_EQ(offloader.edge()->state(), EdgeState::kReady) << key << ": " << offloader.edge()->reason();
    for (uint64_t seed = 1; seed < 6; ++seed) expect_answer(offloader, Origin::kEdge, seed);
  }
}

TEST_F(Faults, fault_10_a_wrong_tail_of_the_same_name_and_shapes_is_refused) {
  const auto package = prepare("net", split_key("fp32"));
  (void)prepare("other", split_key("fp32"), /*seed=*/2);
  const int port = serve("other");
  Offloader offloader(package, quick("127.0.0.1:" + std::to_string(port)));
  EXPECT_EQ(offloader.edge()->state(), EdgeState::kRefused);
  EXPECT_NE(offloader.edge()->reason().find(package.manifest.tail_sha256), std::string::npos) << offloader.edge()->reason();
  expect_answer(offloader, Origin::kLocal);
}

/// Head and tail of one network, cut at one place, of equal shapes: what differs is only what their transfer layers were fitted on, or how many bits
/// a code has.
TEST_F(Faults, fault_12_transfer_layers_that_differ_on_the_two_ends_are_refused) {
  const auto pictures = [this](uint64_t first) {
    std::vector<fs::path> paths;
    for (uint64_t seed = first; seed < first + 4; ++seed) {
      paths.push_back(folder_ / ("fit" + std::to_string(seed) + ".png"));
      write_file(paths.back(), vision::encode(picture(seed), "png"));
    }
    return paths;
  };
  const auto refuses = [this](const DevicePackage& package) {
    Offloader offloader(package, quick("127.0.0.1:" + std::to_string(serve("edge"))));
    EXPECT_EQ(offloader.edge()->state(), EdgeState::kRefused);
    EXPECT_NE(offloader.edge()->reason().find("WRONG TAIL"), std::string::npos) << offloader.edge()->reason();
    const auto answer = offloader.answer({.name = "p", .bytes = {}, .image = picture(7)});
    EXPECT_EQ(answer.origin, Origin::kLocal) << answer.note;
  };
  const auto package = prepare("net", split_key("klt-s2-c4-b8"), 1, std::nullopt, pictures(1));
  (void)prepare("edge", split_key("klt-s2-c4-b8"), 1, std::nullopt, pictures(50));
  refuses(package);
  (void)prepare("edge", split_key("klt-s2-c8-b4"), 1, std::nullopt, pictures(1));
  refuses(package);
  ASSERT_EQ(Offloader(package, quick("127.0.0.1:" + std::to_string(serve("net")))).edge()->state(), EdgeState::kReady);
}

TEST_F(Faults, fault_02_03_a_killed_edge_is_answered_for_locally_and_used_again_after_its_restart) {
  const auto package = prepare("net", split_key("fp32"));
  const int port = serve("net");
  Offloader offloader(package, quick("127.0.0.1:" + std::to_string(port)));
  expect_answer(offloader, Origin::kEdge);
  edge_->kill_now();
  expect_answer(offloader, Origin::kLocal);
  expect_answer(offloader, Origin::kLocal);
  ASSERT_EQ(serve("net", port), port);
  ASSERT_TRUE(reaches(offloader, EdgeState::kReady)) << offloader.edge()->reason();
  expect_answer(offloader, Origin::kEdge);
}

TEST_F(Faults, fault_11_an_edge_restarted_with_another_tail_between_two_images_is_refused) {
  const auto package = prepare("net", split_key("fp32"));
  (void)prepare("other", split_key("fp32"), /*seed=*/2);
  const int port = serve("net");
  Offloader offloader(package, quick("127.0.0.1:" + std::to_string(port)));
  expect_answer(offloader, Origin::kEdge);
  edge_->kill_now();
  ASSERT_EQ(serve("other", port), port);
  for (int i = 0; i < 10; ++i) expect_answer(offloader, Origin::kLocal);
  EXPECT_TRUE(reaches(offloader, EdgeState::kRefused));
}

TEST_F(Faults, fault_01_an_edge_that_is_down_at_the_start_is_found_later) {
  const auto package = prepare("net", split_key("fp32"));
  const int port = serve("net");
  edge_.reset();
  const double start_us = Clock::steady().now_us();
  Offloader offloader(package, quick("127.0.0.1:" + std::to_string(port)));
  expect_answer(offloader, Origin::kLocal);
  EXPECT_LT(Clock::steady().now_us() - start_us, 5e6) << "compiling and the connection's timeout";
  ASSERT_EQ(serve("net", port), port);
  ASSERT_TRUE(reaches(offloader, EdgeState::kReady)) << offloader.edge()->reason();
  expect_answer(offloader, Origin::kEdge);
}

TEST_F(Faults, fault_04_a_black_hole_is_answered_for_locally_within_the_deadline) {
  const auto package = prepare("net", split_key("fp32"));
  net::LinkEmulator link("127.0.0.1:" + std::to_string(serve("net")), {.rtt_us = 1000});
  auto options = quick(link.address());
  options.deadline_us = 150e3;
  options.call_timeout_us = 200e3;
  Offloader offloader(package, options);
  expect_answer(offloader, Origin::kEdge);
  link.set_options({.rtt_us = 1000, .black_hole = true});
  for (int i = 0; i < 6; ++i) {
    const auto answer = offloader.answer({.name = "p", .bytes = {}, .image = picture(3)});
    EXPECT_EQ(answer.origin, Origin::kLocal);
    EXPECT_EQ(answer.top.at(0).index, best_class(picture(3)));
    EXPECT_LT(answer.latency_us, 150e3 + 30e3) << "a busy machine may be a little late";
  }
  EXPECT_EQ(offloader.edge()->state(), EdgeState::kDown) << "three misses open the breaker";
  link.set_options({.rtt_us = 1000});
  ASSERT_TRUE(reaches(offloader, EdgeState::kReady)) << offloader.edge()->reason();
  expect_answer(offloader, Origin::kEdge);
}

/// A NAT was bound anew, or the machine slept: the socket stays open and carries nothing, and the kernel gives it up after a quarter of an hour.
TEST_F(Faults, fault_05_a_connection_that_died_without_a_word_is_replaced) {
  const auto package = prepare("net", split_key("fp32"));
  net::LinkEmulator link("127.0.0.1:" + std::to_string(serve("net")), {});
  auto options = quick(link.address());
  options.deadline_us = 150e3;
  Offloader offloader(package, options);
  expect_answer(offloader, Origin::kEdge);
  link.forget_connections();
  const double start_us = Clock::steady().now_us();
  device::Answer answer;
  do {
    answer = offloader.answer({.name = "p", .bytes = {}, .image = picture(3)});
    ASSERT_EQ(answer.top.at(0).index, best_class(picture(3)));
    EXPECT_LT(answer.latency_us, 150e3 + 30e3) << "a busy machine may be a little late";
    Clock::steady().sleep_us(10e3);
  } while (answer.origin != Origin::kEdge && Clock::steady().now_us() - start_us < 10e6);
  EXPECT_EQ(answer.origin, Origin::kEdge) << answer.note;
  EXPECT_LT(Clock::steady().now_us() - start_us, 5e6) << "three misses, a check that is not answered, and one that is";
  EXPECT_GE(offloader.edge()->counters().checks, 3) << "behind the new connection the tail is checked";
}

/// The silent connection is found by whoever asks first; the way of packages has one of its own.
TEST_F(Faults, fault_05_a_silent_ping_makes_a_new_connection) {
  net::LinkEmulator link("127.0.0.1:" + std::to_string((prepare("net", split_key("fp32")), serve("net"))), {});
  protocol::Client client(link.address(), {.connect_timeout_us = 2e6, .default_deadline_us = 300e3, .security = {}});
  client.connect();
  client.ping(0, 2e6);
  const auto number = client.connection_number();
  auto hole = net::LinkOptions{.black_hole = true};
  link.set_options(hole);
  EXPECT_THROW(client.ping(100'000, 100e3), TransportError);
  EXPECT_EQ(client.connection_number(), number) << "so much may only be slow";
  link.set_options({});
  client.ping(0, 2e6);
  EXPECT_EQ(client.connection_number(), number);
  link.forget_connections();
  EXPECT_THROW(client.ping(0, 300e3), TransportError);
  EXPECT_NE(client.connection_number(), number);
  client.connect();
  client.ping(0, 2e6);
}

TEST_F(Faults, fault_05_packages_are_listed_over_a_new_connection) {
  (void)prepare("net", split_key("fp32"));
  net::LinkEmulator link("127.0.0.1:" + std::to_string(serve("net")), {});
  const auto source = delivery::make_grpc_source(link.address(), {.security = {}, .connect_timeout_us = 2e6, .call_timeout_us = 300e3});
  const auto outcome = [&] {
    try {
      (void)source->offers();
    } catch (const InvalidArgument& e) {  // served without --packages: it answered
      return std::string("answered");
    } catch (const TransportError& e) { return std::string(e.what()); }
    return std::string("offered");
  };
  EXPECT_EQ(outcome(), "answered");
  link.forget_connections();
  EXPECT_NE(outcome().find("DEADLINE_EXCEEDED"), std::string::npos);
  EXPECT_EQ(outcome(), "answered");
}

TEST_F(Faults, fault_06_bandwidth_that_drops_in_mid_transfer_is_answered_for_locally) {
  const auto package = prepare("net", split_key("fp32"));  // 16 kB an image
  net::LinkEmulator link("127.0.0.1:" + std::to_string(serve("net")), {.up_bps = 20e6});
  auto options = quick(link.address());
  options.deadline_us = 200e3;
  Offloader offloader(package, options);
  expect_answer(offloader, Origin::kEdge);
  link.set_options({.up_bps = 100e3});  // 1.3 s an image
  const auto answer = offloader.answer({.name = "p", .bytes = {}, .image = picture(3)});
  EXPECT_EQ(answer.origin, Origin::kLocal);
  EXPECT_LT(answer.latency_us, 200e3 + 30e3) << "a busy machine may be a little late";
}

TEST_F(Faults, fault_09_late_answers_of_cancelled_calls_do_not_reach_other_images) {
  const auto package = prepare("net", split_key("fp32"));
  net::LinkEmulator link("127.0.0.1:" + std::to_string(serve("net")), {.rtt_us = 60e3});
  auto options = quick(link.address());
  options.deadline_us = 50e3;  // every answer is late
  options.session.breaker.misses_to_open = 1000;
  options.call_timeout_us = 1e6;
  Offloader offloader(package, options);
  for (uint64_t seed = 1; seed <= 12; ++seed) expect_answer(offloader, Origin::kLocal, seed);
  link.set_options({});
  Clock::steady().sleep_us(100e3);
  for (uint64_t seed = 20; seed <= 26; ++seed) {
    const auto answer = offloader.answer({.name = "p", .bytes = {}, .image = picture(seed)});
    EXPECT_EQ(answer.top.at(0).index, best_class(picture(seed)));
  }
}

TEST_F(Faults, SurvivesAnEdgeThatIsNoServer) {
  const auto package = prepare("net", split_key("fp32"));
  (void)prepare("net2", "edge/tensor");
  const int port = serve("net2");  // a server, but without this tail's tensors
  Offloader offloader(package, quick("127.0.0.1:" + std::to_string(port)));
  EXPECT_EQ(offloader.edge()->state(), EdgeState::kRefused) << offloader.edge()->reason();
  expect_answer(offloader, Origin::kLocal);
}

}  // namespace
}  // namespace scissionlite::testing
