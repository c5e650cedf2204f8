#include "engine/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/clock.h"
#include "base/rng.h"
#include "engine/wrappers.h"
#include "engine/zero_inputs.h"
#include "graph/cuts.h"
#include "graph/random_graph.h"
#include "graph/slice.h"

namespace scissionlite {
namespace {

Tensor random_input(Rng& rng, Shape shape) {
  Tensor t(Dtype::kF32, std::move(shape));
  for (float& v : t.mutable_as<float>()) v = static_cast<float>(rng.normal());
  return t;
}

class EveryBackend : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    try {
      (void)make_backend(GetParam());
    } catch (const Unsupported& e) { GTEST_SKIP() << e.what(); }
  }
};

TEST_P(EveryBackend, HeadAndTailEqualTheWholeAtEveryCut) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    Rng rng(seed);
    const Graph g = random_graph(rng, {.nodes = 14});
    const Tensor x = random_input(rng, g.inputs[0].shape);
    const Tensor expected = compile(g, GetParam())->run(std::span(&x, 1))[0].clone();
    int tried = 0;
    for (const auto& cut : find_cuts(g)) {
      if (++tried > 6) break;
      const auto slices = cut_graph(g, cut.tensors);
      auto head = compile(slices.head, GetParam());
      const auto crossing = head->run(std::span(&x, 1));
      const auto answer = compile(slices.tail, GetParam())->run(crossing)[0];
      EXPECT_LE(max_relative_error(answer, expected), 1e-5) << "seed " << seed << " cut " << cut.id;
    }
  }
}

TEST_P(EveryBackend, RefusesInputsThatDoNotFit) {
  Rng rng(4);
  const Graph g = random_graph(rng);
  auto executable = compile(g, GetParam());
  const Tensor wrong(Dtype::kF32, {1, 4, 5, 6});
  try {
    (void)executable->run(std::span(&wrong, 1));
    FAIL();
  } catch (const InvalidArgument& e) {
    EXPECT_NE(std::string(e.what()).find("got float32 (1, 4, 5, 6), expected float32 (1, 4, 5, 5)"), std::string::npos) << e.what();
  }
}

TEST_P(EveryBackend, DynamicBatchGivesEachImageItsOwnAnswer) {
  Rng rng(5);
  Graph g = random_graph(rng, {.nodes = 10});
  for (auto* list : {&g.inputs, &g.outputs})
    for (auto& info : *list) info.shape[0] = -1;
  g.values.clear();
  auto executable = compile(g, GetParam());
  const Tensor batch = random_input(rng, {3, 4, 5, 5});
  const Tensor together = executable->run(std::span(&batch, 1))[0].clone();
  for (int64_t i = 0; i < 3; ++i) {
    const Tensor one = Tensor::of<float>({1, 4, 5, 5}, batch.as<float>().subspan(static_cast<size_t>(i) * 100, 100));
    const Tensor answer = executable->run(std::span(&one, 1))[0];
    const Tensor expected = Tensor::of<float>({1, 4, 5, 5}, together.as<float>().subspan(static_cast<size_t>(i) * 100, 100));
    EXPECT_LE(max_relative_error(answer, expected), 1e-6) << i;
  }
}

TEST_P(EveryBackend, ClonesRunOnTheirOwn) {
  Rng rng(6);
  const Graph g = random_graph(rng);
  auto a = compile(g, GetParam());
  auto b = a->clone();
  const Tensor x = random_input(rng, g.inputs[0].shape), y = random_input(rng, g.inputs[0].shape);
  const Tensor ax = a->run(std::span(&x, 1))[0].clone();
  (void)b->run(std::span(&y, 1));
  EXPECT_TRUE(bit_equal(a->run(std::span(&x, 1))[0], ax));
}

