// Answers from a reply to what is sent: their text, who writes and compresses them, what they count for.
#include <gtest/gtest.h>

#include <cstring>
#include <future>
#include <random>
#include <thread>

#include "server/http/deflate.h"
#include "server/http/infer_internal.h"

namespace scissionlite::server::http {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

KeptReply reply_of(const std::vector<float>& values) {
  KeptReply reply;
  auto* output = reply.head.add_outputs();
  output->set_name("y");
  output->set_datatype("FP32");
  output->add_shape(static_cast<int64_t>(values.size()));
  reply.outputs.emplace_back(Dtype::kF32, Shape{static_cast<int64_t>(values.size())});
  std::memcpy(reply.outputs[0].mutable_data(), values.data(), values.size() * sizeof(float));
  return reply;
}

TEST(Answers, WriteNumbersThatReadBackTheSame) {
  const std::vector<float> values{0.1F, -3.4028235e38F, 1e-45F};
  const auto reply = reply_of(values);
  BytesInFlight room(INT64_MAX);
  GrowingTicket growth(room);
  const auto response = write_infer_response(reply, {}, growth);
  const auto json = parse_json(response.body, "the answer");
  EXPECT_EQ(json["outputs"][0]["data"].get<std::vector<float>>(), values);
  EXPECT_TRUE(response.blobs.empty());
  const auto binary = write_infer_response(reply, {.by_default = true, .by_name = {}}, growth);
  ASSERT_EQ(binary.blobs.size(), 1U);
  EXPECT_EQ(parse_json(binary.body, "the answer")["outputs"][0]["parameters"]["binary_data_size"], 12);
}

/// Hands over a reply, and waits for its answer as the network's threads would.
struct HandedOver {
  HandedOver(const std::vector<float>& values, const AnswerForm& form, BytesInFlight& room, size_t queue_size = 1) {
    auto kept = reply_of(values);
    std::promise<Make> made;
    WorkPool pool(1, queue_size);
    hand_over({pool, room, refusals}, {.status = {}, .head = kept.head, .outputs = std::move(kept.outputs)}, form, [&](Make make) {
      by = std::this_thread::get_id();
      room_while_waiting = room.bytes();
      made.set_value(std::move(make));
    });
    const auto make = made.get_future().get();
    try {
      response = make();
    } catch (...) { response = error_in_flight(); }
  }
  [[nodiscard]] bool is_by_pool() const { return by != std::this_thread::get_id(); }

