// Real models, by the reference code before and after. The small ones always, all with SCISSIONLITE_TEST_ALL_MODELS=1.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>

#include "base/file.h"
#include "onnx/onnx.h"
#include "optimise/optimise.h"
#include "optimise/test_graphs.h"

namespace scissionlite {
namespace {

using namespace testing_graphs;

/// Paths relative to the folder that the variable names.
struct Model {
  const char* variable;
  std::string file;
  bool small = false;
};
fs::path path_of(const Model& model) {
  const char* folder = std::getenv(model.variable);
  return folder ? fs::path(folder) / model.file : fs::path();
}

std::vector<Model> models() {
  std::vector<Model> out;
  for (const char* name : {"resnet8_cifar10", "resnet20_cifar10", "mcunet_320kb", "mobilenetv2_1.0_int8"})
    out.push_back({"SCISSIONLITE_TEST_DATA", "models/" + std::string(name) + ".onnx", /*small=*/true});
  for (const char* name : {"mobilenetv1_1.0", "mobilenetv2_1.0", "mobilenetv3_large_minimalistic", "pcb_aoi_squeezenet", "resnet20_cifar10_ft",
                           "resnet50_pruned_q8w", "resnet56_cifar10", "squeezenet1.1", "squeezenet1.1_fp16"})
    out.push_back({"SCISSIONLITE_TEST_DATA", "models/" + std::string(name) + ".onnx"});
  for (const char* name :
       {"bvlc_alexnet", "densenet121", "inception_v1", "inception_v2", "resnet50", "shufflenet", "squeezenet", "vgg19", "zfnet512"})
    out.push_back({"SCISSIONLITE_ASSETS", "light/" + std::string(name) + ".onnx"});
  return out;
}

/// A few waves and some noise, so that it looks like an image more than noise does.
Tensor image_for(const ValueInfo& info) {
  Rng rng(11);
  Shape shape = info.shape;
  if (shape[0] < 0) shape[0] = 1;
  Tensor floats(Dtype::kF32, shape);
  int64_t i = 0;
  for (float& v : floats.mutable_as<float>()) {
    v = static_cast<float>(std::sin(0.1 * static_cast<double>(i % shape[3])) + std::cos(0.07 * static_cast<double>(i / shape[3] % shape[2])) +
                           0.3 * rng.normal());
    ++i;
  }
  if (info.dtype == Dtype::kF32) return floats;
  Tensor halves(Dtype::kF16, shape);
  for (int64_t k = 0; k < halves.size(); ++k)
    reinterpret_cast<uint16_t*>(halves.mutable_data())[k] = f32_to_f16(floats.as<float>()[static_cast<size_t>(k)]);
  return halves;
}

int64_t arg_max(const Tensor& t) {
  const auto floats = t.to_f32();
  const auto v = floats.as<float>();
  return std::max_element(v.begin(), v.end()) - v.begin();
}

void print_counts(const Model& model, const Graph& before, const Graph& after, const std::vector<PassReport>& reports) {
  std::cout << "[ NODES    ] " << model.file << ": " << before.nodes.size() << " -> " << after.nodes.size() << " (";
  std::map<std::string, int> rewrites;
  for (const auto& report : reports) rewrites[report.pass] += report.rewrites;
  std::string separator;
  for (const auto& [pass, count] : rewrites)
    if (count > 0) std::cout << std::exchange(separator, ", ") << pass << " " << count;
  std::cout << ")\n";
}

class RealModel : public testing::TestWithParam<Model> {};

TEST_P(RealModel, GivesTheSameAfterAllPasses) {
  const auto path = path_of(GetParam());
  if (path.empty()) GTEST_SKIP() << GetParam().variable << " is not set: no real models";
  if (!fs::exists(path)) GTEST_SKIP() << path << " is not there";
  if (!GetParam().small && !std::getenv("SCISSIONLITE_TEST_ALL_MODELS")) GTEST_SKIP() << "SCISSIONLITE_TEST_ALL_MODELS is not set: small models only";
  const Graph before = load_model(path);
  Graph after = before;
  print_counts(GetParam(), before, after, optimise(after));
  Graph paired = after;
  const int pairs = fuse_depthwise_pointwise(paired, [](const Node&, const Node&) { return true; });
  const std::vector<Tensor> inputs{image_for(before.inputs[0])};
  const auto expected = run_nodes(before, inputs)[0];
  for (const auto* graph : {&after, &paired}) {
    if (graph == &paired && pairs == 0) break;
    const auto answer = run_nodes(*graph, inputs)[0];
    EXPECT_LE(max_relative_error(answer.to_f32(), expected.to_f32()), 1e-4);
    EXPECT_EQ(arg_max(answer), arg_max(expected));
  }
}

INSTANTIATE_TEST_SUITE_P(Models, RealModel, testing::ValuesIn(models()), [](const auto& info) {
  auto name = fs::path(info.param.file).stem().string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name + "_" + std::to_string(info.index);
});

}  // namespace
}  // namespace scissionlite