/// Sums of two products of such codes pass 16 bits, in which a CPU without VNNI adds them.
TEST_P(EveryBackend, CodesOfEightBitsAreExact) {
  if (GetParam() == "onnxruntime") GTEST_SKIP() << "it saturates without VNNI unless session.x64quantprecision is set";
  Rng rng(7);
  Graph g;
  g.name = "codes";
  g.opsets = {{"", 13}};
  g.inputs = {{"x", Dtype::kF32, {1, 16, 6, 6}, true, {}}};
  g.outputs = {{"y", Dtype::kF32, {1, 8, 6, 6}, true, {}}};
  Tensor codes(Dtype::kI8, {8, 16, 3, 3});
  for (auto& code : codes.mutable_as<int8_t>()) code = static_cast<int8_t>(100 + rng.uniform() * 27);
  g.initializers = {{"step", Tensor::scalar(1 / 255.0f)},
                    {"zero", Tensor::scalar<uint8_t>(0)},
                    {"codes", codes},
                    {"scale", Tensor::scalar(1 / 127.0f)},
                    {"w_zero", Tensor::scalar<int8_t>(0)}};
  g.nodes = {{"q", "QuantizeLinear", "", {"x", "step", "zero"}, {"xq"}, {}, ""},
             {"d", "DequantizeLinear", "", {"xq", "step", "zero"}, {"xd"}, {}, ""},
             {"w", "DequantizeLinear", "", {"codes", "scale", "w_zero"}, {"wd"}, {}, ""},
             {"c", "Conv", "", {"xd", "wd"}, {"y"}, {{"pads", std::vector<int64_t>{1, 1, 1, 1}}}, ""}};
  Tensor x(Dtype::kF32, {1, 16, 6, 6});
  for (float& v : x.mutable_as<float>()) v = static_cast<float>(200 + std::floor(rng.uniform() * 56)) / 255;
  const Tensor expected = compile(g, "reference")->run(std::span(&x, 1))[0].clone();
  EXPECT_LE(max_relative_error(compile(g, GetParam())->run(std::span(&x, 1))[0], expected), 1e-4);
  Tensor floats(Dtype::kF32, codes.shape());
  std::transform(codes.as<int8_t>().begin(), codes.as<int8_t>().end(), floats.mutable_as<float>().begin(),
                 [](int8_t code) { return static_cast<float>(code) / 127; });
  g.initializers.erase("codes");
  g.initializers.emplace("floats", floats);
  g.nodes.insert(g.nodes.begin(), {"quantise_w", "QuantizeLinear", "", {"floats", "scale", "w_zero"}, {"codes"}, {}, ""});
  EXPECT_LE(max_relative_error(compile(g, GetParam())->run(std::span(&x, 1))[0], expected), 1e-4) << "weights that are quantised in the graph";
}

/// Why the graph is not compiled; "" where it is.
std::string unsupported(const Graph& graph, const std::string& backend) {
  try {
    (void)compile(graph, backend);
  } catch (const Unsupported& e) { return e.what(); }
  return "";
}

/// An answer by the batch's own statistics would depend on who else asks.
TEST_P(EveryBackend, RefusesBatchNormalizationThatTrains) {
  if (GetParam() == "onnxruntime") GTEST_SKIP() << "it computes that";
  for (const int64_t opset : {9, 15}) {
    Graph g;
    g.opsets = {{"", opset}};
    g.inputs = {{"x", Dtype::kF32, {2, 3, 4, 4}, true, {}}};
    g.outputs = {{"y", Dtype::kF32, {2, 3, 4, 4}, true, {}}};
    for (const char* name : {"s", "b", "m", "v"}) g.initializers[name] = Tensor::of<float>({3}, {1, 2, 3});
    g.nodes = {{"bn", "BatchNormalization", "", {"x", "s", "b", "m", "v"}, {"y", "a", "c"}, {}, ""}};
    if (opset == 15) g.nodes[0].attributes["training_mode"] = int64_t{1};
    const auto why = unsupported(g, GetParam());
    EXPECT_NE(why.find("[BatchNormalization 'bn']"), std::string::npos) << opset << ": " << why;
    EXPECT_NE(why.find("the batch's own statistics"), std::string::npos) << opset << ": " << why;
    g.nodes[0].outputs = {"y"}, g.nodes[0].attributes.clear();
    EXPECT_EQ(unsupported(g, GetParam()), "") << opset;
  }
}

TEST_P(EveryBackend, TellsThatItGivesNoIndicesOfMaxPool) {
  if (GetParam() == "onnxruntime" || GetParam() == "openvino") GTEST_SKIP() << "it gives them";
  Graph g;
  g.opsets = {{"", 13}};
  g.inputs = {{"x", Dtype::kF32, {1, 3, 4, 4}, true, {}}};
  g.outputs = {{"y", Dtype::kF32, {1, 3, 2, 2}, true, {}}, {"i", Dtype::kI64, {1, 3, 2, 2}, true, {}}};
  g.nodes = {{"pool", "MaxPool", "", {"x"}, {"y", "i"}, {{"kernel_shape", std::vector<int64_t>{2, 2}}, {"strides", std::vector<int64_t>{2, 2}}}, ""}};
  const auto why = unsupported(g, GetParam());
  EXPECT_NE(why.find("[MaxPool 'pool']: the second output (indices)"), std::string::npos) << why;
}

