// Parts of the HTTP front end that need no socket: paths, compressed bodies, JSON data, refusals; and the room that bodies share, which is too large
// to fill through the server. The rest is tested through that (tests/server/test_http*.py) and by the fuzz target http_infer.
#include <gtest/gtest.h>
#include <zlib.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <chrono>
#include <cstring>
#include <thread>

#include "server/http/http_server.h"
#include "server/http/infer_internal.h"
#include "server/http/inflate.h"
#include "server/http/json_data.h"
#include "server/http/message_json.h"
#include "server/http/routes.h"

namespace scissionlite::server::http {
namespace {

/// Status and text of what `body` throws.
template <typename Body>
std::pair<int, std::string> refusal_of(Body&& body) {
  try {
    body();
  } catch (...) {
    const auto response = error_in_flight();
    return {response.status, parse_json(response.body, "the error")["error"].get<std::string>()};
  }
  return {200, "nothing was thrown"};
}

std::string deflated(const std::string& text) {
  std::string out(compressBound(text.size()), '\0');
  uLongf size = out.size();
  EXPECT_EQ(compress(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(text.data()), text.size()), Z_OK);
  out.resize(size);
  return out;
}

template <typename T>
std::vector<T> values_of(const std::string& raw) {
  std::vector<T> out(raw.size() / sizeof(T));
  std::memcpy(out.data(), raw.data(), raw.size());
  return out;
}

TEST(Paths, AreDecodedPartByPart) {
  EXPECT_EQ(path_of("/v2/models/a%20b%2fc?x=/y"), (std::vector<std::string>{"v2", "models", "a b/c"}));
  EXPECT_EQ(path_of("/v2/"), (std::vector<std::string>{"v2"}));
  EXPECT_EQ(path_of("/a%00"), (std::vector<std::string>{std::string("a\0", 2)}));
  for (const char* bad : {"", "*", "v2", "/%", "/%4", "/%zz"}) EXPECT_EQ(refusal_of([&] { (void)path_of(bad); }).first, 400) << bad;
}

TEST(CompressedBodies, ComeBackUpToTheLimit) {
  const std::string text(100'000, 'a');
  EXPECT_EQ(inflate_body(deflated(text), "deflate", text.size()), text);
  EXPECT_EQ(inflate_body(deflated(""), "deflate", 0), "");
  EXPECT_EQ(refusal_of([&] { (void)inflate_body(deflated(text), "deflate", text.size() - 1); }).first, 413);
  const auto cut = deflated(text).substr(0, 50);
  EXPECT_NE(refusal_of([&] { (void)inflate_body(cut, "deflate", 1 << 20); }).second.find("ends early"), std::string::npos);
  EXPECT_NE(refusal_of([&] { (void)inflate_body(deflated(text) + "xy", "deflate", 1 << 20); }).second.find("2 bytes behind its end"),
            std::string::npos);
  EXPECT_EQ(refusal_of([&] { (void)inflate_body("x", "br", 1); }).first, 415);
}

ModelInterface model_of(std::vector<TensorInfo> inputs) {
  ModelInterface out;
  out.name = "m";
  out.inputs = std::move(inputs);
  return out;
}

/// What it holds at last, and where nothing bounds it.
ParsedRequest parsed_of(std::string_view text, const ModelInterface& model) {
  BytesInFlight room(INT64_MAX);
  GrowingTicket growth(room);
  return parse_request(text, model, growth);
}

TEST(JsonData, BecomesBytesWithoutATree) {
  const auto parsed = parsed_of(
      R"({"inputs": [{"data": [[1, 2], [3]], "name": "a", "shape": [3], "datatype": "UINT8"},
                     {"name": "b", "shape": [1], "datatype": "FP32", "data": [0.5]},
                     {"name": "c", "shape": [1, 1], "datatype": "BYTES", "data": ["ab"]}, {"name": "z"}]})",
      model_of({{"a", Dtype::kU8, {3}, nullptr}, {"b", Dtype::kF32, {-1}, nullptr}, {"c", Dtype::kF32, {4}, nullptr}}));
  EXPECT_EQ(values_of<uint8_t>(parsed.raw.at(0)), (std::vector<uint8_t>{1, 2, 3}));  // its datatype comes later
  EXPECT_EQ(values_of<float>(parsed.raw.at(1)), (std::vector<float>{0.5F}));
  EXPECT_EQ(parsed.raw.at(2), std::string("\2\0\0\0ab", 6));
  EXPECT_EQ(parsed.raw.count(3), 0U);
  EXPECT_EQ(parsed.json["inputs"][0]["data"].dump(), "[]");
}

