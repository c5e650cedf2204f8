#include "device/counts.h"

#include <gtest/gtest.h>

#include "device/observation.h"

namespace scissionlite::device {
namespace {

Answer answer_of(Origin origin, double latency_us) {
  Answer out;
  out.origin = origin, out.latency_us = latency_us, out.message_bytes = 100, out.response_bytes = 10;
  return out;
}

TEST(DeviceCounts, ByOrigin) {
  DeviceCounts counts;
  counts.add(answer_of(Origin::kEdge, 900), "split/c1/klt", true);
  counts.add(answer_of(Origin::kLocal, 2e7), "split/c1/klt", true);
  counts.add(answer_of(Origin::kLocal, 1e3), "local", false);
  Answer error;
  error.error = "unreadable";
  counts.add(error, "local", false);
  counts.add_unread();
  counts.add_switch();
  const auto c = counts.snapshot();
  EXPECT_EQ(c.edge, 1);
  EXPECT_EQ(c.local, 2);
  EXPECT_EQ(c.fallbacks, 1);
  EXPECT_EQ(c.errors, 2);
  EXPECT_EQ(c.bytes_up, 300);
  EXPECT_EQ(c.latencies.front(), 2);  // a bound belongs to its bucket
  EXPECT_EQ(c.latencies.back(), 1);
  EXPECT_EQ(c.plan, "local") << "an image that could not be read has none";
}

TEST(DeviceCounts, AReportASecondAtMost) {
  DeviceCounts counts;
  counts.add(answer_of(Origin::kLocal, 900), "split/c;\xc3\xa9_klt", true);
  EXPECT_EQ(counts.report(5e6), "plan=split/c???_klt;edge=0;local=1;fallbacks=1;errors=0;late=0;switches=0");
  EXPECT_FALSE(counts.report(5.9e6));
  EXPECT_TRUE(counts.report(6.1e6));
}

TEST(Observation, MetadataOfARequest) {
  const Observation observation{.name = "camera", .tracer = nullptr, .counts = std::make_shared<DeviceCounts>()};
  protocol::InferRequest request;
  add_metadata(observation, trace::Context{1, 2, 3, true}, 5e6, request);
  ASSERT_EQ(request.metadata.size(), 3U);
  EXPECT_EQ(request.metadata[0], (std::pair<std::string, std::string>("scissionlite-device", "camera")));
  EXPECT_EQ(request.metadata[2], (std::pair<std::string, std::string>("traceparent", "00-00000000000000010000000000000002-0000000000000003-01")));
  protocol::InferRequest next;
  add_metadata(observation, std::nullopt, 5.1e6, next);
  EXPECT_EQ(next.metadata.size(), 1U);
}

TEST(Observation, IdsAndNames) {
  EXPECT_NE(next_request_id(), next_request_id());
  EXPECT_NO_THROW(check_device_name("camera 1 <north>"));
  EXPECT_THROW(check_device_name("caf\xc3\xa9"), InvalidArgument);
  EXPECT_THROW(check_device_name(std::string(65, 'x')), InvalidArgument);
  EXPECT_THROW(check_device_name("two\nlines"), InvalidArgument);
}

}  // namespace
}  // namespace scissionlite::device
