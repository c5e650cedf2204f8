// Models compiled in bf16: near float32, said by name, written and opened again, and refused where the name is none.
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/test_messages.h"
#include "engine/backends/native/compiled/compilation.h"
#include "engine/backends/native/explain.h"
#include "engine/backends/native/run_state.h"
#include "engine/backends/native/test_native.h"
#include "engine/compile_owned.h"
#include "kernels/bf16/dense.h"
#include "kernels/dense/two_four_dense.h"
#include "onnx/onnx.h"

namespace scissionlite {
namespace {

using testing_graphs::Maker;
using testing_graphs::with_output;

constexpr double kTolerance = 2e-2;  // of max|y|, for eight bits of fraction

/// Convolutions of several kinds, one of them depthwise, a residual, and a dense layer.
Graph network(int64_t batch = 1) {
  Maker m;
  const auto x = m.input({batch, 3, 24, 20});
  const auto stem = m.op("Relu", {m.conv(x, 3, 48, 3)});
  const auto deep = m.op("Relu", {m.conv(m.op("Relu", {m.conv(stem, 48, 48, 3, {{"group", int64_t{48}}})}), 48, 40, 1)});
  const auto joined = m.op("Relu", {m.op("Add", {m.conv(deep, 40, 40, 3), deep})});
  const auto flat = m.op("Flatten", {m.op("GlobalAveragePool", {joined})});
  return with_output(m, m.op("Gemm", {flat, m.weights({30, 40}), m.weights({30})}, {{"transB", int64_t{1}}}));
}

double error_of(Executable& engine, const Graph& graph) {
  const auto inputs = testing_graphs::random_inputs(graph);
  const auto expected = compile(graph, "reference")->run(inputs);
  return max_relative_error(engine.run(inputs)[0], expected[0]);
}

TEST(NativePrecision, Bf16IsNearFloat32AndSaysWhatRuns) {
  for (const int64_t batch : {1, 3})
    for (const int threads : {1, 2}) {
      const auto graph = network(batch);
      const auto engine = compile(graph, "native", {.threads = threads, .precision = "bf16"}),
                 single = compile(graph, "native", {.threads = threads});
      EXPECT_EQ(engine->info().precision, "bf16");
      EXPECT_EQ(single->info().precision, "f32");
      EXPECT_LE(error_of(*engine, graph), kTolerance);
      EXPECT_GT(error_of(*engine, graph), 1e-5) << "nothing was rounded";
      EXPECT_LE(error_of(*single, graph), 1e-5);
    }
}

TEST(NativePrecision, IsF32WhereNothingMultipliesBf16) {
  Maker m;
  const auto graph = with_output(m, m.op("Relu", {m.input({1, 3, 5, 5})}));
  EXPECT_EQ(compile(graph, "native", {.precision = "bf16"})->info().precision, "f32");
}

TEST(NativePrecision, ExplanationsShowIt) {
  const auto explanation = explain_native(network(), {.threads = 1, .precision = "bf16"}, 1);
  EXPECT_EQ(explanation.engine.precision, "bf16");
  EXPECT_TRUE(
      std::any_of(explanation.steps.begin(), explanation.steps.end(), [](const StepFacts& step) { return step.implementation == "dense bf16"; }));
  for (const auto& step : explain_native(network(), {.threads = 1}, 1).steps)
    EXPECT_EQ(step.implementation.find("bf16"), std::string::npos) << step.implementation;
}

TEST(NativePrecision, SparseProductsReadWeightsOfBf16) {
  constexpr int64_t kInputs = 200, kOutputs = 70;
  if (!kernels::TwoFourDense::pays(1, kernels::best_loops())) GTEST_SKIP() << "[SKIP] this CPU's vectors are too short for 2:4 products";
  Maker m;
  const auto w = m.weights({kOutputs, kInputs});
  auto graph = with_output(m, m.op("Gemm", {m.input({1, kInputs}), w, m.weights({kOutputs})}, {{"transB", int64_t{1}}}));
  kernels::make_two_four(graph.initializers.at(w).mutable_as<float>().data(), kOutputs, kInputs);
  const auto explanation = explain_native(graph, {.threads = 1, .precision = "bf16"}, 1);
  ASSERT_EQ(explanation.steps.size(), 1U);
  EXPECT_EQ(explanation.steps[0].implementation, "dense sparse24 bf16");
  EXPECT_EQ(explanation.engine.precision, "bf16");
  const auto engine = compile(graph, "native", {.threads = 1, .precision = "bf16"});
  EXPECT_LE(error_of(*engine, graph), kTolerance);
  EXPECT_GT(error_of(*engine, graph), 1e-5) << "nothing was rounded";
}

/// Whatever this CPU would choose: all convolutions that can be are computed in bf16.
TEST(NativePrecision, EveryConvolutionThatCanRunsInBf16) {
  const auto graph = network();
  const auto& loops = kernels::best_loops();
  const auto optimised = native::specialise(graph, native::usual_shapes(graph.inputs));
  native::Lowered notes;
  kernels::PackedInMemory packed;
  (void)native::lower(optimised, {.loops = &loops, .precision = kernels::Precision::kBf16, .store = &packed, .note = &notes});
  const auto& row = kernels::conv_implementation("bf16");
  int changed = 0;
  for (auto& [subject, decision] : notes.decisions)
    if (subject.starts_with("convolution at ") && decision.implementation != "depthwise") {
      decision = {row.name, row.usual({.c = 32, .h = 24, .w = 20, .k = 48}, loops), ""};
      ++changed;
    }
  EXPECT_GE(changed, 2);
  const auto program = std::make_shared<const native::Program>(native::lower(optimised, {.loops = &loops, .store = &packed, .repeat = &notes}));
  EXPECT_EQ(program->precision(), kernels::Precision::kBf16);
  const auto inputs = testing_graphs::random_inputs(graph);
  EXPECT_LE(max_relative_error(native::RunState(program, 1).run(inputs)[0], compile(graph, "reference")->run(inputs)[0]), kTolerance);
}

TEST(NativePrecision, CompiledModelsKeepIt) {
  const auto at = fs::temp_directory_path() / ("precision_" + std::to_string(getpid()));
  fs::create_directories(at);
  const auto graph = network();
  save_model(graph, at / "model.onnx");
  int64_t packed[2];
  for (const bool is_bf16 : {false, true}) {
    const std::string precision = is_bf16 ? "bf16" : "f32";
    const auto compiled = compile_model(graph, {.model = at / "model.onnx", .folder = at / precision, .precision = precision});
    EXPECT_EQ(load_compiled(at / precision).precision, precision);
    packed[is_bf16] = compiled.packed_bytes;
    const auto loaded = compile(load_model(at / precision), "native", {.threads = 1}),
               direct = compile(graph, "native", {.threads = 1, .precision = precision});
    EXPECT_EQ(loaded->info().precision, precision) << "a compiled model runs as it was compiled";
    const auto inputs = testing_graphs::random_inputs(graph);
    EXPECT_TRUE(bit_equal(loaded->run(inputs)[0], direct->run(inputs)[0]));
  }
  EXPECT_LT(packed[1], packed[0]);
  auto json = parse_json(read_file(at / "bf16" / kCompiledJson), "compiled.json");
  json["precision"] = "f8";
  write_json(at / "bf16" / kCompiledJson, json);
  EXPECT_NE(message_of([&] { (void)compile(load_model(at / "bf16"), "native"); }).find("unknown precision 'f8'"), std::string::npos);
  fs::remove_all(at);
}

TEST(NativePrecision, UnknownOnesAreRefusedByEveryBackend) {
  for (const auto* backend : {"native", "reference"}) {
    const auto graph = network();
    EXPECT_EQ(message_of([&] { (void)compile(graph, backend, {.precision = "fp16"}); }), "[engine] unknown precision 'fp16'; available: f32, bf16");
    EXPECT_EQ(message_of([&] { (void)compile_owned(graph, backend, {.precision = "fp16"}); }),
              "[engine] unknown precision 'fp16'; available: f32, bf16");
  }
}

}  // namespace
}  // namespace scissionlite
