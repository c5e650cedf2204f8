// Models compiled to a folder: the same answers to the bit, weights packed once, and every way in which a folder can be wrong.
#include "engine/backends/native/compiled/compiled.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>

#include "base/rng.h"
#include "base/test_messages.h"
#include "engine/backends/native/choosing/conv_problems.h"
#include "engine/backends/native/compiled/compilation.h"
#include "engine/backends/native/explain.h"
#include "engine/backends/native/test_native.h"
#include "kernels/sparse24/weights.h"
#include "kernels/vector/loops.h"
#include "onnx/onnx.h"
#include "optimise/test_graphs.h"
#include "tune/generating.h"

namespace scissionlite {
namespace {

using testing_graphs::Ints;
using testing_graphs::Maker;
using testing_graphs::with_output;

Tensor random_tensor(Shape shape) {
  Rng rng(11);
  Tensor t(Dtype::kF32, std::move(shape));
  for (float& v : t.mutable_as<float>()) v = static_cast<float>(rng.normal());
  return t;
}

/// Winograd or direct, a concatenation, a squeeze, a dense layer, and a step by the reference code.
Graph small_network(int64_t batch = 1) {
  Maker m;
  const auto x = m.input({batch, 3, 20, 20});
  const auto stem = m.op("Relu", {m.conv(x, 3, 24, 3)});
  const auto joined = m.op("Concat", {stem, m.op("Relu", {m.conv(stem, 24, 13, 3)})}, {{"axis", int64_t{1}}});
  const auto gate = m.op("HardSigmoid", {m.conv(m.op("GlobalAveragePool", {joined}), 37, 37, 1)});
  const auto flat = m.op("Flatten", {m.op("GlobalAveragePool", {m.op("Mul", {joined, gate})})});
  return with_output(m,
                     m.op("Softmax", {m.op("Gemm", {flat, m.weights({5, 37}), m.weights({5})}, {{"transB", int64_t{1}}})}, {{"axis", int64_t{1}}}));
}

/// A chain of 1x1, depthwise and 1x1 large enough to pay.
Graph chain_network() {
  Maker m;
  const auto x = m.input({1, 16, testing_native::chain_side(), testing_native::chain_side()});
  const auto wide = m.op("Relu", {m.conv(x, 16, 96, 1)});
  const auto deep = m.op("Relu", {m.conv(wide, 96, 96, 3, {{"group", int64_t{96}}})});
  return with_output(m, m.op("Add", {m.conv(deep, 96, 16, 1), x}));
}

/// Weights stored as int8, which are constants that the passes leave alone where they are large.
Graph quantized_network() {
  Maker m;
  const auto x = m.input({1, 8, 6, 6});
  Tensor w(Dtype::kI8, {40, 8, 3, 3});
  for (size_t i = 0; i < w.size_bytes(); ++i) w.mutable_as<int8_t>()[i] = static_cast<int8_t>(i * 37 % 251);
  const auto weights = m.op("DequantizeLinear", {m.constant(w), m.scalar(0.01F), m.constant(Tensor::scalar<int8_t>(1))});
  return with_output(m, m.op("Conv", {x, weights}, {{"pads", Ints{1, 1, 1, 1}}}));
}

/// Bytes from layer to layer, a residual added.
Graph byte_network() {
  Maker m;
  const auto zero = m.constant(Tensor::scalar<uint8_t>(120)), scale = m.scalar(0.05F);
  const auto bytes = [&](const std::string& x) { return m.op("DequantizeLinear", {m.op("QuantizeLinear", {x, scale, zero}), scale, zero}); };
  Tensor w(Dtype::kI8, {8, 8, 3, 3});
  for (size_t i = 0; i < w.size_bytes(); ++i) w.mutable_as<int8_t>()[i] = static_cast<int8_t>(i * 37 % 251);
  const auto weights = m.op("DequantizeLinear", {m.constant(w), m.scalar(0.01F), m.constant(Tensor::scalar<int8_t>(0))});
  const auto x = bytes(m.input({1, 8, 6, 6}));
  const auto y = bytes(m.op("Relu", {m.op("Conv", {x, weights}, {{"pads", Ints{1, 1, 1, 1}}})}));
  return with_output(m, bytes(m.op("Add", {y, x})));
}

class Compiled : public testing::Test {
 protected:
  Compiled() : at_(fs::temp_directory_path() / ("compiled_" + std::to_string(getpid()))) { fs::create_directories(at_); }
  ~Compiled() override { fs::remove_all(at_); }