INSTANTIATE_TEST_SUITE_P(Backends, EveryBackend, testing::ValuesIn(backend_names()));

TEST(Engine, UnknownBackendsAreRefusedWithTheNearestName) {
  try {
    (void)make_backend("opnvino");
    FAIL();
  } catch (const InvalidArgument& e) { EXPECT_NE(std::string(e.what()).find("did you mean 'openvino'"), std::string::npos) << e.what(); }
  EXPECT_THROW((void)make_backend("slow:0.5:reference"), InvalidArgument);
  EXPECT_THROW((void)make_backend("slow:x:reference"), InvalidArgument);
}

/// A backend whose runs burn a given CPU time.
class BurningExecutable final : public Executable {
 public:
  [[nodiscard]] const std::vector<ValueInfo>& inputs() const override { return none_; }
  [[nodiscard]] const std::vector<ValueInfo>& outputs() const override { return none_; }
  [[nodiscard]] const EngineInfo& info() const override { return info_; }
  [[nodiscard]] std::vector<Tensor> run(std::span<const Tensor>) override {
    const double end_us = thread_cpu_us() + 5000;
    while (thread_cpu_us() < end_us) {}
    return {};
  }
  [[nodiscard]] std::unique_ptr<Executable> clone() override { return std::make_unique<BurningExecutable>(); }

 private:
  std::vector<ValueInfo> none_;
  EngineInfo info_;
};
class BurningBackend final : public Backend {
 public:
  [[nodiscard]] std::string name() const override { return "burn"; }
  [[nodiscard]] Support available() const override { return {}; }
  [[nodiscard]] std::unique_ptr<Executable> compile(const Graph&, const CompileOptions&) const override {
    return std::make_unique<BurningExecutable>();
  }
};

TEST(Engine, SlowWaitsForTheRestOfTheSlowTime) {
  auto slow = make_slow_backend(4, std::make_unique<BurningBackend>())->compile({}, {});
  auto& clock = Clock::steady();
  std::vector<double> ratios;
  for (int i = 0; i < 5; ++i) {
    const double cpu = process_cpu_us(), wall = clock.now_us();
    (void)slow->run({});
    const double burnt = process_cpu_us() - cpu;
    ratios.push_back((clock.now_us() - wall) / burnt);
  }
  std::sort(ratios.begin(), ratios.end());
  // the waiting itself spins a little, so the CPU time seen from here is slightly above the slice's
  EXPECT_GT(ratios[2], 3.0);
  EXPECT_LT(ratios[0], 6.0);  // other programs make it longer
}

TEST(Engine, CheckNoticesAWrongBackend) {
  Rng rng(8);
  Graph right = random_graph(rng, {.nodes = 5});
  class Doubling final : public Backend {
   public:
    [[nodiscard]] std::string name() const override { return "doubling"; }
    [[nodiscard]] Support available() const override { return {}; }
    [[nodiscard]] std::unique_ptr<Executable> compile(const Graph& g, const CompileOptions& o) const override {
      Graph wrong = g;
      const auto out = wrong.outputs[0].name;
      for (auto& node : wrong.nodes)
        for (auto& o2 : node.outputs)
          if (o2 == out) o2 = "inner";
      wrong.nodes.push_back({"twice", "Add", "", {"inner", "inner"}, {out}, {}, ""});
      return make_backend(default_backend())->compile(wrong, o);
    }
  };
  auto checked = make_check_backend(make_backend(default_backend()), std::make_unique<Doubling>())->compile(right, {});
  const Tensor x = random_input(rng, right.inputs[0].shape);
  EXPECT_THROW((void)checked->run(std::span(&x, 1)), InternalError);
}

TEST(ZeroInputs, OpenSizesAreChosenAndEmptyOnesStay) {
  const auto inputs = zero_inputs({{"x", Dtype::kF32, {-1, 0, -1, 4}, true, {}}}, 3);
  EXPECT_EQ(inputs[0].shape(), (Shape{3, 0, 1, 4}));
}

TEST(SlowFactor, IsReadFromTheSpec) {
  EXPECT_EQ(slow_factor("openvino"), 1);
  EXPECT_EQ(slow_factor("slow:4:openvino"), 4);
  EXPECT_EQ(slow_factor("check:reference:slow:2.5:openvino"), 2.5);
  EXPECT_THROW((void)slow_factor("slow:0.5:openvino"), InvalidArgument);
}

}  // namespace
}  // namespace scissionlite
