#include "onnx/onnx.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "graph/random_graph.h"
#include "graph/slice.h"
#include "onnx/convert_tensor.h"

namespace scissionlite {
namespace {

fs::path scratch(const std::string& name) {
  const auto folder = fs::temp_directory_path() / ("scissionlite_onnx_test_" + std::to_string(getpid()));
  fs::create_directories(folder);
  return folder / name;
}

/// The message of the Error of type E that `body` throws.
template <typename E, typename Body>
std::string message_of(Body&& body) {
  try {
    body();
  } catch (const E& e) { return e.what(); } catch (const std::exception& e) {
    ADD_FAILURE() << "another exception: " << e.what();
    return "";
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

#define EXPECT_HAS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

void expect_same(const Graph& a, const Graph& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.metadata, b.metadata);
  ASSERT_EQ(a.nodes.size(), b.nodes.size());
  for (size_t i = 0; i < a.nodes.size(); ++i) {
    EXPECT_EQ(a.nodes[i].op_type, b.nodes[i].op_type);
    EXPECT_EQ(a.nodes[i].inputs, b.nodes[i].inputs);
    EXPECT_EQ(a.nodes[i].outputs, b.nodes[i].outputs);
    EXPECT_EQ(a.nodes[i].attributes.size(), b.nodes[i].attributes.size());
  }
  ASSERT_EQ(a.initializers.size(), b.initializers.size());
  for (const auto& [name, tensor] : a.initializers) EXPECT_TRUE(bit_equal(tensor, b.initializers.at(name))) << name;
  ASSERT_EQ(a.inputs.size(), b.inputs.size());
  for (size_t i = 0; i < a.inputs.size(); ++i) EXPECT_EQ(a.inputs[i].shape, b.inputs[i].shape);
}

Graph every_attribute() {
  Rng rng(3);
  Graph g = random_graph(rng);
  g.metadata["scissionlite.test"] = "a \"quoted\" value";
  auto& attributes = g.nodes[0].attributes;
  attributes["i"] = int64_t{-7};
  attributes["f"] = 0.25f;
  attributes["s"] = std::string("text");
  attributes["t"] = Tensor::of<float>({2}, {1.5f, -2.f});
  attributes["is"] = std::vector<int64_t>{1, 2, 3};
  attributes["fs"] = std::vector<float>{1, 2};
  attributes["ss"] = std::vector<std::string>{"a", "b"};
  g.initializers.emplace("unused_half", Tensor(Dtype::kF16, {3}).clone());
  g.inputs[0].shape[0] = -1;
  g.inputs[0].symbols = {"batch", "", "", ""};
  return g;
}

TEST(Onnx, ImportOfExportIsTheSameGraph) {
  const Graph g = every_attribute();
  const Graph back = parse_model(serialize_model(g));
  expect_same(g, back);
  EXPECT_EQ(back.inputs[0].symbols[0], "batch");
  EXPECT_EQ(std::get<std::vector<std::string>>(back.nodes[0].attributes.at("ss")), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(serialize_model(back), serialize_model(g)) << "export must be deterministic: its bytes are a model's identity";
}

TEST(Onnx, RandomGraphsRoundTrip) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Rng rng(seed);
    const Graph g = random_graph(rng);
    expect_same(g, parse_model(serialize_model(g)));
  }
}

TEST(OnnxErrors, EveryTruncationIsRefusedOrALargerPrefixModel) {
  Rng rng(1);
  const auto bytes = serialize_model(random_graph(rng));
  int refused = 0;
  for (size_t n = 0; n < bytes.size(); ++n) try {
      (void)parse_model(std::string_view(bytes).substr(0, n), {}, "cut.onnx");
    } catch (const Error& e) {
      EXPECT_HAS(std::string(e.what()), "cut.onnx");
      ++refused;
    }
  EXPECT_GT(refused, static_cast<int>(bytes.size() * 9 / 10));
}

TEST(OnnxErrors, SaysWhatIsWrong) {
  EXPECT_HAS(message_of<ModelError>([] { (void)parse_model("", {}, "m.onnx"); }), "m.onnx is empty");
  EXPECT_HAS(message_of<ModelError>([] { (void)parse_model("GIF89a not a model", {}, "m.onnx"); }), "is not an ONNX model");
  EXPECT_HAS(message_of<ResourceError>([] { (void)load_model("/nonexistent/m.onnx"); }), "No such file");
  Graph g = every_attribute();
  g.opsets = {{"", 6}};
  EXPECT_HAS(message_of<Unsupported>([&] { (void)parse_model(serialize_model(g)); }), "opset 6; opset 7 and newer");
  g = every_attribute();
  g.nodes[3].inputs[0] = "ghost";
  EXPECT_HAS(message_of<ModelError>([&] { (void)parse_model(serialize_model(g)); }), "'ghost' is produced by no node");
  g = every_attribute();
  g.nodes[0].domain = "com.example";
  EXPECT_HAS(message_of<ModelError>([&] { (void)parse_model(serialize_model(g)); }), "'com.example', which the model does not import");
  g = every_attribute();
  g.nodes[1].inputs[0] = g.nodes.back().outputs[0];
  EXPECT_HAS(message_of<ModelError>([&] { (void)parse_model(serialize_model(g)); }), "cycle");
}

TEST(Onnx, AnInputOfNoElementsKeepsItsSize) {
  Graph g;
  g.name = "empty";
  g.opsets = {{"", 13}};
  g.inputs = {{"x", Dtype::kF32, {-1, 0, 4}, true, {}}};
  g.outputs = {{"y", Dtype::kF32, {-1, 0, 4}, true, {}}};
  g.nodes = {{"r", "Relu", "", {"x"}, {"y"}, {}, ""}};
  const auto read = parse_model(serialize_model(g));
  EXPECT_EQ(read.inputs[0].shape, (Shape{-1, 0, 4}));
  EXPECT_EQ(read.outputs[0].shape, (Shape{-1, -1, 4})) << "of what is computed, 0 may mean unknown";
}

TEST(OnnxErrors, NodesWithoutOutputsAreRefused) {
  Graph g = every_attribute();
  g.nodes.push_back({"sink", "QuantizeLinear", "", {g.outputs[0].name, g.outputs[0].name, g.outputs[0].name}, {}, {}, ""});
  EXPECT_HAS(message_of<ModelError>([&] { (void)parse_model(serialize_model(g)); }), "[QuantizeLinear 'sink'] has no output");
}

/// A model whose only weight lies in a file beside it.
fs::path with_external_weight(const std::string& location) {
  pb::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(13);
  auto& graph = *model.mutable_graph();
  graph.set_name("external");
  auto& weight = *graph.add_initializer();
  weight.set_name("w");
  weight.set_data_type(1);
  weight.add_dims(1);
  weight.set_data_location(pb::TensorProto::EXTERNAL);
  auto& entry = *weight.add_external_data();
  entry.set_key("location");
  entry.set_value(location);
  auto& node = *graph.add_node();
  node.set_op_type("Relu");
  node.add_input("w");
  node.add_output("y");
  graph.add_output()->set_name("y");
  const auto path = scratch("external.onnx");
  write_file(path, model.SerializeAsString());
  return path;
}

TEST(Onnx, ExternalDataBelongsToTheIdentity) {
  const auto path = with_external_weight("w.bin");
  write_file(scratch("w.bin"), std::string(4, 'a'));
  const auto before = model_sha256(path);
  EXPECT_EQ(before, sha256_hex(read_file(path) + "aaaa"));
  EXPECT_EQ(load_model(path).initializers.at("w").size(), 1);
  write_file(scratch("w.bin"), std::string(4, 'b'));
  EXPECT_NE(model_sha256(path), before);
}

/// Neither is opened: a device has no end, and a pipe waits for a writer.
TEST(OnnxErrors, fault_20_ExternalDataOutsideTheFolderOrInNoFile) {
  const auto refusals = [](const std::string& location, const std::string& part) {
    const auto path = with_external_weight(location);
    EXPECT_HAS(message_of<ModelError>([&] { (void)model_sha256(path); }), part);
    EXPECT_HAS(message_of<ModelError>([&] { (void)load_model(path); }), part);
  };
  refusals("/dev/zero", "tensor 'w' has its data in '/dev/zero', outside the model's folder");
  refusals("../../dev/zero", "outside the model's folder");
  refusals("absent.bin", "there is no such file beside the model");
  const auto pipe = scratch("pipe"), link = scratch("link");
  fs::remove(pipe), fs::remove(link);
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  refusals("pipe", "which is no regular file");
  fs::create_symlink("/dev/zero", link);
  refusals("link", "leads outside the model's folder");
  fs::create_directories(scratch("sub"));
  refusals("sub", "which is no regular file");
}

TEST(Onnx, IdentityChangesWithEveryByteOfTheModel) {
  Rng rng(9);
  Graph g = random_graph(rng);
  const auto path = scratch("identity.onnx");
  save_model(g, path);
  const auto before = model_sha256(path);
  EXPECT_EQ(before.size(), 64u);
  EXPECT_EQ(before, sha256_hex(read_file(path)));
  g.initializers.begin()->second = Tensor::of<float>({1}, {42.f});
  save_model(g, path);
  EXPECT_NE(model_sha256(path), before);
}

TEST(Onnx, RealModelsRoundTrip) {
  const char* data = std::getenv("SCISSIONLITE_TEST_DATA");
  if (!data) GTEST_SKIP() << "SCISSIONLITE_TEST_DATA is not set: no real models";
  int models = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(data) / "models")) {
    if (entry.path().extension() != ".onnx") continue;
    const Graph g = load_model(entry.path());
    expect_same(g, parse_model(serialize_model(g), {}, entry.path().string()));
    ++models;
  }
  EXPECT_GT(models, 5);
}

}  // namespace
}  // namespace scissionlite
