// Real models on every backend against each other: the reference code is checked by two independent runtimes.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <iostream>
#include <map>

#include "base/rng.h"
#include "engine/backends/native/test_native.h"
#include "engine/engine.h"
#include "graph/slice.h"
#include "onnx/onnx.h"
#include "ops/cut_cost.h"
#include "ops/ops.h"

namespace scissionlite {
namespace {

fs::path models_folder() {
  const char* data = std::getenv("SCISSIONLITE_TEST_DATA");
  return data ? fs::path(data) / "models" : fs::path();
}

Tensor random_input(const ValueInfo& info) {
  Rng rng(11);
  Shape shape = info.shape;
  if (shape[0] < 0) shape[0] = 1;
  Tensor t(info.dtype, shape);
  // smooth enough to look like an image: a few random waves
  const double a = rng.uniform(0.02, 0.2), b = rng.uniform(0.02, 0.2);
  for (int64_t i = 0; i < t.size(); ++i) {
    const auto v = static_cast<float>(std::sin(a * static_cast<double>(i % shape[3])) + std::cos(b * static_cast<double>(i / shape[3] % shape[2])) +
                                      0.3 * rng.normal());
    if (info.dtype == Dtype::kF16) reinterpret_cast<uint16_t*>(t.mutable_data())[i] = f32_to_f16(v);
    else t.mutable_as<float>()[static_cast<size_t>(i)] = v;
  }
  return t;
}

int64_t arg_max(const Tensor& t) {
  const auto f = t.to_f32();
  const auto v = f.as<float>();
  return std::max_element(v.begin(), v.end()) - v.begin();
}

/// Models that a backend does not take, and why.
const std::map<std::pair<std::string, std::string>, std::string> kRefused{
    {{"openvino", "mobilenetv2_1.0_int8"}, "QLinearGlobalAveragePool and its like, of com.microsoft"}};

class RealModel : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (models_folder().empty()) GTEST_SKIP() << "SCISSIONLITE_TEST_DATA is not set: no real models";
    graph_ = load_model(models_folder() / (std::string(GetParam()) + ".onnx"));
  }
  Graph graph_;
};

TEST_P(RealModel, ReferenceAgreesWithTheRuntimes) {
  const Tensor x = random_input(graph_.inputs[0]);
  const Tensor expected = compile(graph_, "reference")->run(std::span(&x, 1))[0];
  const bool half = graph_.inputs[0].dtype == Dtype::kF16;
  for (const auto& backend : backend_names()) {
    if (backend == "reference") continue;
    try {
      (void)make_backend(backend);
    } catch (const Unsupported& e) {
      std::cout << "[ NOTE     ] " << e.what() << "\n";
      continue;
    }
    if (const auto refused = kRefused.find({backend, GetParam()}); refused != kRefused.end()) {
      EXPECT_THROW((void)compile(graph_, backend), Unsupported) << backend << ": " << refused->second << "; if it takes it now, strike it off";
      continue;
    }
    const Tensor answer = compile(graph_, backend)->run(std::span(&x, 1))[0];
    const double error = max_relative_error(answer.to_f32(), expected.to_f32());
    const bool quantised = std::string(GetParam()).find("int8") != std::string::npos;
    EXPECT_LE(error, quantised ? 0.08 : half ? 2e-2 : 1e-4) << backend;  // one step of the int8 output is 0.6 % to 3 % of its range
    EXPECT_EQ(arg_max(answer), arg_max(expected)) << backend;
  }
}

TEST_P(RealModel, NativeReadsNothingThatItHasNotWritten) {
  const Tensor x = random_input(graph_.inputs[0]);
  const auto expected = compile(graph_, "native", {.threads = 1})->run(std::span(&x, 1));
  const auto got = testing_native::run_in_used_memory(graph_, std::span(&x, 1), 1);
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(bit_equal(got[i], expected[i])) << graph_.outputs[i].name;
}

TEST_P(RealModel, InferredShapesAreThoseThatRun) {
  Graph graph = with_batch(graph_, 1);
  graph.values.clear();
  ops::infer_shapes(graph);
  Graph all = graph;
  all.outputs.clear();
  for (const auto& node : graph.nodes)
    for (const auto& output : node.outputs) {
      const auto info = graph.find_value(output);
      ASSERT_TRUE(info && info->has_shape) << node.label();
      all.outputs.push_back(*info);
    }
  const Tensor x = random_input(graph.inputs[0]);
  const auto values = compile(all, "reference")->run(std::span(&x, 1));
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(values[i].shape(), all.outputs[i].shape) << all.outputs[i].name;
    EXPECT_EQ(values[i].dtype(), all.outputs[i].dtype) << all.outputs[i].name;
  }
}

TEST_P(RealModel, HasCutsWithCosts) {
  const auto cuts = ops::find_costed_cuts(graph_);
  ASSERT_GT(cuts.size(), 5u);
  const int64_t total = ops::total_macs(graph_);
  EXPECT_GT(total, 1000000);
  for (const auto& cut : cuts) {
    EXPECT_GE(cut.head_macs, 0);
    EXPECT_LE(cut.head_macs, total);
    EXPECT_GT(cut.bytes, 0) << cut.id;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, RealModel,
                         testing::Values("mobilenetv2_1.0", "squeezenet1.1", "squeezenet1.1_fp16", "mobilenetv1_1.0", "mobilenetv2_1.0_int8",
                                         "mobilenetv3_large_minimalistic", "mcunet_320kb", "resnet50_pruned_q8w", "resnet20_cifar10",
                                         "resnet56_cifar10", "resnet8_cifar10", "pcb_aoi_squeezenet"));

}  // namespace
}  // namespace scissionlite