  RefusalCounts refusals;
  std::thread::id by;
  int64_t room_while_waiting = 0;
  Response response;
};

TEST(Answers, ThatTakeLongAreWrittenByThePoolAndCounted) {
  const std::vector<float> few(100, 0.1F), many(1 << 20, 0.1F);
  BytesInFlight room(INT64_MAX);
  EXPECT_FALSE(HandedOver(few, {}, room).is_by_pool());
  EXPECT_FALSE(HandedOver(few, {.binary = {}, .coding = Coding::kGzip}, room).is_by_pool());
  EXPECT_FALSE(HandedOver(many, {.binary = {.by_default = true, .by_name = {}}, .coding = {}}, room).is_by_pool());
  EXPECT_TRUE(HandedOver(many, {.binary = {.by_default = true, .by_name = {}}, .coding = Coding::kDeflate}, room).is_by_pool());
  const HandedOver text(many, {}, room);
  EXPECT_TRUE(text.is_by_pool());
  EXPECT_GE(text.room_while_waiting, static_cast<int64_t>(text.response.body.size()));
  EXPECT_EQ(parse_json(text.response.body, "the answer")["outputs"][0]["data"].size(), many.size());
  EXPECT_EQ(room.bytes(), 0);
}

TEST(Answers, ThatFindNoRoomAreRefusedAndCounted) {
  const std::vector<float> many(1 << 20, 0.1F);
  constexpr int64_t kAllBytes = 64 << 20;
  for (const int64_t bytes : {1 << 20, 5 << 20}) {  // for less than the result, and for less than its text
    BytesInFlight room(kAllBytes);
    const auto others = room.take(kAllBytes - bytes);
    const HandedOver refused(many, {}, room);
    EXPECT_EQ(refused.response.status, 503) << refused.response.body;
    EXPECT_FALSE(refused.response.fields.empty()) << "it may do better later";
    EXPECT_EQ(refused.refusals.of(Code::kUnavailable), 1U);
    EXPECT_EQ(room.bytes(), kAllBytes - bytes);

    BytesInFlight small(bytes);
    const HandedOver too_large(many, {}, small);
    EXPECT_EQ(too_large.response.status, 429) << too_large.response.body;
    EXPECT_TRUE(too_large.response.fields.empty()) << "it will not do better later";
    EXPECT_EQ(too_large.refusals.of(Code::kResourceExhausted), 1U);
    EXPECT_EQ(small.bytes(), 0);
  }
  BytesInFlight room(INT64_MAX);
  const HandedOver refused(many, {}, room, /*queue_size=*/0);
  EXPECT_EQ(refused.response.status, 503);
  EXPECT_NE(refused.response.body.find("large answers to write is full"), std::string::npos) << refused.response.body;
  EXPECT_EQ(room.bytes(), 0);
}

TEST(Answers, GoCompressedWhereThatIsAskedFor) {
  for (const char* none : {"", "identity", "br", "*", "gzip;q=0", "gzip; q=0.0, deflate;q=0", "gzip;q=0.5, identity;q=0.6", "gzip;q=x", "gzip;q=2",
                           "gzip;q=nan", "gzip;x=1", "agzip", ",;,"})
    EXPECT_EQ(coding_asked_for(none), std::nullopt) << none;
  for (const char* gzip :
       {"gzip", "GZip", "x-gzip", "deflate, gzip", "gzip;q=0.001", "br, gzip ; q=0.5 , deflate;q=0.4", "gzip, identity", "deflate;q=0,gzip"})
    EXPECT_EQ(coding_asked_for(gzip), Coding::kGzip) << gzip;
  for (const char* deflate : {"deflate", "gzip;q=0, deflate", "gzip;q=0.5,deflate;Q=1"})
    EXPECT_EQ(coding_asked_for(deflate), Coding::kDeflate) << deflate;
  const std::vector<float> values(1000, 0.1F);
  BytesInFlight room(INT64_MAX);
  for (const auto coding : {Coding::kGzip, Coding::kDeflate}) {
    const auto plain = HandedOver(values, {.binary = {.by_default = true, .by_name = {}}, .coding = {}}, room).response;
    const auto compressed = HandedOver(values, {.binary = {.by_default = true, .by_name = {}}, .coding = coding}, room).response;
    EXPECT_EQ(inflate(compressed.body, coding, 1 << 20),
              plain.body + std::string(reinterpret_cast<const char*>(plain.blobs[0].data()), plain.blobs[0].size_bytes()));
    EXPECT_TRUE(compressed.blobs.empty());
    EXPECT_EQ(compressed.fields, (Fields{plain.fields[0], {"Content-Encoding", coding == Coding::kGzip ? "gzip" : "deflate"}}));
  }
}

TEST(Deflate, ComesBackAsItWas) {
  std::string noise(300'000, 0);
  std::minstd_rand random(1);
  for (char& c : noise) c = static_cast<char>(random());
  const std::string text(1'000'000, 'a');
  for (const auto coding : {Coding::kGzip, Coding::kDeflate})
    for (const std::vector<std::string_view>& parts : {std::vector<std::string_view>{}, {""}, {text}, {noise, "", text, noise}}) {
      std::string all;
      for (const auto part : parts) all += part;
      size_t told = 0;
      const auto compressed = deflate(parts, coding, [&](size_t bytes) { told = bytes; });
      EXPECT_EQ(told, compressed.size());
      EXPECT_LT(compressed.size(), all.size() * 1.01 + 100);
      EXPECT_EQ(inflate(compressed, coding, all.size()), all);
    }
}

}  // namespace
}  // namespace scissionlite::server::http
