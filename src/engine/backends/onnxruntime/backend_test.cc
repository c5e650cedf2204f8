// Whose fault a failed run of ONNX Runtime is.
#include <gtest/gtest.h>

#include "engine/engine.h"
#include "optimise/test_graphs.h"

namespace scissionlite {
namespace {

using testing_graphs::Maker;
using testing_graphs::with_output;

class OnnxRuntime : public testing::Test {
 protected:
  void SetUp() override {
    try {
      (void)make_backend("onnxruntime");
    } catch (const Unsupported& e) { GTEST_SKIP() << "[SKIP] " << e.what(); }
  }
};

TEST_F(OnnxRuntime, DataBeyondATableIsTheCallers) {
  Maker m;
  const auto at = m.input({-1}, Dtype::kI64);
  const auto graph = with_output(m, m.op("Gather", {m.weights({4, 2}), at}));
  EXPECT_THROW((void)compile(graph, "onnxruntime")->run(std::vector<Tensor>{Tensor::of<int64_t>({1}, {7})}), InvalidArgument);
}

TEST_F(OnnxRuntime, MemoryIsTheMachines) {
  Maker m;
  const auto x = m.input({1}), times = m.input({1}, Dtype::kI64);
  const auto graph = with_output(m, m.op("Expand", {x, times}));
  auto executable = compile(graph, "onnxruntime");
  const auto one = Tensor::of<float>({1}, {1.0F});
  EXPECT_THROW((void)executable->run(std::vector<Tensor>{one, Tensor::of<int64_t>({1}, {int64_t{1} << 46})}), ResourceError);
  EXPECT_EQ(executable->run(std::vector<Tensor>{one, Tensor::of<int64_t>({1}, {3})})[0].size(), 3);
}

TEST_F(OnnxRuntime, WhatItDoesNotLoadIsUnsupported) {
  Maker m;
  m.op_of("com.example", "Foo", {m.input({1})});
  m.output("Foo0_0");
  try {
    (void)compile(m.finish(), "onnxruntime");
    FAIL() << "loaded";
  } catch (const Unsupported& e) { EXPECT_NE(std::string(e.what()).find("cannot load 'made': "), std::string::npos) << e.what(); }
}

}  // namespace
}  // namespace scissionlite