TEST(JsonData, SaysWhichElementDoesNotFit) {
  const auto [status, text] = refusal_of([] {
    (void)parsed_of(R"({"inputs": [{"name": "x", "shape": [2], "datatype": "INT8", "data": [1, [200]]}]})",
                    model_of({{"x", Dtype::kI8, {2}, nullptr}}));
  });
  EXPECT_EQ(status, 400);
  EXPECT_NE(text.find("element 1 of the data of inputs[0] is 200, expected -128..127 for INT8"), std::string::npos) << text;
}

TEST(JsonData, OfAnotherTypeOrBeyondTheShapeEndsTheParse) {
  const auto model = model_of({{"x", Dtype::kF32, {-1}, nullptr}});
  const std::string broken = ", 1, 2, 3, 4, this is never read";
  const auto refused = [&](const std::string& input) {
    return refusal_of([&] { (void)parsed_of(R"({"id": "7", "inputs": [{)" + input + broken, model); });
  };
  const auto type = refused(R"("name": "x", "shape": [2], "datatype": "FP64", "data": [0)");
  EXPECT_EQ(type.second, "[request id: 7] inference input 'x' data-type is 'FP64', but model 'm' expects 'FP32'");
  const auto more = refused(R"("shape": [2], "name": "x", "datatype": "FP32", "data": [[[0])");
  EXPECT_EQ(more.second, "[request id: 7] input byte size mismatch for input 'x' for model 'm'. Expected 8, got 12 or more");
  const auto texts = refused(R"("name": "x", "shape": [1], "datatype": "BYTES", "data": ["a", "b")");
  EXPECT_EQ(texts.second, "[request id: 7] expected 1 string elements for inference input 'x', got 2 or more");
  const auto behind = refusal_of([&] { (void)parsed_of(R"({"inputs": [{"data": [0, 1], "datatype": "FP32", "shape": [1], "name": "x"}]})", model); });
  EXPECT_NE(behind.second.find("Expected 4, got 8 or more"), std::string::npos) << behind.second;
  for (const auto& one : {type, more, texts, behind}) EXPECT_EQ(one.first, 400);
}

TEST(JsonData, OfInputsThatAreRefusedAnywayIsPassedOver) {
  const auto model = model_of({{"x", Dtype::kF32, {-1, 4}, nullptr}});
  for (const char* input : {R"("name": "q", "shape": [1, 4])", R"("name": "x", "shape": [4])", R"("name": "x", "shape": [-1, 4])",
                            R"("name": "x", "shape": [1, 2])", R"("name": "x", "shape": "1")", R"("name": "x")", R"("shape": [1, 4])"}) {
    const auto parsed = parsed_of(R"({"inputs": [{"datatype": "FP32", "data": [1, 2, 3, 4], )" + std::string(input) + "}]}", model);
    EXPECT_EQ(parsed.raw.at(0), "") << input;
  }
}

TEST(JsonData, IsCountedWhileItGrows) {
  constexpr int kElements = 1 << 20;
  std::string text = R"({"inputs": [{"name": "x", "shape": [)" + std::to_string(kElements) + R"(], "datatype": "FP64", "data": [0)";
  for (int i = 1; i < kElements; ++i) text += ",0";
  text += "]}]}";
  const auto model = model_of({{"x", Dtype::kF64, {-1}, nullptr}});
  BytesInFlight room(16 << 20);
  {
    GrowingTicket growth(room);
    EXPECT_EQ(parse_request(text, model, growth).raw.at(0).size(), size_t{8} << 20);
    EXPECT_GE(room.bytes(), 8 << 20);
    GrowingTicket another(room);
    const auto [status, reason] = refusal_of([&] { (void)parse_request(text + text, model, another); });
    EXPECT_EQ(status, 400) << "there is room for both, so that it gets to what is behind the request: " << reason;
  }
  const auto others = room.take(12 << 20);
  GrowingTicket growth(room);
  const auto [status, reason] = refusal_of([&] { (void)parse_request(text, model, growth); });
  EXPECT_EQ(status, 503);
  EXPECT_NE(reason.find("bytes already, of 16777216 at most; retry later"), std::string::npos) << reason;
}

