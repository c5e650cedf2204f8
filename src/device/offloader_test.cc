#include "device/offloader.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <map>
#include <sstream>
#include <thread>

#include "device/pipeline.h"
#include "device/testing.h"

namespace scissionlite::device {
namespace {

using testing::FakeEdge;

class OffloaderTest : public ::testing::Test {
 protected:
  OffloaderTest() {
    set_infer([](const auto& request, double) { return testing::answer_of_tail(request); });
    options_.threads = 1;
    options_.edge = "fake:1";
    options_.session = {.breaker = {.first_retry_us = 10e3, .longest_retry_us = 20e3, .refused_retry_us = 10e3}};
  }
  ~OffloaderTest() override { fs::remove_all(folder_); }
  Offloader make(const std::string& candidate = "split/cut0/fp32") {
    return Offloader(testing::tiny_package(folder_, candidate), options_, std::make_unique<FakeEdge>(script_));
  }
  /// A picture that takes long to decode.
  struct Picture {
    Frame frame;
    double decode_us = 0;
  };
  static Picture large_picture() {
    vision::Image large{.width = 3000, .height = 2000, .rgb = std::vector<uint8_t>(3000 * 2000 * 3)};
    for (size_t i = 0; i < large.rgb.size(); ++i) large.rgb[i] = static_cast<uint8_t>(i * 2654435761U >> 13);
    Picture picture{.frame = {.name = "large", .bytes = vision::encode(large, "jpeg-q90-420"), .image = {}}};
    const double start_us = Clock::steady().now_us();
    (void)vision::decode(picture.frame.bytes, "large");
    picture.decode_us = Clock::steady().now_us() - start_us;
    return picture;
  }
  /// Sends files, of which `picture` is the probe; the edge answers at once and notes what time it was given.
  Offloader make(const Picture& picture, double& budget_us) {
    auto package = testing::tiny_package(folder_, "edge/file");
    const auto& file = picture.frame.bytes;
    auto probe = package.load_probe();
    probe.inputs.front().second =
        Tensor::of<uint8_t>({static_cast<int64_t>(file.size())}, std::span(reinterpret_cast<const uint8_t*>(file.data()), file.size()));
    write_file(folder_ / "probe.bin", serialize(probe));
    set_infer([&budget_us, scores = probe.outputs.front().second](const auto& request, double us) {
      budget_us = us;
      protocol::InferResult result;
      result.id = request.id;
      result.outputs.push_back({.name = "scores", .tensor = scores, .blob = {}, .parameters = {}});
      return result;
    });
    return Offloader(std::move(package), options_, std::make_unique<FakeEdge>(script_));
  }
  void set_infer(std::function<protocol::InferResult(const protocol::InferRequest&, double)> hook) {
    const std::lock_guard lock(script_->mutex);
    script_->on_infer = std::move(hook);
  }
  static Frame frame(uint8_t r, uint8_t g, uint8_t b) { return {.name = "f", .bytes = {}, .image = testing::plain_image(r, g, b)}; }