  CompiledModel compile_to_folder(const Graph& graph, CompileModelOptions options = {}) {
    save_model(graph, at_ / "model.onnx");
    options.model = at_ / "model.onnx";
    options.folder = folder();
    return compile_model(graph, options);
  }
  [[nodiscard]] fs::path folder() const { return at_ / "compiled"; }
  [[nodiscard]] std::unique_ptr<Executable> load(int threads = 1) const { return compile(load_model(folder()), "native", {.threads = threads}); }
  [[nodiscard]] std::string refusal() const {
    return message_of<Error>([&] { (void)load(); });
  }

  void edit(const std::string& name, const std::function<void(Json&)>& change) const {
    auto json = parse_json(read_file(folder() / name), name);
    change(json);
    write_json(folder() / name, json);
  }
  void flip_bit(const std::string& name, size_t at) const {
    auto bytes = read_file(folder() / name);
    bytes.at(at) = static_cast<char>(bytes[at] ^ 4);
    write_file(folder() / name, bytes);
  }
  fs::path at_;
};

void expect_same(Executable& a, Executable& b, const Shape& shape) {
  const Tensor x = random_tensor(shape);
  const auto expected = a.run(std::span(&x, 1)), given = b.run(std::span(&x, 1));
  ASSERT_EQ(given.size(), expected.size());
  for (size_t i = 0; i < given.size(); ++i) EXPECT_TRUE(bit_equal(given[i], expected[i])) << max_relative_error(given[i], expected[i]);
}

TEST_F(Compiled, GivesTheSameBits) {
  for (const auto& graph : {small_network(), chain_network(), quantized_network(), byte_network()})
    for (const int threads : {1, 2}) {
      const auto compiled = compile_to_folder(graph, {.threads = threads});
      auto direct = compile(graph, "native", {.threads = threads}), loaded = load(threads);
      EXPECT_EQ(loaded->inputs()[0].shape, graph.inputs[0].shape);
      EXPECT_EQ(loaded->info().isa, direct->info().isa);
      expect_same(*direct, *loaded, graph.inputs[0].shape);
      EXPECT_EQ(compiled.programs.at(0).steps.size(), explain_native(load_model(folder()), {.threads = threads}, 1).steps.size());
    }
}

TEST_F(Compiled, KeepsTwoFourWeightsOfWindowsPacked) {
  constexpr int64_t kChannels = 64, kTaps = 9;
  const auto& loops = kernels::best_loops();
  Tensor w = random_tensor({kChannels, kChannels, 3, 3});
  kernels::make_two_four(w.mutable_as<float>().data(), kChannels, kChannels, kTaps);
  Maker m;
  const auto x = m.op("Relu", {m.input({1, kChannels, 14, 14})});
  const Graph graph = with_output(m, m.op("Conv", {x, m.constant(w)}, {{"pads", Ints{1, 1, 1, 1}}, {"strides", Ints{2, 2}}}));
  const auto problem = conv_problems(graph, 1).convs.at(0).conv.problem;
  const auto& sparse = kernels::conv_implementation("sparse24_window");
  if (const auto reason = sparse.reason_against(problem, loops); !reason.empty()) GTEST_SKIP() << "[SKIP] " << reason;
  tune::Database database;
  database.add(tune::key_of(problem, loops, 1), {sparse.name, sparse.usual(problem, loops), 1, 2, 1, "random", {}});
  tune::update_database(at_ / "tuning.json", database);
  const auto compiled = compile_to_folder(graph, {.threads = 1, .tuning = (at_ / "tuning.json").string()});
  const auto& steps = compiled.programs.at(0).steps;
  EXPECT_TRUE(std::any_of(steps.begin(), steps.end(), [](const auto& step) { return step.implementation.starts_with("sparse24_window"); }));
  const int64_t groups = kChannels * kTaps * kChannels / kernels::kTwoFourGroup;
  EXPECT_EQ(static_cast<int64_t>(fs::file_size(folder() / "weights.bin")), groups * 8 + groups / 2);
  auto direct = compile(graph, "native", {.threads = 1, .tuning = (at_ / "tuning.json").string()}), loaded = load(1);
  expect_same(*direct, *loaded, graph.inputs[0].shape);
}

/// Also when the file that they were tuned by is away.
TEST_F(Compiled, RepeatsTheTunedWaysOfBytes) {
  const auto graph = byte_network();
  const auto problem = conv_problems(graph, 1).byte_convs.at(0).problem;
  const auto& loops = kernels::best_int8_loops();
  const auto rows = kernels::int8_conv_candidates(problem, loops);
  const auto other = std::find_if(rows.begin(), rows.end(), [&](const auto* row) { return row != &kernels::usual_int8_conv(problem, loops); });
  ASSERT_NE(other, rows.end());
  tune::Database database;
  database.add(tune::key_of(problem, loops, 1), {(*other)->name, {}, 1, 2, 3, "all", {}});
  tune::update_database(at_ / "tuning.json", database);
  const auto compiled = compile_to_folder(graph, {.threads = 1, .tuning = (at_ / "tuning.json").string()});
  fs::remove(at_ / "tuning.json");
  const auto name = std::string("int8 ") + (*other)->name;
  const auto is_it = [&](const auto& step) { return step.implementation == name; };
  const auto& steps = compiled.programs.at(0).steps;
  const auto step = std::find_if(steps.begin(), steps.end(), is_it);
  ASSERT_NE(step, steps.end());
  EXPECT_NE(step->reason.find("measured: "), std::string::npos) << step->reason;
  const auto explained = explain_native(load_model(folder()), {.threads = 1}, 1).steps;
  EXPECT_TRUE(std::any_of(explained.begin(), explained.end(), is_it));
  auto direct = compile(graph, "native", {.threads = 1}), loaded = load();
  expect_same(*direct, *loaded, graph.inputs[0].shape);
}

/// A tuning database that says that a generated kernel computes the problem.
void tune_to_generated(const kernels::ConvProblem& problem, const fs::path& database) {
  const auto& loops = kernels::best_loops();
  const auto& row = kernels::conv_implementation("generated");
  tune::TuningEntry entry{row.name, row.usual(problem, loops), 1, 2, 1, "random", {}};
  tune::Generating(database, generate::default_tools()).keep(problem.text(), loops, entry);
  tune::Database found;
  found.add(tune::key_of(problem, loops, 1), entry);
  tune::update_database(database, found);
}

TEST_F(Compiled, KeepsGeneratedKernels) {
  if (const auto reason = generate::reason_against(generate::default_tools()); !reason.empty()) GTEST_SKIP() << reason;
  Maker m;
  const auto graph = with_output(m, m.conv(m.input({1, 16, 9, 8}), 16, 16, 3));
  const auto database = at_ / "tuning.json";
  tune_to_generated(conv_problems(graph, 1).convs.at(0).conv.problem, database);
  const auto compiled = compile_to_folder(graph, {.tuning = database.string()});
  EXPECT_TRUE(std::any_of(compiled.programs.at(0).steps.begin(), compiled.programs.at(0).steps.end(),
                          [](const auto& step) { return step.implementation.starts_with("generated"); }));
  fs::remove_all(database);
  fs::remove_all(tune::kernels_folder(database));

  const auto loaded = load();
  const auto reference = compile(graph, "reference");
  const Tensor x = random_tensor(graph.inputs[0].shape);
  EXPECT_LT(max_relative_error(loaded->run(std::span(&x, 1))[0], reference->run(std::span(&x, 1))[0]), 1e-5);

  const auto object = "kernels.json.d/" + fs::directory_iterator(tune::kernels_folder(folder() / "kernels.json"))->path().filename().string();
  ASSERT_NE(compiled.file(object), nullptr);
  flip_bit(object, 1000);
  EXPECT_NE(refusal().find("corrupt or exchanged"), std::string::npos) << refusal();
  fs::remove(folder() / object);
  EXPECT_NE(refusal().find(object), std::string::npos) << refusal();
}

TEST_F(Compiled, LeavesOutWhatIsPacked) {
  (void)compile_to_folder(chain_network());
  int64_t raw_bytes = 0;
  const auto graphs = parse_json(read_file(folder() / "graphs.json"), "graphs.json");
  for (const auto& weights : graphs["weights"])
    if (weights["key"].get<std::string>().starts_with("values ")) raw_bytes += weights["bytes"].get<int64_t>();
  EXPECT_LT(raw_bytes, 4096);  // biases; weights are 15,744
}

TEST_F(Compiled, SaysWhyEachStepIsDoneAsItIs) {
  const auto network = compile_to_folder(small_network());
  const auto reasons = [](const CompiledModel& compiled, const std::string& implementation) {
    for (const auto& step : compiled.programs.at(0).steps)
      if (step.implementation.starts_with(implementation)) return step.reason;
    return std::string("no such step");
  };
  EXPECT_NE(reasons(network, "direct").find("million cycles"), std::string::npos);
  EXPECT_NE(reasons(network, "reference").find("no faster code for Softmax"), std::string::npos);
  EXPECT_NE(reasons(compile_to_folder(chain_network()), "chain").find("stay in the cache"), std::string::npos);
}

TEST_F(Compiled, BatchesShareTheirWeights) {
  const auto graph = small_network(-1);
  const auto one = compile_to_folder(graph), both = compile_to_folder(graph, {.batches = {1, 3}});
  EXPECT_LT(both.packed_bytes, 2 * one.packed_bytes);
  auto direct = compile(graph, "native", {.threads = 1}), loaded = load();
  expect_same(*direct, *loaded, {1, 3, 20, 20});
  expect_same(*direct, *loaded, {3, 3, 20, 20});
  const Tensor x = random_tensor({2, 3, 20, 20});
  const auto refused = message_of<Error>([&] { (void)loaded->run(std::span(&x, 1)); });
  EXPECT_NE(refused.find("compiled for inputs of (1, 3, 20, 20); (3, 3, 20, 20), got (2, 3, 20, 20)"), std::string::npos) << refused;
}

TEST_F(Compiled, OtherBatchesComeFromAKeptModel) {
  const auto graph = small_network(-1);
  (void)compile_to_folder(graph, {.is_portable = true});
  auto direct = compile(graph, "native", {.threads = 1}), loaded = load();
  expect_same(*direct, *loaded, {2, 3, 20, 20});
}

/// The model is no part of the folder, but lies where a package has it.
TEST_F(Compiled, WhatDoesNotFitComesFromTheModelBeside) {
  const auto graph = small_network(-1);
  (void)compile_to_folder(graph);
  const auto beside = compiled_graph(folder(), at_ / "model.onnx");
  auto direct = compile(graph, "native", {.threads = 1}), loaded = compile(beside, "native", {.threads = 1});
  for (const int64_t batch : {1, 2}) expect_same(*direct, *loaded, {batch, 3, 20, 20});
  edit("compiled.json", [](Json& json) { json["build"] = "0123456789abcdef"; });
  loaded = compile(compiled_graph(folder(), at_ / "model.onnx"), "native", {.threads = 1});
  for (const int64_t batch : {1, 2}) expect_same(*direct, *loaded, {batch, 3, 20, 20});
  save_model(chain_network(), at_ / "model.onnx");
  const auto refused = message_of<Error>([&] { (void)compile(compiled_graph(folder(), at_ / "model.onnx"), "native", {.threads = 1}); });
  EXPECT_NE(refused.find("compiled was a model with"), std::string::npos) << refused;
}

TEST_F(Compiled, CarriesTheModelsMetadata) {
  auto graph = small_network();
  EXPECT_TRUE(compile_to_folder(graph).metadata.empty());
  graph.metadata = {{"scissionlite.input", "{\"width\": 20}"}, {"author", "Zo\u00eb"}};
  (void)compile_to_folder(graph);
  EXPECT_EQ(load_model(folder()).metadata, graph.metadata);
}

TEST_F(Compiled, ForEveryInstructionSet) {
  const auto graph = small_network();
  auto reference = compile(graph, "reference");
  const Tensor x = random_tensor({1, 3, 20, 20});
  const auto expected = reference->run(std::span(&x, 1))[0];
  for (const std::string isa : {"base", "avx2", "avx512", "neon"}) {
    CompiledModel compiled;
    try {
      compiled = compile_to_folder(graph, {.isa = isa});
    } catch (const InvalidArgument&) {
      continue;  // of another architecture
    }
    const auto all = kernels::all_loops();
    const bool runs = std::any_of(all.begin(), all.end(), [&](const auto* loops) { return compiled.isa == loops->isa; });
    if (!runs) {
      EXPECT_NE(refusal().find("compiled for " + compiled.isa + ", which this CPU"), std::string::npos) << refusal();
      continue;
    }
    auto loaded = load();
    EXPECT_EQ(loaded->info().isa, compiled.isa);
    EXPECT_LE(max_relative_error(loaded->run(std::span(&x, 1))[0], expected), 1e-5) << isa;
  }
  EXPECT_NE(message_of<Error>([&] { (void)compile_to_folder(graph, {.isa = "avx3"}); }).find("unknown instruction set 'avx3'"), std::string::npos);
}

TEST_F(Compiled, OfAnotherBuildIsRefusedOrCompiledAnew) {
  const auto graph = small_network();
  for (const bool is_portable : {false, true}) {
    (void)compile_to_folder(graph, {.is_portable = is_portable});
    edit("compiled.json", [](Json& json) { json["build"] = "0123456789abcdef"; });
    if (!is_portable) {
      EXPECT_NE(refusal().find("another build of ScissionLite"), std::string::npos) << refusal();
      continue;
    }
    auto direct = compile(graph, "native", {.threads = 1}), loaded = load();
    expect_same(*direct, *loaded, {1, 3, 20, 20});
    flip_bit("model.onnx", 100);
    EXPECT_NE(refusal().find("compiled was a model with"), std::string::npos) << refusal();
  }
}

TEST_F(Compiled, DamageIsFound) {
  const auto compiled = compile_to_folder(small_network());
  const auto weights = static_cast<size_t>(compiled.file("weights.bin")->bytes);
  flip_bit("weights.bin", weights - 100);
  EXPECT_NE(refusal().find("is damaged"), std::string::npos) << refusal();
  fs::resize_file(folder() / "weights.bin", weights / 2);
  EXPECT_NE(refusal().find("copied in part"), std::string::npos) << refusal();
  fs::remove(folder() / "weights.bin");
  EXPECT_NE(refusal().find("is missing"), std::string::npos) << refusal();
  (void)compile_to_folder(small_network());
  flip_bit("graphs.json", 1000);
  EXPECT_NE(refusal().find("has checksum"), std::string::npos) << refusal();
  (void)compile_to_folder(small_network());
  edit("compiled.json", [](Json& json) { json.erase("isa"); });
  EXPECT_NE(refusal().find("'isa' is missing"), std::string::npos) << refusal();
  edit("compiled.json", [](Json& json) { json["schema"] = "scissionlite.plan/1"; });
  EXPECT_NE(refusal().find("scissionlite.compiled/1"), std::string::npos) << refusal();
  write_file(folder() / "compiled.json", "{");
  EXPECT_NE(refusal().find("not valid JSON"), std::string::npos) << refusal();
  fs::remove(folder() / "compiled.json");
  EXPECT_NE(refusal().find("is a folder without compiled.json"), std::string::npos) << refusal();
}

TEST_F(Compiled, WeightsOfAnotherModelAreRefused) {
  (void)compile_to_folder(chain_network());
  fs::rename(folder() / "weights.bin", at_ / "other.bin");
  (void)compile_to_folder(small_network());
  fs::rename(at_ / "other.bin", folder() / "weights.bin");
  EXPECT_FALSE(refusal().empty());
}

TEST_F(Compiled, ReplacesACompiledModelAndNothingElse) {
  (void)compile_to_folder(chain_network());
  EXPECT_EQ(compile_to_folder(small_network()).model_name, "model");
  fs::remove(folder() / "compiled.json");
  EXPECT_NE(message_of<Error>([&] { (void)compile_to_folder(small_network()); }).find("is no compiled model"), std::string::npos);
  EXPECT_TRUE(fs::exists(folder() / "weights.bin"));
  EXPECT_NE(message_of<Error>([&] {
              (void)compile_model(small_network(-1), {.model = at_ / "model.onnx", .folder = at_ / "new", .batches = {2}, .isa = "avx3"});
            }).find("avx3"),
            std::string::npos);
  EXPECT_NE(message_of<Error>([&] {
              (void)compile_model(small_network(), {.model = at_ / "model.onnx", .folder = at_ / "new", .batches = {2}});
            }).find("leave --batch out"),
            std::string::npos);
  EXPECT_FALSE(fs::exists(at_ / "new"));
}

TEST_F(Compiled, AFullDiskLeavesNothing) {
  save_model(small_network(), at_ / "model.onnx");
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{.rlim_cur = 8192, .rlim_max = before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  const auto message = message_of<Error>([&] { (void)compile_model(small_network(), {.model = at_ / "model.onnx", .folder = folder()}); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_NE(message.find("cannot write"), std::string::npos) << message;
  EXPECT_EQ(std::distance(fs::directory_iterator(at_), fs::directory_iterator()), 1) << "the model alone";
}

TEST_F(Compiled, OtherEnginesSayWhatTheyCannotRun) {
  (void)compile_to_folder(small_network());
  const auto graph = load_model(folder());
  EXPECT_NE(message_of<Error>([&] { (void)compile(graph, "reference"); }).find("CompiledModel"), std::string::npos);
  EXPECT_EQ(model_sha256(folder()), model_sha256(at_ / "model.onnx"));
}

}  // namespace
}  // namespace scissionlite
