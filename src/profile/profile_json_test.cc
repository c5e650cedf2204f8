// profile.json and network.json: what is written is read again; what is wrong is named.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "base/test_messages.h"
#include "profile/network.h"
#include "profile/profile.h"

namespace scissionlite {
namespace {

Timing any_timing() {
  if (*rc::gen::weightedOneOf<bool>({{1, rc::gen::just(true)}, {4, rc::gen::just(false)}})) return {};
  const double m = *rc::gen::inRange(0, 1 << 24) / 7.0;
  return {.median_us = m, .p95_us = m * 1.1, .ci = {m * 0.99, m * 1.01}, .n = *rc::gen::inRange<int64_t>(1, 1000)};
}

Profile any_profile() {
  Profile profile;
  profile.machine_name = *rc::gen::element<std::string>("device", "edge", "Jetson \"TX2\"");
  profile.machine = {.cpu = "cpu", .isa = {"avx2", "fma"}, .cores = *rc::gen::inRange(1, 64)};
  profile.engine = {.spec = "slow:4:openvino", .version = "1", .isa = "avx2", .precision = "f32", .threads = 2};
  profile.model_name = "m";
  profile.model_sha256 = std::string(64, 'b');
  profile.model_macs = *rc::gen::inRange<int64_t>(0, int64_t{1} << 40);
  profile.whole = any_timing();
  profile.preprocess = any_timing();
  profile.values = any_timing();
  for (const auto* codec : {"file", "raw", "png", "jpeg-q90-420"}) {
    profile.image_encode[codec] = any_timing();
    profile.image_decode[codec] = any_timing();
    profile.image_bytes[codec] = *rc::gen::inRange<int64_t>(0, 1 << 20);
  }
  const int cuts = *rc::gen::inRange(0, 12);
  for (int i = 0; i < cuts; ++i) {
    CutProfile cut{.id = std::to_string(i),
                   .tensors = {"t" + std::to_string(i)},
                   .bytes = i * 100,
                   .position = i,
                   .region = i,
                   .head = any_timing(),
                   .tail = any_timing(),
                   .tls = {}};
    for (const auto* tl : {"fp32", "uint8"})
      cut.tls[tl] = {
          .encode = any_timing(), .decode = any_timing(), .head_with_tl = any_timing(), .tail_with_tl = any_timing(), .wire_bytes = i * 25};
    profile.cuts.push_back(cut);
    profile.blocks.push_back(any_timing());
  }
  return profile;
}

TEST(ProfileJson, RoundTrip) {
  EXPECT_TRUE(rc::check("profile_from_json(to_json(p)) equals p", [] {
    const auto json = to_json(any_profile());
    RC_ASSERT(to_json(profile_from_json(parse_json(json.dump(2), "test"), "test")).dump() == json.dump());
  }));
}

TEST(ProfileJson, TimingOfSamples) {
  const auto timing = make_timing({5, 1, 4, 2, 3});
  EXPECT_EQ(timing.median_us, 3);
  EXPECT_EQ(timing.n, 5);
  EXPECT_LE(timing.ci.low, 3);
  EXPECT_GE(timing.ci.high, 3);
  EXPECT_FALSE(make_timing({}).measured());
}

TEST(ProfileJson, ByHand) {
  const auto profile =
      profile_from_json(parse_json(R"({"schema": "scissionlite.profile/1", "machine_name": "phone", "model_sha256": "x", "whole": 1500,
    "cuts": [{"id": "3+1", "tensors": ["a", "b"], "tls": {"fp16": {"wire_bytes": 64}}}]})",
                                   "p"),
                        "p");
  EXPECT_EQ(profile.whole.median_us, 1500);
  EXPECT_EQ(profile.whole.n, 1);
  EXPECT_FALSE(profile.cuts[0].single);
  EXPECT_FALSE(profile.cuts[0].tls.at("fp16").encode.measured());
  EXPECT_EQ(profile.cuts[0].tls.at("fp16").wire_bytes, 64);
}