TEST(Answers, OfRefusalsSayWhenToComeBack) {
  const auto answer_of = [](const Refusal& refusal) {
    try {
      throw refusal;
    } catch (...) { return error_in_flight(); }
  };
  using Fields = std::vector<std::pair<std::string, std::string>>;
  const auto quota = answer_of({Code::kResourceExhausted, "over the quota", 2.5e6});
  EXPECT_EQ(quota.status, 429);
  EXPECT_EQ(quota.fields, (Fields{{"Retry-After", "3"}, {"Retry-After-Ms", "2500"}}));
  EXPECT_EQ(answer_of({Code::kUnavailable, "full", 10}).fields, (Fields{{"Retry-After", "1"}, {"Retry-After-Ms", "1"}}));
  EXPECT_EQ(answer_of({Code::kPermissionDenied, "no"}).status, 403);
  EXPECT_EQ(answer_of({Code::kUnauthenticated, "no"}).status, 401);
  EXPECT_TRUE(answer_of({Code::kResourceExhausted, "out of memory"}).fields.empty());
  EXPECT_TRUE(answer_of({Code::kUnavailable, "loading is not allowed"}).fields.empty()) << "what will never do better";
}

std::string answer_to_post(int port, size_t bytes) {
  boost::asio::io_context context;
  boost::asio::ip::tcp::socket socket(context);
  socket.connect({boost::asio::ip::make_address("127.0.0.1"), static_cast<unsigned short>(port)});
  boost::asio::write(socket, boost::asio::buffer("POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: " + std::to_string(bytes) +
                                                 "\r\n\r\n" + std::string(bytes, 'x')));
  std::string answer;
  boost::system::error_code end;
  boost::asio::read(socket, boost::asio::dynamic_buffer(answer), end);
  return answer;
}

TEST(HttpServer, BodiesShareTheRoomWithWhateverElseIsInFlight) {
  const auto room = std::make_shared<BytesInFlight>(1000);
  int64_t while_served = -1;
  HttpServer server({.bytes_in_flight = room}, [&](Request&&, const Respond& respond) -> Cancel {
    while_served = room->bytes();
    respond([] { return json_response("served"); });
    return {};
  });
  EXPECT_EQ(answer_to_post(server.port(), 400).substr(0, 12), "HTTP/1.1 200");
  EXPECT_EQ(while_served, 400) << "a body is counted until its answer is written";
  {
    const auto over_grpc = room->take(700);
    const auto answer = answer_to_post(server.port(), 400);
    EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 503");
    EXPECT_NE(answer.find("bytes already, of 1000 at most; retry later"), std::string::npos) << answer;
    EXPECT_NE(answer.find("Retry-After: "), std::string::npos) << answer;
  }
  EXPECT_EQ(answer_to_post(server.port(), 400).substr(0, 12), "HTTP/1.1 200");
  server.shutdown(1e6);
  EXPECT_EQ(room->bytes(), 0);
}

TEST(HttpServer, AnswersThatNobodyReadsKeepTheirRoom) {
  constexpr int64_t kAnswer = 32 << 20;  // more than sockets take
  const auto room = std::make_shared<BytesInFlight>(kAnswer + 1000);
  HttpServer server({.bytes_in_flight = room}, [&](Request&&, const Respond& respond) -> Cancel {
    respond([] { return Response{.body = std::string(kAnswer, 'x')}; });
    return {};
  });
  const auto becomes = [&](int64_t bytes) {
    for (int i = 0; i < 500 && room->bytes() != bytes; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return room->bytes();
  };
  {
    boost::asio::io_context context;
    boost::asio::ip::tcp::socket idle(context);
    idle.connect({boost::asio::ip::make_address("127.0.0.1"), static_cast<unsigned short>(server.port())});
    boost::asio::write(idle, boost::asio::buffer(std::string("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")));
    EXPECT_EQ(becomes(kAnswer), kAnswer);
    EXPECT_EQ(answer_to_post(server.port(), 1).substr(0, 12), "HTTP/1.1 503");
  }
  EXPECT_EQ(becomes(0), 0);
  EXPECT_EQ(answer_to_post(server.port(), 1).substr(0, 12), "HTTP/1.1 200");
  server.shutdown(1e6);
}

TEST(Messages, HaveEveryFieldAndNumbersAsNumbers) {
  inference::ModelStatistics stats;
  stats.set_name("m");
  stats.set_inference_count(uint64_t{1} << 63);
  const auto json = to_json(stats);
  EXPECT_EQ(json["inference_count"], uint64_t{1} << 63);
  EXPECT_EQ(json["execution_count"], 0);
  EXPECT_EQ(json["batch_stats"], Json::array());
  EXPECT_FALSE(json.contains("inference_stats"));
}

}  // namespace
}  // namespace scissionlite::server::http
