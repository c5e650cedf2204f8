#include "vision/model_input.h"

#include <gtest/gtest.h>

namespace scissionlite::vision {
namespace {

Graph with_input(const Shape& shape, bool has_shape = true) {
  Graph graph;
  graph.inputs.push_back({"x", Dtype::kF32, shape, has_shape, {}});
  return graph;
}

InputSpec wide() {
  InputSpec spec;
  spec.width = 64, spec.height = 48;
  return spec;
}

TEST(ModelInput, OpenSizesBecomeThoseOfTheSpec) {
  EXPECT_EQ(with_input_size(with_input({-1, 3, -1, -1}), wide()).inputs[0].shape, (Shape{-1, 3, 48, 64}));
  EXPECT_EQ(with_input_size(with_input({1, -1, 48, -1}), wide()).inputs[0].shape, (Shape{1, 3, 48, 64}));
  const auto unknown = with_input_size(with_input({}, /*has_shape=*/false), wide());
  EXPECT_TRUE(unknown.inputs[0].has_shape);
  EXPECT_EQ(unknown.inputs[0].shape, (Shape{-1, 3, 48, 64}));
}

TEST(ModelInput, AnOpenBatchAloneIsLeft) {
  EXPECT_FALSE(has_open_size(with_input({-1, 3, 48, 64})));
  EXPECT_TRUE(has_open_size(with_input({1, 3, -1, 64})));
  EXPECT_TRUE(has_open_size(with_input({}, /*has_shape=*/false)));
  EXPECT_EQ(with_input_size(with_input({-1, 3, 32, 32}), wide()).inputs[0].shape, (Shape{-1, 3, 32, 32}));
}

}  // namespace
}  // namespace scissionlite::vision
