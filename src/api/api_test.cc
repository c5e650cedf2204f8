// The public header's promises on a small model: the whole road, the documents, the errors. Answers are compared with the
// reference engine on the uncut model.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/file.h"
#include "engine/engine.h"
#include "onnx/onnx.h"
#include "scissionlite/scissionlite.h"
#include "vision/input_spec.h"
#include "vision/test_images.h"

namespace {

namespace sl = scissionlite::api;
using scissionlite::Graph;
using scissionlite::Node;
using scissionlite::Tensor;
using sl::ErrorCode;

Node node(const std::string& op, const std::string& input, const std::string& output) {
  return {.name = op, .op_type = op, .domain = "", .inputs = {input}, .outputs = {output}, .attributes = {}, .doc = ""};
}

/// x (1, 3, 8, 8) -> Relu -> Sigmoid -> GlobalAveragePool -> Mul -> y (1, 3, 1, 1): the class is the image's strongest colour.
Graph small_model() {
  Graph g;
  g.name = "small";
  g.opsets = {{"", 13}};
  g.inputs = {{.name = "x", .dtype = scissionlite::Dtype::kF32, .shape = {1, 3, 8, 8}, .has_shape = true, .symbols = {}}};
  g.outputs = {{.name = "y", .dtype = scissionlite::Dtype::kF32, .shape = {1, 3, 1, 1}, .has_shape = true, .symbols = {}}};
  g.initializers["gain"] = Tensor::of<float>({1, 3, 1, 1}, {1.0F, 1.5F, 1.25F});
  g.nodes = {node("Relu", "x", "a"), node("Sigmoid", "a", "b"), node("GlobalAveragePool", "b", "c"), node("Mul", "c", "y")};
  g.nodes.back().inputs.emplace_back("gain");
  return g;
}

template <typename Body>
std::string message_of(ErrorCode code, Body&& body) {
  try {
    body();
  } catch (const sl::Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    return e.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

class Api : public ::testing::Test {
 protected:
  Api() {
    std::filesystem::create_directories(folder_ / "images");
    scissionlite::save_model(small_model(), folder_ / "small.onnx");
    write(folder_ / "small.input.json",
          R"({"schema": "scissionlite.input/1", "width": 8, "height": 8, "resize": "stretch", "crop": "none", "labels": ["red", "green", "blue"]})");
    for (uint64_t i = 0; i < 8; ++i) {
      images_.push_back(scissionlite::vision::testing::noise(8, 8, i));
      write(folder_ / "images" / (std::to_string(i) + ".png"), scissionlite::vision::encode(images_.back(), "png"));
    }
  }
  ~Api() override { std::filesystem::remove_all(folder_); }
  static void write(const sl::Path& file, const std::string& bytes) { std::ofstream(file, std::ios::binary) << bytes; }
  [[nodiscard]] sl::Model model() const { return sl::Model::load(folder_ / "small.onnx"); }
  [[nodiscard]] std::vector<std::string> image_folder() const { return {(folder_ / "images").string()}; }
  [[nodiscard]] std::string image(int index) const { return (folder_ / "images" / (std::to_string(index) + ".png")).string(); }

  /// y of the uncut model by the reference engine.
  [[nodiscard]] std::vector<float> expected(int index) const {
    const auto graph = small_model();
    const auto spec = scissionlite::vision::load_input_spec(folder_ / "small.input.json");
    const std::vector<Tensor> input{scissionlite::vision::preprocess(images_[static_cast<size_t>(index)], spec)};
    const auto executable = scissionlite::compile(graph, "reference");
    const auto outputs = executable->run(input);
    return {outputs[0].as<float>().begin(), outputs[0].as<float>().end()};
  }
  void expect_answer(const sl::Answer& answer, int index, float tolerance) const {
    ASSERT_EQ(answer.error, "");
    ASSERT_EQ(answer.outputs.size(), 1u);
    EXPECT_EQ(answer.outputs[0].shape, (std::vector<int64_t>{1, 3, 1, 1}));
    const auto wanted = expected(index);
    ASSERT_EQ(answer.outputs[0].values.size(), wanted.size());
    for (size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(answer.outputs[0].values[i], wanted[i], tolerance);
    const auto best = std::max_element(wanted.begin(), wanted.end()) - wanted.begin();
    EXPECT_EQ(answer.top.at(0).index, best);
    EXPECT_EQ(answer.top.at(0).label, (std::vector<std::string>{"red", "green", "blue"})[static_cast<size_t>(best)]);
    EXPECT_NEAR(answer.device_us + answer.wire_us + answer.edge_us, answer.latency_us, 0.02 * answer.latency_us + 50);
  }

  sl::Path folder_ = sl::Path(::testing::TempDir()) / ("api-" + std::to_string(getpid()));
  std::vector<scissionlite::vision::Image> images_;
};

TEST_F(Api, CutsCarryShapesBytesAndWork) {
  const auto m = model();
  const auto cuts = m.cuts();
  ASSERT_EQ(cuts.size(), 3u);
  EXPECT_EQ(cuts[0].tensors, std::vector<std::string>{"a"});
  EXPECT_EQ(cuts[0].shapes, (std::vector<std::vector<int64_t>>{{1, 3, 8, 8}}));
  EXPECT_EQ(cuts[0].dtypes, std::vector<std::string>{"float32"});
  EXPECT_EQ(cuts[0].bytes, 3 * 8 * 8 * 4);
  EXPECT_EQ(cuts[2].bytes, 3 * 4);
  EXPECT_LE(cuts[0].head_macs, cuts[2].head_macs);
  EXPECT_LE(cuts[2].head_macs, m.macs());
  EXPECT_EQ(m.sha256().size(), 64u);
  EXPECT_EQ(m.path(), folder_ / "small.onnx");
}

TEST_F(Api, TheWholeRoadGivesTheUncutModelsAnswers) {
  const auto m = model();
  const auto scores = sl::score(
      m, {.images = image_folder(), .fit_images = "2", .cuts = {"all"}, .transfer_layers = {"fp32", "uint8"}, .codecs = {"png"}, .threads = 1});
  ASSERT_EQ(scores.rows().size(), 1u + 1u + 3u * 2u);  // local, edge/png, three cuts by two transfer layers
  for (const auto& row : scores.rows()) EXPECT_EQ(row.images, 6) << row.candidate;

  const auto device = sl::profile(m, scores, {.machine = "device", .threads = 1, .budget_us = 1e6, .pause_us = 0});
  const auto edge = sl::profile(m, scores, {.machine = "edge", .threads = 1, .budget_us = 1e6, .pause_us = 0});
  EXPECT_GT(device.whole_us(), 0);
  EXPECT_EQ(edge.machine(), "edge");
  const auto network = sl::Network::of(1000, 1e6, 1e6);
  const auto plan = sl::plan(device, edge, network, &scores, {.require = {"machine edge"}, .forbid = {"images leaving"}});
  EXPECT_TRUE(plan.chosen().is_feasible);
  EXPECT_EQ(plan.chosen().key.substr(0, 6), "split/");
  EXPECT_GT(plan.chosen().latency_us, 1000) << "a round trip of 1 ms is in it";
  EXPECT_FALSE(plan.families().empty());

  const auto made = sl::prepare(m, plan.chosen().key,
                                {.package = folder_ / "device", .repository = folder_ / "repository", .images = image_folder(), .threads = 1});
  EXPECT_EQ(made.candidate, plan.chosen().key);
  sl::Edge server({.repositories = {folder_ / "repository"}, .threads = 1});
  EXPECT_EQ(server.models(), std::vector<std::string>{made.served_name});
  sl::Device client(folder_ / "device", {.edge = server.address(), .threads = 1});
  EXPECT_EQ(client.edge_problem(), "");
  for (int i = 0; i < 3; ++i) {
    const auto answer = client.run(image(i));
    EXPECT_TRUE(answer.is_from_edge) << answer.note;
    EXPECT_EQ(answer.sent_bytes, made.wire_bytes);
    expect_answer(answer, i, 2e-3F);
  }
  server.stop();
  server.stop();
  const auto alone = client.run(image(0));
  EXPECT_FALSE(alone.is_from_edge);
  EXPECT_NE(alone.note, "");
  expect_answer(alone, 0, 2e-3F);
}

TEST_F(Api, CompiledHalvesGiveTheUncutModelsAnswers) {
  const auto m = model();
  const sl::CompileFor narrow{.isa = "base"};
  sl::prepare(m, "split/" + m.cuts()[0].id + "/fp32",
              {.package = folder_ / "device",
               .repository = folder_ / "repository",
               .threads = 1,
               .compile_device = narrow,
               .compile_edge = narrow,
               .edge_batches = {1, 4}});
  EXPECT_TRUE(std::filesystem::exists(folder_ / "device" / "head.compiled" / "compiled.json"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "repository" / "small_tail" / "1" / "model.compiled" / "compiled.json"));
  for (const std::string engine : {"native", "reference"}) {
    sl::Edge server({.repositories = {folder_ / "repository"}, .engine = engine, .threads = 1});
    sl::Device client(folder_ / "device", {.edge = server.address(), .engine = engine, .threads = 1});
    const auto answer = client.run(image(0));
    EXPECT_TRUE(answer.is_from_edge) << answer.note;
    expect_answer(answer, 0, 1e-5F);
    server.stop();
    expect_answer(client.run(image(0)), 0, 1e-5F);
  }
  EXPECT_NE(
      message_of(ErrorCode::kInvalidArgument,
                 [&] { sl::prepare(m, "local", {.package = folder_ / "other", .threads = 1, .compile_device = sl::CompileFor{.isa = "avx3"}}); })
          .find("avx3"),
      std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "other"));
}

TEST_F(Api, PixelsAndFilesGiveTheSameAnswer) {
  sl::prepare(model(), "local", {.package = folder_ / "device", .threads = 1});
  sl::Device device(folder_ / "device", {.top = 2, .threads = 1});
  const auto from_file = device.run(image(3)), from_pixels = device.run(images_[3].rgb, 8, 8);
  expect_answer(from_file, 3, 1e-5F);
  expect_answer(from_pixels, 3, 1e-5F);
  EXPECT_EQ(from_file.top.size(), 2u);
  EXPECT_EQ(from_file.outputs[0].values, from_pixels.outputs[0].values);
  EXPECT_EQ(from_file.sent_bytes, 0);
  const auto text = message_of(ErrorCode::kInvalidArgument, [&] { (void)device.run(images_[3].rgb, 8, 9); });
  EXPECT_EQ(text, "[device] got 192 bytes for 8 x 9 pixels, expected width * height * 3 (8-bit RGB)");
  EXPECT_NE(device.run(folder_ / "none.png").error, "");
  EXPECT_NE(device.run(folder_ / "small.onnx").error, "") << "no image";
}

TEST_F(Api, APackageOfSeveralPlansIsAnsweredByOneOfThem) {
  const auto m = model();
  const std::string split = "split/" + m.cuts()[0].id + "/fp32";
  const auto made =
      sl::prepare(m, split, {.package = folder_ / "device", .repository = folder_ / "repository", .threads = 1, .also = {"local", "edge/png"}});
  EXPECT_EQ(made.candidate, split);
  ASSERT_EQ(made.also.size(), 2U);
  EXPECT_EQ(made.also[0].candidate, "local");
  EXPECT_EQ(made.also[1].candidate, "edge/png");
  EXPECT_NE(made.also[1].served_name, made.served_name);
  sl::Edge server({.repositories = {folder_ / "repository"}, .threads = 1});
  EXPECT_EQ(server.models().size(), 2U);
  sl::Device client(folder_ / "device", {.edge = server.address(), .threads = 1, .dwell_us = 1e3});
  EXPECT_EQ(client.edge_problem(), "");
  for (int i = 0; i < 24; ++i) {
    const auto answer = client.run(image(i % 8));
    EXPECT_TRUE(answer.plan == split || answer.plan == "local" || answer.plan == "edge/png") << answer.plan;
    expect_answer(answer, i % 8, 2e-3F);
  }
  server.stop();
  expect_answer(client.run(image(0)), 0, 2e-3F);
  EXPECT_NE(
      message_of(ErrorCode::kInvalidArgument, [&] { sl::prepare(m, split, {.repository = folder_ / "other", .threads = 1, .also = {"local"}}); })
          .find("--also"),
      std::string::npos);
  auto other = small_model();
  other.initializers["gain"] = Tensor::of<float>({1, 3, 1, 1}, {2.0F, 1.5F, 1.25F});
  scissionlite::save_model(other, folder_ / "other.onnx");
  std::filesystem::copy_file(folder_ / "small.input.json", folder_ / "other.input.json");
  sl::prepare(sl::Model::load(folder_ / "other.onnx"), "local", {.package = folder_ / "device" / "also" / "other", .threads = 1});
  EXPECT_NE(message_of(ErrorCode::kInvalidArgument, [&] { sl::Device(folder_ / "device", {.edge = server.address(), .threads = 1}); })
                .find("further plans"),
            std::string::npos);
}

TEST_F(Api, AModelThatFindsOneClassGivesItsVerdict) {
  write(
      folder_ / "small.input.json",
      R"({"schema": "scissionlite.input/1", "width": 8, "height": 8, "resize": "stretch", "crop": "none", "labels": ["red", "green", "blue"], "decision": {"positive": 2, "threshold": 0.3}})");
  sl::prepare(model(), "local", {.package = folder_ / "device", .threads = 1});
  sl::Device device(folder_ / "device", {.threads = 1});
  const auto answer = device.run(images_[0].rgb, 8, 8);
  EXPECT_EQ(answer.plan, "local");
  ASSERT_TRUE(answer.verdict.has_value());
  EXPECT_EQ(answer.verdict->threshold, 0.3);
  EXPECT_EQ(answer.verdict->is_positive, answer.verdict->share >= 0.3);
}

TEST_F(Api, DocumentsComeBackAsTheyWereSaved) {
  const auto scores = sl::score(model(), {.images = image_folder(), .cuts = {"none"}, .codecs = {"raw"}, .threads = 1});
  scores.save(folder_ / "scores.json");
  EXPECT_EQ(sl::Scores::load(folder_ / "scores.json").json(), scores.json());
  const auto network = sl::Network::of(27400, 58.8e6, 20e6);
  network.save(folder_ / "network.json");
  const auto read = sl::Network::load(folder_ / "network.json");
  EXPECT_EQ(read.json(), network.json());
  EXPECT_EQ(read.rtt_us(), 27400);
  EXPECT_EQ(read.up_bps(), 58.8e6);
  EXPECT_EQ(read.down_bps(), 20e6);
  EXPECT_EQ(scissionlite::read_file(folder_ / "network.json"), network.json());
}

TEST_F(Api, ErrorsCarryTheirCode) {
  EXPECT_NE(message_of(ErrorCode::kResource, [&] { (void)sl::Model::load(folder_ / "none.onnx"); }).find("none.onnx"), std::string::npos);
  write(folder_ / "broken.onnx", "not a model");
  (void)message_of(ErrorCode::kModel, [&] { (void)sl::Model::load(folder_ / "broken.onnx"); });
  (void)message_of(ErrorCode::kResource, [&] { (void)sl::Plan::load(folder_ / "plan.json"); });
  sl::Network::of(1, 1, 1).save(folder_ / "network.json");
  EXPECT_NE(message_of(ErrorCode::kInvalidArgument, [&] { (void)sl::Plan::load(folder_ / "network.json"); }).find("scissionlite.plan"),
            std::string::npos);
  (void)message_of(ErrorCode::kInvalidArgument, [] { (void)sl::Network::of(1, 0, 1); });
  (void)message_of(ErrorCode::kInvalidArgument, [&] { (void)model().cuts(17); });
  (void)message_of(ErrorCode::kInvalidArgument, [&] { sl::prepare(model(), "split/a/fp32", {}); });
  (void)message_of(ErrorCode::kInvalidArgument, [&] { sl::prepare(model(), "spilt/a/fp32", {.package = folder_ / "p"}); });
  (void)message_of(ErrorCode::kInvalidArgument, [&] { sl::Device(folder_ / "p", {}); });
  (void)message_of(ErrorCode::kInvalidArgument, [] { sl::Edge({}); });
  (void)message_of(ErrorCode::kInvalidArgument, [&] { sl::Edge({.repositories = {folder_ / "none"}}); });
  (void)message_of(ErrorCode::kInvalidArgument, [&] { (void)sl::list_images({(folder_ / "none").string()}); });
}

TEST_F(Api, NobodyAtTheEdgeIsARetryableTransportError) {
  try {
    (void)sl::probe("127.0.0.1:1", 1e5);
    FAIL() << "nothing was thrown";
  } catch (const sl::Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kTransport);
    EXPECT_TRUE(e.is_retryable());
  }
}

TEST_F(Api, APortThatIsTakenIsAResourceError) {
  sl::prepare(model(), "edge/png", {.package = folder_ / "device", .repository = folder_ / "repository", .images = image_folder(), .threads = 1});
  const sl::Edge first({.repositories = {folder_ / "repository"}, .threads = 1});
  const int port = std::stoi(first.address().substr(first.address().find(':') + 1));
  EXPECT_NE(message_of(ErrorCode::kResource, [&] { sl::Edge({.repositories = {folder_ / "repository"}, .port = port, .threads = 1}); })
                .find(std::to_string(port)),
            std::string::npos);
}

}  // namespace