TEST(ProfileJson, WhatIsLeftOutFollowsFromTheOrder) {
  const auto profile = profile_from_json(parse_json(R"({"schema": "scissionlite.profile/1", "machine_name": "phone", "model_sha256": "x",
    "cuts": [{"id": "1", "tensors": ["a"], "bytes": 400, "head": 5, "tail": 7}, {"id": "3+2", "tensors": ["b", "c"]}, {"id": "4", "tensors": ["d"], "tls": {}}, {"id": "5", "tensors": ["e"]}]})",
                                                    "p"),
                                         "p");
  const std::vector<int> regions{profile.cuts[0].region, profile.cuts[1].region, profile.cuts[2].region, profile.cuts[3].region};
  EXPECT_EQ(regions, (std::vector<int>{0, 1, 1, 2}));
  EXPECT_LT(profile.cuts[0].position, profile.cuts[3].position);
  EXPECT_EQ(profile.cuts[0].tls.at("fp32").wire_bytes, 400) << "sent as it is";
  EXPECT_TRUE(profile.cuts[2].tls.empty()) << "an empty list is meant";
}

std::string read_cuts(const std::string& cuts) {
  return message_of([&] {
    (void)profile_from_json(
        parse_json(R"({"schema": "scissionlite.profile/1", "machine_name": "d", "model_sha256": "x", "cuts": )" + cuts + "}", "p.json"), "p.json");
  });
}

TEST(ProfileJson, ErrorsNameTheField) {
  EXPECT_NE(read_cuts(R"([{"id": "1", "tensors": ["a"], "head": {"median_us": -1}}])")
                .find("p.json.cuts[0].head.median_us: got -1, expected a number of at least 0"),
            std::string::npos);
  EXPECT_NE(read_cuts(R"([{"id": "1", "tensors": ["a"]}, {"id": "1", "tensors": ["b"]}])").find("an id that no other cut has"), std::string::npos);
  EXPECT_NE(
      read_cuts(R"([{"id": "1", "tensors": ["a"], "position": 4}, {"id": "2", "tensors": ["b"], "position": 3}])").find("order of their position"),
      std::string::npos);
  EXPECT_NE(read_cuts(R"([{"id": "1", "tensors": ["a"], "region": 2}, {"id": "2", "tensors": ["b"], "region": 1}])")
                .find("cuts[1].region: got 1, expected at least the block of the cut before, 2"),
            std::string::npos);
  EXPECT_NE(
      read_cuts(R"([{"id": "1", "tensors": ["a"], "tls": {"uint8": {}}}])").find("cuts[0].tls.uint8: got {}, expected an object with 'wire_bytes'"),
      std::string::npos);
  EXPECT_NE(read_cuts(R"([{"id": "1", "tensors": ["a"], "heat": 3}])").find("unknown key 'heat'; did you mean 'head'?"), std::string::npos);
  EXPECT_NE(message_of([] { (void)profile_from_json(parse_json(R"({"schema": "scissionlite.profile/0"})", "p"), "p"); }).find("write the file again"),
            std::string::npos);
}

TEST(NetworkJson, RoundTrip) {
  EXPECT_TRUE(rc::check("network_from_json(to_json(n)) equals n", [] {
    Network network{.links = {}, .command = "scissionlite probe"};
    const int count = *rc::gen::inRange(1, 4);
    for (int i = 0; i < count; ++i)
      network.links.push_back({.from = "m" + std::to_string(i),
                               .to = "m" + std::to_string(i + 1),
                               .rtt_us = *rc::gen::inRange(0, 100000) / 3.0,
                               .up_bps = *rc::gen::inRange(1, 1 << 30) * 1.1,
                               .down_bps = *rc::gen::inRange(1, 1 << 30) * 1.0,
                               .per_call_us = *rc::gen::inRange(0, 500) * 1.0,
                               .n = *rc::gen::inRange<int64_t>(0, 50)});
    const auto json = to_json(network);
    RC_ASSERT(to_json(network_from_json(parse_json(json.dump(), "n"), "n")).dump() == json.dump());
  }));
}

TEST(NetworkJson, ErrorsNameTheField) {
  const auto read = [](const std::string& links) {
    return message_of(
        [&] { (void)network_from_json(parse_json(R"({"schema": "scissionlite.network/1", "links": )" + links + "}", "n.json"), "n.json"); });
  };
  EXPECT_NE(read("[]").find("at least one link"), std::string::npos);
  EXPECT_NE(read(R"([{"rtt_us": 1, "up_bps": 0}])").find("n.json.links[0].up_bps: got 0, expected a rate above 0 bit/s"), std::string::npos);
  EXPECT_NE(read(R"([{"up_bps": 5}])").find("'rtt_us' is missing"), std::string::npos);
  EXPECT_NE(read(R"([{"rtt_us": 1, "up_bps": 5}, {"from": "fog", "rtt_us": 1, "up_bps": 5}])").find("a link from 'edge'"), std::string::npos);
}

}  // namespace
}  // namespace scissionlite
