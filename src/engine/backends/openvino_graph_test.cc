// Operators that OpenVINO computes otherwise than ONNX defines them: rewritten to the reference's answer, or refused by name.
#include "engine/backends/openvino_graph.h"

#include <gtest/gtest.h>

#include "engine/engine.h"
#include "optimise/test_graphs.h"

namespace scissionlite {
namespace {

using testing_graphs::Ints;
using testing_graphs::Maker;
using testing_graphs::with_output;

class OpenvinoGraph : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto support = has_openvino(); !support.ok) GTEST_SKIP() << "[SKIP] " << support.reason;
  }
  static Support has_openvino() {
    try {
      return make_backend("openvino")->available();
    } catch (const Unsupported& e) { return {false, e.what()}; }
  }
};

void expect_as_reference(const Graph& graph) {
  const auto inputs = testing_graphs::random_inputs(graph);
  const auto expected = compile(graph, "reference")->run(inputs)[0].clone();
  const auto got = compile(graph, "openvino")->run(inputs)[0];
  ASSERT_EQ(got.shape(), expected.shape());
  EXPECT_LE(max_relative_error(got, expected), 1e-5);
}

std::string refusal_of(const Graph& graph) {
  try {
    (void)as_openvino_computes(graph);
  } catch (const Unsupported& e) { return e.what(); }
  return "";
}

/// One node over an activation of open batch.
Graph pooled(const Shape& shape, testing_graphs::Attributes attributes) {
  Maker m;
  attributes["kernel_shape"] = Ints{3, 3};
  attributes["strides"] = Ints{2, 2};
  attributes["ceil_mode"] = int64_t{1};
  attributes["count_include_pad"] = int64_t{1};
  const auto x = m.input(shape);
  return with_output(m, m.op("AveragePool", {x}, attributes));
}

Graph resized(const Ints& sizes, testing_graphs::Attributes attributes) {
  Maker m(18);
  const auto x = m.input({-1, 3, 16, 16});
  attributes["axes"] = Ints{2, 3};
  return with_output(m, m.op("Resize", {x, "", "", m.ints(sizes)}, attributes));
}

TEST_F(OpenvinoGraph, SoftmaxBelowOpset13IsOverAllThatFollows) {
  for (const int64_t opset : {9, 11, 12, 13})
    for (const int64_t axis : {0, 1, 2, 3, -1})
      for (const char* type : {"Softmax", "LogSoftmax"}) {
        SCOPED_TRACE(std::string(type) + " of opset " + std::to_string(opset) + ", axis " + std::to_string(axis));
        Maker m(opset);
        const auto x = m.input({-1, 3, 4, 5});
        expect_as_reference(with_output(m, m.op(type, {x}, {{"axis", axis}})));
      }
}

TEST_F(OpenvinoGraph, ConvTransposeHasItsPadsWritten) {
  const std::vector<testing_graphs::Attributes> cases{{{"auto_pad", std::string("SAME_UPPER")}},
                                                      {{"auto_pad", std::string("SAME_LOWER")}},
                                                      {{"output_shape", Ints{17, 16}}},
                                                      {{"output_shape", Ints{20, 16}}},
                                                      {{"output_shape", Ints{15, 18}}, {"auto_pad", std::string("SAME_UPPER")}}};
  for (size_t i = 0; i < cases.size(); ++i)
    for (const int64_t batch : {1, -1}) {
      SCOPED_TRACE("case " + std::to_string(i) + ", batch " + std::to_string(batch));
      Maker m;
      auto attributes = cases[i];
      attributes["strides"] = Ints{2, 2};
      const auto x = m.input({batch, 3, 8, 8});
      expect_as_reference(with_output(m, m.op("ConvTranspose", {x, m.weights({3, 4, 3, 3}), m.weights({4})}, attributes)));
    }
  Maker open;
  const auto x = open.input({-1, 3, -1, -1});
  const auto graph = with_output(open, open.op("ConvTranspose", {x, open.weights({3, 4, 3, 3})}, {{"output_shape", Ints{17, 16}}}));
  EXPECT_NE(refusal_of(graph).find("[ConvTranspose 'ConvTranspose0']: OpenVINO computes a ConvTranspose of an open size with output_shape"),
            std::string::npos)
      << refusal_of(graph);
}

TEST_F(OpenvinoGraph, AveragePoolBeyondItsPadsIsRefused) {
  const Ints pads{1, 1, 1, 1};
  EXPECT_NE(refusal_of(pooled({-1, 3, 14, 15}, {{"pads", pads}})).find("ceil_mode and count_include_pad"), std::string::npos);
  EXPECT_NE(refusal_of(pooled({-1, 3, -1, -1}, {{"pads", pads}})).find("take --engine native"), std::string::npos);
  expect_as_reference(pooled({-1, 3, 13, 15}, {{"pads", pads}}));
  expect_as_reference(pooled({-1, 3, 14, 15}, {}));
}

TEST_F(OpenvinoGraph, ResizesThatAverageOrKeepProportionsAreRefused) {
  const std::string linear = "linear", policy = "not_larger";
  EXPECT_NE(refusal_of(resized({7, 9}, {{"mode", linear}, {"antialias", int64_t{1}}})).find("antialias"), std::string::npos);
  EXPECT_NE(refusal_of(resized({23, 9}, {{"keep_aspect_ratio_policy", policy}})).find("keep_aspect_ratio_policy"), std::string::npos);
  expect_as_reference(resized({20, 23}, {{"mode", linear}, {"antialias", int64_t{1}}}));
  expect_as_reference(resized({7, 9}, {{"mode", linear}}));
}

TEST_F(OpenvinoGraph, UpsampleByFractionsIsRefused) {
  for (const int64_t opset : {7, 9})
    for (const auto& scales : {std::vector<float>{1, 1, 2, 3}, std::vector<float>{1, 1, 1.7F, 2.3F}}) {
      Maker m(opset);
      const auto x = m.input({1, 3, 8, 9});
      const auto graph = with_output(m, opset == 7 ? m.op("Upsample", {x}, {{"scales", scales}})
                                                   : m.op("Upsample", {x, m.constant(Tensor::of<float>({4}, std::span<const float>(scales)))}));
      if (scales[2] == 2) expect_as_reference(graph);
      else EXPECT_NE(refusal_of(graph).find("no whole numbers"), std::string::npos) << opset;
    }
}

}  // namespace
}  // namespace scissionlite
