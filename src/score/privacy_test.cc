#include "score/privacy.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/base64.h"
#include "base/test_messages.h"
#include "vision/vision.h"

namespace scissionlite {
namespace {

std::string picture(const char* codec) { return to_base64(vision::encode({8, 8, std::vector<uint8_t>(192, 90)}, codec)); }

Privacy sample() {
  Privacy p;
  p.model_sha256 = std::string(64, 'a');
  p.images = 80;
  p.held_out = 20;
  p.width = p.height = 64;
  p.job = {{"epochs", 3}, {"rate", 0.002}};
  p.originals = {picture("jpeg-q90-444"), picture("png")};
  p.baselines = {{.candidate = "mean picture", .quality = {12.5, {12, 13}, 0.2, {0.1, 0.3}, 20}}};
  p.candidates = {{.candidate = "split/12/uint8",
                   .quality = {21.25, {20, 22}, 0.6, {0.5, 0.7}, 20},
                   .best_epoch = 2,
                   .examples = 320,
                   .pictures = {picture("png"), picture("png")}},
                  {.candidate = "split/12/fit-cal-q50", .quality = {19, {18, 20}, -0.1, {-0.2, 0}, 20}, .examples = 320, .tl_sha256 = "0123"}};
  p.command = "scissionlite-train privacy 'a b.onnx'";
  return p;
}

TEST(Privacy, JsonRoundTrip) {
  const auto json = to_json(sample());
  const auto back = privacy_from_json(parse_json(json.dump(2), "p"), "p");
  EXPECT_EQ(to_json(back).dump(), json.dump());
  ASSERT_NE(back.find("split/12/uint8"), nullptr);
  EXPECT_EQ(back.find("split/12/uint8")->quality.psnr_db, 21.25);
  EXPECT_EQ(back.find("split/12/uint8")->best_epoch, 2);
  EXPECT_EQ(back.find("mean picture"), nullptr);
}

TEST(Privacy, WhatIsWrongIsSaidWithItsField) {
  struct Damage {
    std::function<void(Json&)> make;
    const char* message;
  };
  for (const auto& [make, wanted] : std::vector<Damage>{
           {[](Json& j) { j["schema"] = "scissionlite.scores/1"; }, "expected 'scissionlite.privacy/1'"},
           {[](Json& j) { j["candidates"][0].erase("psnr_db"); }, "privacy.json.candidates[0]: 'psnr_db' is missing"},
           {[](Json& j) { j["candidates"][0]["psnr_db"] = -1; }, "privacy.json.candidates[0].psnr_db: got -1, expected a number of at least 0"},
           {[](Json& j) { j["candidates"][1]["ssim"] = 1.5; }, "privacy.json.candidates[1].ssim: got 1.5, expected a similarity in [-1, 1]"},
           {[](Json& j) {
              j["candidates"][1]["ssim_interval"] = {1, 0};
            },
            "candidates[1].ssim_interval: got [1,0], expected [low, high] with low <= high"},
           {[](Json& j) { j["candidates"][0]["candidate"] = "local"; }, "candidates[0].candidate: got \"local\", expected a split"},
           {[](Json& j) { j["candidates"][0]["candidate"] = "what"; }, "expected 'local', 'edge/<codec>' or 'split/"},
           {[](Json& j) { j["candidates"][1]["candidate"] = "split/12/uint8"; },
            "candidates[1].candidate: got \"split/12/uint8\", expected each candidate once"},
           {[](Json& j) { j["candidates"][0]["pictures"] = {"x\" onerror="}; },
            "candidates[0].pictures[0]: got \"x\\\" onerror=\", expected base64 of a JPEG or PNG file"},
           {[](Json& j) { j["candidates"][0]["pictures"].erase(1); }, "expected one picture for each of the 2 originals, or none"},
           {[](Json& j) { j["baselines"][0]["n"] = -3; }, "baselines[0].n: got -3, expected a count of at least 0"},
           {[](Json& j) { j["originals"] = 7; }, "privacy.json.originals: got 7, expected an array"},
           {[](Json& j) { j["width"] = 0; }, "privacy.json.width: got 0, expected a size from 1 to 65535 pixels"},
           {[](Json& j) { j["job"] = "x"; }, "privacy.json.job: got \"x\", expected an object"},
           {[](Json& j) { j["candidate"] = Json::array(); }, "unknown key 'candidate'; did you mean 'candidates'?"},
           {[](Json& j) { j.erase("model_sha256"); }, "'model_sha256' is missing"}}) {
    auto json = to_json(sample());
    make(json);
    const auto message = message_of([&] { (void)privacy_from_json(json, "privacy.json"); });
    EXPECT_NE(message.find(wanted), std::string::npos) << message << "\nexpected " << wanted;
  }
}

TEST(Privacy, QualityIsAMeanWithItsInterval) {
  const auto q = rebuild_quality({20, 22, 24, 30}, {0.5, 0.6, 0.7, 0.8});
  EXPECT_EQ(q.psnr_db, 24);
  EXPECT_NEAR(q.ssim, 0.65, 1e-12);
  EXPECT_EQ(q.n, 4);
  EXPECT_LT(q.psnr_interval.low, 24);
  EXPECT_GT(q.psnr_interval.high, 24);
}

TEST(Base64, VectorsOfTheStandardAndRefusals) {
  // RFC 4648, section 10
  for (const auto& [bytes, text] : std::vector<std::pair<std::string, std::string>>{{"", ""},
                                                                                    {"f", "Zg=="},
                                                                                    {"fo", "Zm8="},
                                                                                    {"foo", "Zm9v"},
                                                                                    {"foob", "Zm9vYg=="},
                                                                                    {"fooba", "Zm9vYmE="},
                                                                                    {"foobar", "Zm9vYmFy"},
                                                                                    {std::string("\0\xff\xfe", 3), "AP/+"}}) {
    EXPECT_EQ(to_base64(bytes), text);
    EXPECT_EQ(from_base64(text), bytes);
  }
  for (const auto* text : {"Zg=", "Zg", "Z===", "====", "Zg==Zg==", "Zm9v\n", "Zm 9", "Zh==", "<img"})
    EXPECT_EQ(from_base64(text), std::nullopt) << text;
}

}  // namespace
}  // namespace scissionlite