  fs::path folder_ = fs::path(::testing::TempDir()) / ("offloader-" + std::to_string(getpid()));
  std::shared_ptr<FakeEdge::Script> script_ = std::make_shared<FakeEdge::Script>();
  OffloaderOptions options_;
};

TEST_F(OffloaderTest, EdgeAnswersWithEveryPartTimed) {
  auto offloader = make();
  set_infer([](const auto& request, double) {
    Clock::steady().sleep_us(1000);
    return testing::answer_of_tail(request);
  });
  const auto answer = offloader.answer(frame(10, 200, 30));
  EXPECT_EQ(answer.error, "");
  EXPECT_EQ(answer.origin, Origin::kEdge);
  EXPECT_EQ(answer.top.at(0).label, "green");
  EXPECT_NEAR(answer.top.at(0).score, 200 / 255.0, 1e-4);
  EXPECT_EQ(answer.payload_bytes, 48 * 4);
  EXPECT_EQ(answer.message_bytes, 300);
  EXPECT_GT(answer.parts.head_us, 0);
  EXPECT_EQ(answer.parts.edge_compute_us, 40);
  EXPECT_NEAR(answer.parts.sum_us(), answer.latency_us, 1e-6);
}

TEST_F(OffloaderTest, TimesThatCannotBeAreNotBelieved) {
  auto offloader = make();
  for (const double bad : {std::nan(""), -1e9, 1e30}) {
    set_infer([bad](const auto& request, double) {
      Clock::steady().sleep_us(1000);
      auto result = testing::answer_of_tail(request);
      result.parameters["compute_us"] = bad, result.parameters["queue_us"] = bad;
      return result;
    });
    const auto answer = offloader.answer(frame(10, 200, 30));
    EXPECT_EQ(answer.origin, Origin::kEdge);
    EXPECT_EQ(answer.parts.edge_compute_us + answer.parts.edge_queue_us, 0) << bad;
    EXPECT_NEAR(answer.parts.sum_us(), answer.latency_us, 1e-6);
  }
}

TEST_F(OffloaderTest, OfAnEdgeThatForwardsTheTimesOfAllThreeAreTold) {
  auto offloader = make();
  set_infer([](const auto& request, double) {
    Clock::steady().sleep_us(1000);
    auto result = testing::answer_of_tail(request);
    result.parameters.insert(
        {{"origin", std::string("cloud")}, {"forward_us", 700.0}, {"cloud_queue_us", 10.0}, {"cloud_decode_us", 20.0}, {"cloud_compute_us", 70.0}});
    return result;
  });
  const auto answer = offloader.answer(frame(10, 200, 30));
  EXPECT_EQ(answer.origin, Origin::kCloud);
  EXPECT_EQ(answer.parts.cloud_wire_us, 600);
  EXPECT_EQ(answer.parts.cloud_us(), 700);
  EXPECT_NEAR(answer.parts.sum_us(), answer.latency_us, 1e-6);
  const auto json = to_json(answer);
  EXPECT_EQ(json["origin"], "cloud");
  EXPECT_EQ(json["parts"]["cloud_compute_us"], 70.0);
}

TEST(Origins, HaveOneNameEach) {
  EXPECT_STREQ(name_of(Origin::kEdge), "edge");
  EXPECT_STREQ(name_of(Origin::kLocal), "local");
  EXPECT_STREQ(name_of(Origin::kCloud), "cloud");
}

TEST_F(OffloaderTest, RequestCarriesTheHashOfTheTail) {
  protocol::InferRequest seen;
  auto offloader = make();
  set_infer([&](const auto& request, double) {
    seen = request;
    return testing::answer_of_tail(request);
  });
  (void)offloader.answer(frame(1, 2, 3));
  EXPECT_EQ(seen.model, "tiny_tail");
  EXPECT_EQ(std::get<std::string>(seen.parameters.at("model_sha256")), "5ca1e1");
}

TEST_F(OffloaderTest, WrongTailOfTheSameShapesIsRefusedByItsAnswer) {
  set_infer([](const auto& request, double) { return testing::answer_of_tail(request, 1.2F); });
  auto offloader = make();
  EXPECT_EQ(offloader.edge()->state(), EdgeState::kRefused);
  EXPECT_NE(offloader.edge()->reason().find("answers the probe differently"), std::string::npos) << offloader.edge()->reason();
  const auto answer = offloader.answer(frame(255, 240, 0));
  EXPECT_EQ(answer.origin, Origin::kLocal);
  EXPECT_EQ(answer.top.at(0).label, "red");
  EXPECT_NEAR(answer.top.at(0).score, 1.0, 1e-4) << "the package's own tail, not the edge's";
}

TEST_F(OffloaderTest, ClaimOfAnotherHashIsRefused) {
  script_->claims = {{"model_sha256", "0ther"}};
  auto offloader = make();
  EXPECT_EQ(offloader.edge()->state(), EdgeState::kRefused);
  EXPECT_NE(offloader.edge()->reason().find("0ther"), std::string::npos);
  EXPECT_NE(offloader.edge()->reason().find("5ca1e1"), std::string::npos);
}

TEST_F(OffloaderTest, LocalAnswerEqualsTheEdges) {
  auto offloader = make();
  const auto edge = offloader.answer(frame(10, 20, 30));
  set_infer([](const auto&, double) -> protocol::InferResult { testing::unavailable(); });
  const auto local = offloader.answer(frame(10, 20, 30));
  ASSERT_EQ(local.origin, Origin::kLocal);
  EXPECT_NE(local.note.find("UNAVAILABLE"), std::string::npos);
  EXPECT_LT(max_relative_error(edge.outputs.at(0).second, local.outputs.at(0).second), 1e-5);
  EXPECT_GT(local.parts.local_tail_us, 0);
}

TEST_F(OffloaderTest, AnswerWithoutTheModelsOutputsIsNone) {
  auto offloader = make();
  const std::vector<std::vector<protocol::WireTensor>> wrong{
      {},
      {{.name = "other", .tensor = testing::run_tail(Tensor(Dtype::kF32, {1, 3, 4, 4})), .blob = {}, .parameters = {}}},
      {{.name = "scores", .tensor = {}, .blob = {}, .blob_shape = {0}, .parameters = {}}}};
  for (const auto& outputs : wrong) {
    set_infer([&](const auto& request, double) {
      auto result = testing::answer_of_tail(request);
      result.outputs = outputs;
      return result;
    });
    const auto answer = offloader.answer(frame(10, 20, 30));
    EXPECT_EQ(answer.error, "");
    EXPECT_EQ(answer.origin, Origin::kLocal);
    EXPECT_NE(answer.note.find("holds no output 'scores'"), std::string::npos) << answer.note;
    EXPECT_EQ(answer.outputs.size(), 1U);
  }
}

TEST_F(OffloaderTest, SilentEdgeIsAnsweredLocallyWithinTheDeadline) {
  options_.deadline_us = 60e3;
  auto offloader = make();
  set_infer([](const auto&, double us) -> protocol::InferResult { testing::deadline_exceeded(us); });
  for (int i = 0; i < 3; ++i) {
    const auto answer = offloader.answer(frame(10, 20, 30));
    EXPECT_EQ(answer.origin, Origin::kLocal);
    EXPECT_EQ(answer.error, "");
    EXPECT_LE(answer.latency_us, 60e3 + 15e3) << "a busy machine may be a little late";
    EXPECT_GE(answer.latency_us, 30e3) << "the edge had its chance";
  }
  EXPECT_EQ(offloader.edge()->counters().deadline_misses, 3);
}

TEST_F(OffloaderTest, NoTimeIsLeftForALocalHalfThatWouldBeLate) {
  const auto large = large_picture();
  options_.deadline_us = large.decode_us / 2;
  double budget_us = 0;
  auto offloader = make(large, budget_us);
  const auto answer = offloader.answer(large.frame);
  EXPECT_EQ(answer.origin, Origin::kEdge) << answer.note;
  EXPECT_GT(budget_us, options_.deadline_us / 2);
  set_infer([](const auto&, double us) -> protocol::InferResult { testing::deadline_exceeded(us); });
  const auto late = offloader.answer(large.frame);
  EXPECT_EQ(late.origin, Origin::kLocal);
  EXPECT_TRUE(late.is_late);
}

TEST_F(OffloaderTest, fault_04_CallsThatEndLateAreGivenUpSooner) {
  options_.deadline_us = 60e3;
  options_.session.breaker.misses_to_open = 10;
  auto offloader = make();
  std::vector<double> budgets_us;
  set_infer([&](const auto&, double us) -> protocol::InferResult {
    budgets_us.push_back(us);
    testing::deadline_exceeded(us + 10e3);
  });
  for (int i = 0; i < 4; ++i) (void)offloader.answer(frame(10, 20, 30));
  ASSERT_EQ(budgets_us.size(), 4U);
  for (size_t i = 1; i < budgets_us.size(); ++i) EXPECT_LT(budgets_us[i], budgets_us[0] - 6e3) << i;
  EXPECT_GT(budgets_us.back(), 20e3) << "the edge still has its chance";
}

TEST_F(OffloaderTest, fault_04_AMachineThatStoodStillGoesOnAskingTheEdge) {
  options_.deadline_us = 60e3;
  auto offloader = make();
  set_infer([&](const auto&, double us) -> protocol::InferResult { testing::deadline_exceeded(us + 300e3); });
  EXPECT_EQ(offloader.answer(frame(10, 20, 30)).origin, Origin::kLocal);
  std::vector<double> budgets_us;
  set_infer([&](const auto& request, double us) {
    budgets_us.push_back(us);
    return testing::answer_of_tail(request);
  });
  for (int i = 0; i < 60; ++i) (void)offloader.answer(frame(10, 20, 30));
  ASSERT_EQ(budgets_us.size(), 60U);
  EXPECT_GT(budgets_us.front(), 60e3 * 0.5) << "it is asked at once";
  EXPECT_GT(budgets_us.back(), 60e3 * 0.8) << "and soon as before";
}

TEST_F(OffloaderTest, FilesLeaveTheLocalHalfTheTimeToDecodeThemFromTheFirst) {
  const auto large = large_picture();
  options_.deadline_us = 2e6;
  double budget_us = 0;
  auto offloader = make(large, budget_us);
  EXPECT_EQ(offloader.answer(large.frame).origin, Origin::kEdge);
  EXPECT_LT(budget_us, 2e6 - 0.7 * large.decode_us) << "no picture was decoded yet";
}

/// Each may need the local half, which takes one at a time.
TEST_F(OffloaderTest, fault_04_ImagesTogetherOnTheirWayAreWaitedForNoLongerThanUsual) {
  constexpr int kTogether = 6;
  options_.deadline_us = 20e6;
  options_.engine = "slow:300:reference";  // so that the local half counts
  auto offloader = make();
  const double local_us = offloader.expected_local_us();
  (void)offloader.answer(frame(10, 20, 30));  // a call takes no time
  std::mutex mutex;
  std::map<std::string, double> given_up_us;  // when each image's call would be, by its id
  set_infer([&](const auto& request, double us) {
    {
      const std::lock_guard lock(mutex);
      given_up_us[request.id] = Clock::steady().now_us() + us;
    }
    Clock::steady().sleep_us(100e3);
    return testing::answer_of_tail(request);
  });
  std::vector<Prepared> prepared;
  for (int i = 0; i < kTogether; ++i) prepared.push_back(offloader.prepare(frame(10, 20, 30), /*keep=*/true));
  const auto first_id = prepared.front().id, last_id = prepared.back().id;
  const double apart_us = prepared.back().accepted_us - prepared.front().accepted_us;
  std::vector<std::thread> threads;
  for (auto& one : prepared) {
    threads.emplace_back([&] { EXPECT_EQ(offloader.finish(std::move(one)).error, ""); });
    Clock::steady().sleep_us(5e3);
  }
  for (auto& thread : threads) thread.join();
  ASSERT_EQ(given_up_us.size(), static_cast<size_t>(kTogether));
  EXPECT_LT(given_up_us.at(last_id) - given_up_us.at(first_id), apart_us - 2 * local_us) << "it leaves time for those before it";
}

/// While the edge answers, only the head shows that the device is throttled.
TEST_F(OffloaderTest, fault_42_AThrottledHeadLeavesTheLocalHalfMoreTime) {
  const fs::path held = fs::path(::testing::TempDir()) / ("held-" + std::to_string(getpid()));
  options_.engine = "slow:3000:hang:" + held.string() + ":reference";  // milliseconds, and longer while the file is there
  auto offloader = make();
  const double before_us = offloader.expected_local_us();
  for (int i = 0; i < 2; ++i) {
    write_file(held, "");
    std::thread release([&] {
      Clock::steady().sleep_us(300e3);
      fs::remove(held);
    });
    EXPECT_EQ(offloader.answer(frame(10, 20, 30)).origin, Origin::kEdge);
    release.join();
  }
  EXPECT_GT(offloader.expected_local_us(), 1.8 * before_us) << "its local half has not run since it was loaded";
}

TEST_F(OffloaderTest, ACheckOfANewConnectionKeepsTheDeadlineAndIsNoTimeOfTheLink) {
  options_.deadline_us = 60e3;
  auto offloader = make();
  {
    const std::lock_guard lock(script_->mutex);
    script_->on_connect = [] { Clock::steady().sleep_us(400e3); };
  }
  script_->connection = 2;
  const auto answer = offloader.answer(frame(10, 20, 30));
  EXPECT_EQ(answer.origin, Origin::kLocal);
  EXPECT_NE(answer.note.find("could not be checked in the time of this image"), std::string::npos) << answer.note;
  EXPECT_LE(answer.latency_us, 60e3 + 15e3) << "a busy machine may be a little late";
  Clock::steady().sleep_us(800e3);  // the check has ended
  EXPECT_EQ(offloader.answer(frame(10, 20, 30)).origin, Origin::kEdge);
}

TEST_F(OffloaderTest, WhatAnAnswerWaitsForItsCheckIsNoTimeOfTheLink) {
  auto offloader = make();
  {
    const std::lock_guard lock(script_->mutex);
    script_->on_connect = [] { Clock::steady().sleep_us(300e3); };
  }
  script_->connection = 2;
  const auto answer = offloader.answer(frame(10, 20, 30));
  EXPECT_EQ(answer.origin, Origin::kEdge) << answer.note;
  EXPECT_GT(answer.latency_us, 200e3);
  EXPECT_LT(answer.parts.wire_us, 100e3);
  EXPECT_GT(answer.parts.other_us, 200e3);
}

TEST_F(OffloaderTest, WithoutFallbackASilentEdgeIsAnError) {
  options_.local_fallback = false;
  auto offloader = make();
  set_infer([](const auto&, double) -> protocol::InferResult { testing::unavailable(); });
  const auto answer = offloader.answer(frame(10, 20, 30));
  EXPECT_NE(answer.error.find("UNAVAILABLE"), std::string::npos);
  EXPECT_TRUE(answer.outputs.empty());
}

TEST_F(OffloaderTest, LocalPackageNeedsNoEdge) {
  auto offloader = make("local");
  EXPECT_EQ(offloader.edge(), nullptr);
  const auto answer = offloader.answer(frame(1, 2, 250));
  EXPECT_EQ(answer.top.at(0).label, "blue");
  EXPECT_EQ(answer.payload_bytes, 0);
}

TEST_F(OffloaderTest, EdgeOnlyPlansSendTheirBytes) {
  for (const char* codec : {"png", "raw", "file"}) {
    options_.threads = 1;
    set_infer([&](const auto& request, double) {
      protocol::InferResult result;
      result.id = request.id;
      const auto& input = request.inputs.at(0);
      EXPECT_EQ(std::get<std::string>(input.parameters.at("codec")), codec);
      const std::string& blob = *input.blob;
      Tensor scores = Tensor::of<float>({1, 3, 1, 1}, {0.0F, 0.0F, 1.0F});
      if (request.id == "probe") {
        EXPECT_EQ(blob, std::string("\1\2\3"));
        scores = parse_probe(read_file(folder_ / "probe.bin"), "").outputs.at(0).second;
      } else if (std::string(codec) == "raw") {
        EXPECT_EQ(blob.size(), 48u);
        EXPECT_EQ(static_cast<uint8_t>(blob[1]), 20);
      } else {
        EXPECT_EQ(vision::decode(blob, "sent").width, 4);
      }
      result.outputs.push_back({.name = "scores", .tensor = scores, .blob = {}, .parameters = {}});
      return result;
    });
    auto offloader = make(std::string("edge/") + codec);
    ASSERT_EQ(offloader.edge()->state(), EdgeState::kReady) << offloader.edge()->reason();
    Frame file{.name = "f", .bytes = vision::encode(testing::plain_image(10, 20, 30), "png"), .image = {}};
    const auto sent = static_cast<int64_t>(file.bytes.size());
    const auto answer = offloader.answer(file);
    EXPECT_EQ(answer.error, "");
    EXPECT_EQ(answer.origin, Origin::kEdge) << codec << ": " << answer.note;
    if (std::string(codec) != "raw") { EXPECT_EQ(answer.payload_bytes, sent); }
    // A camera's picture, which is no file, too.
    const auto pixels = offloader.answer({.name = "camera", .bytes = "", .image = testing::plain_image(10, 20, 30)});
    EXPECT_EQ(pixels.error, "");
    EXPECT_EQ(pixels.origin, Origin::kEdge) << codec << ": " << pixels.note;
    // And the same image locally when the edge is gone.
    set_infer([](const auto&, double) -> protocol::InferResult { testing::unavailable(); });
    const auto local = offloader.answer(file);
    EXPECT_EQ(local.error, "");
    EXPECT_NEAR(local.top.at(0).score, 30 / 255.0, 1e-4) << codec;
    const auto local_pixels = offloader.answer({.name = "camera", .bytes = "", .image = testing::plain_image(10, 20, 30)});
    EXPECT_EQ(local_pixels.error, "");
    EXPECT_NEAR(local_pixels.top.at(0).score, 30 / 255.0, 1e-4) << codec;
  }
}

TEST_F(OffloaderTest, UnreadableImageIsThatImagesError) {
  auto offloader = make();
  const auto bad = offloader.answer({.name = "bad.jpg", .bytes = "no image", .image = {}});
  EXPECT_NE(bad.error.find("bad.jpg"), std::string::npos) << bad.error;
  EXPECT_EQ(offloader.answer(frame(1, 2, 3)).error, "");
}

TEST_F(OffloaderTest, PipelineKeepsOrderAndAnswersEachOnce) {
  std::atomic<int> in_flight{0}, most{0};
  auto offloader = make();
  set_infer([&](const auto& request, double) {
    const int now = ++in_flight;
    for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {}
    const auto value = request.inputs.at(0).tensor.template as<float>()[0];
    Clock::steady().sleep_us(value > 0.5F ? 8000 : 500);  // answers overtake each other
    --in_flight;
    return testing::answer_of_tail(request);
  });
  std::string stream;
  for (int i = 0; i < 40; ++i) {
    const auto bytes = vision::encode(testing::plain_image(static_cast<uint8_t>(i * 37), 0, 0), "png");
    const auto n = static_cast<uint32_t>(bytes.size());
    stream.append(reinterpret_cast<const char*>(&n), 4).append(bytes);
    if (i == 20) stream.append("\3\0\0\0bad", 7);
  }
  std::istringstream in(stream);
  auto source = make_stream_source("frames", in, testing::kNoStop);
  std::vector<Answer> answers;
  const std::atomic<bool> stop{false};
  const auto totals = run_all(offloader, *source, 4, stop, [&](const Answer& a) { answers.push_back(a); });
  ASSERT_EQ(answers.size(), 41u);
  EXPECT_EQ(totals.edge, 40);
  EXPECT_EQ(totals.errors, 1);
  EXPECT_GE(most, 3);
  EXPECT_LE(most, 4);
  for (size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].name, "frame " + std::to_string(i));
    const size_t image = i <= 20 ? i : i - 1;
    if (i == 21) EXPECT_NE(answers[i].error, "");
    else EXPECT_NEAR(answers[i].outputs.at(0).second.as<float>()[0], static_cast<uint8_t>(image * 37) / 255.0, 1e-4);
  }
}

TEST_F(OffloaderTest, PipelineSurvivesAnEdgeThatDies) {
  std::atomic<int> calls{0};
  auto offloader = make();
  set_infer([&](const auto& request, double) {
    if (++calls > 10) testing::unavailable();
    return testing::answer_of_tail(request);
  });
  std::string stream;
  const auto bytes = vision::encode(testing::plain_image(9, 8, 7), "png");
  for (int i = 0; i < 60; ++i) stream.append(1, static_cast<char>(bytes.size())).append(3, '\0').append(bytes);
  std::istringstream in(stream);
  auto source = make_stream_source("frames", in, testing::kNoStop);
  const std::atomic<bool> stop{false};
  const auto totals = run_all(offloader, *source, 3, stop, [](const Answer&) {});
  EXPECT_EQ(totals.images, 60);
  EXPECT_EQ(totals.errors, 0);
  EXPECT_GE(totals.edge, 8);
  EXPECT_EQ(totals.edge + totals.local, 60);
}

}  // namespace
}  // namespace scissionlite::device
