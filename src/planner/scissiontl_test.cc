#include "planner/scissiontl.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "base/text.h"
#include "planner/made_profiles.h"
#include "planner/render.h"

namespace scissionlite::planner {
namespace {

Json block(int first, int last, double time_s, int64_t tl_bytes) {
  return {
      {"first_layer", first},
      {"last_layer", last},
      {"time_s", time_s},
      {"output_bytes", 4 * tl_bytes},
      {"pool_tl",
       {{"downsample_s", tl_bytes ? 0.001 : -1}, {"upsample_s", tl_bytes ? 0.002 : -1}, {"convert_s", tl_bytes ? 0.0005 : -1}, {"bytes", tl_bytes}}}};
}
Json machine(const std::string& name, double scale) {
  return {{"name", name}, {"blocks", {block(0, 3, 0.1 * scale, 500000), block(4, 4, 0.2 * scale, 125000), block(5, 9, 0.4 * scale, 0)}}};
}
Json made_data() { return {{"what", "made"}, {"device", machine("phone", 1)}, {"edge", machine("box", 0.1)}}; }

TEST(ScissionTl, ByHand) {
  const auto data = scissiontl_from_json(made_data(), "made");
  const auto plans = plan_scissiontl(data, {.ping_ms = 10, .mbps = 8});  // 1,000,000 bytes/s
  ASSERT_EQ(plans.size(), 2u);
  // after block 1: device 0.3, edge 0.04, ping 0.01, bytes 0.125, TL 0.001 + 0.0005 + 0.002 + 0.0005
  EXPECT_NEAR(plans[0].seconds, 0.3 + 0.04 + 0.01 + 0.125 + 0.004, 1e-12);
  EXPECT_EQ(plans[0].ranges, "0–4 | 5–9");
  // after block 0: device 0.1, edge 0.06, ping 0.01, bytes 0.5, TL 0.004
  EXPECT_NEAR(plans[1].seconds, 0.1 + 0.06 + 0.01 + 0.5 + 0.004, 1e-12);
  EXPECT_EQ(scissiontl_text(data, {.ping_ms = 10, .mbps = 8}, plans, 1),
            "phone -> box, ping 10.0 ms, 8.0 Mbit/s; layers on device | on edge\n0–4 | 5–9  0.4790 s  0.1250 MB\n");
}

TEST(ScissionTl, TheRateIsRoundedHalfToEven) {
  const auto data = scissiontl_from_json(made_data(), "made");
  // 2.5 and 3.5 bytes/s round to 2 and 4
  EXPECT_NEAR(plan_scissiontl(data, {.ping_ms = 0, .mbps = 2.5 / 125000})[0].network_s, 125000 / 2.0, 1e-6);
  EXPECT_NEAR(plan_scissiontl(data, {.ping_ms = 0, .mbps = 3.5 / 125000})[0].network_s, 125000 / 4.0, 1e-6);
}

TEST(ScissionTl, ATlMayBeMissing) {
  for (const auto& missing : {Json(), Json{{"bytes", 0}}}) {
    auto json = made_data();
    json["edge"]["blocks"][0]["pool_tl"] = missing;
    EXPECT_EQ(plan_scissiontl(scissiontl_from_json(json, "made")).size(), 1u);
  }
  auto json = made_data();
  json["device"]["blocks"][0].erase("pool_tl");
  json["device"]["blocks"][1].erase("pool_tl");
  EXPECT_NE(message_of([&] { (void)plan_scissiontl(scissiontl_from_json(json, "made")); }).find("no cut has a pool TL on both machines"),
            std::string::npos);
}

TEST(ScissionTl, ErrorsNameTheField) {
  const auto refusal = [](const std::function<void(Json&)>& spoil) {
    auto json = made_data();
    spoil(json);
    return message_of([&] { (void)scissiontl_from_json(json, "f.json"); });
  };
  EXPECT_NE(refusal([](Json& j) {
              j["device"]["blocks"][1]["time_s"] = -1;
            }).find("f.json.device.blocks[1].time_s: got -1, expected a number of at least 0"),
            std::string::npos);
  EXPECT_NE(refusal([](Json& j) { j["device"]["blocks"][1]["time_s"] = 20000; }).find("are these milliseconds"), std::string::npos);
  EXPECT_NE(refusal([](Json& j) { j["device"]["blocks"][1]["time_ms"] = 3; }).find("unknown key 'time_ms'; did you mean 'time_s'?"),
            std::string::npos);
  EXPECT_NE(refusal([](Json& j) {
              j["edge"]["blocks"][1]["first_layer"] = 5;
            }).find("f.json.edge.blocks[1].first_layer: got 5, expected 4, the layer after"),
            std::string::npos);
  EXPECT_NE(refusal([](Json& j) { j["edge"]["blocks"][1]["last_layer"] = 3; }).find("at least first_layer, 4"), std::string::npos);
  EXPECT_NE(refusal([](Json& j) { j["edge"]["blocks"].erase(2); }).find("'phone' has 3 blocks, 'box' 2"), std::string::npos);
  EXPECT_NE(refusal([](Json& j) { j["edge"]["blocks"][2]["last_layer"] = 8; }).find("block 2 holds layers 5–9 on 'phone' but 5–8 on 'box'"),
            std::string::npos);
  EXPECT_NE(refusal([](Json& j) { j.erase("edge"); }).find("f.json: 'edge' is missing"), std::string::npos);
  EXPECT_NE(refusal([](Json& j) { j["device"]["blocks"][0]["pool_tl"]["bytes"] = 1.5; }).find("expected an integer"), std::string::npos);
  EXPECT_NE(
      message_of([] { (void)plan_scissiontl(scissiontl_from_json(made_data(), "f"), {.ping_ms = 1, .mbps = 0}); }).find("expected a rate above 0"),
      std::string::npos);
}

// The published example, all printed digits.
TEST(ScissionTl, PublishedExample) {
  const char* folder = std::getenv("SCISSIONLITE_TEST_DATA");
  if (!folder) GTEST_SKIP() << "needs SCISSIONLITE_TEST_DATA";
  const auto data = load_scissiontl(fs::path(folder) / "scissiontl-densenet169.json");
  const auto plans = plan_scissiontl(data);
  const std::vector<std::pair<std::string, std::string>> published{
      {"0–1 | 2–596", "0.1261"}, {"0–51 | 52–596", "0.1870"}, {"0–139 | 140–596", "0.2068"}, {"0–2 | 3–596", "0.2152"}, {"0–3 | 4–596", "0.2161"}};
  ASSERT_EQ(plans.size(), 20u);
  for (size_t i = 0; i < published.size(); ++i) {
    EXPECT_EQ(plans[i].ranges, published[i].first);
    EXPECT_EQ(format_fixed(plans[i].seconds, 4), published[i].second);
  }
  EXPECT_EQ(format_fixed(plans[0].megabytes, 4), "0.1588");
  EXPECT_NE(scissiontl_text(data, {}, plans, 5).find("0–1 | 2–596  0.1261 s  0.1588 MB\n"), std::string::npos);
}

}  // namespace
}  // namespace scissionlite::planner
