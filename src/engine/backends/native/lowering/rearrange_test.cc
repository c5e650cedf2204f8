// Transposed convolutions, and operators that put pixels elsewhere.
#include "engine/backends/native/test_native.h"

namespace scissionlite {
namespace {

using namespace testing_graphs;
using testing_native::count_steps;
using testing_native::expect_fast_and_like_reference;

class EverySeed : public testing::TestWithParam<int> {
 protected:
  Rng rng_{static_cast<uint64_t>(GetParam())};
  int64_t between(int64_t low, int64_t high) { return low + static_cast<int64_t>(rng_.below(static_cast<uint64_t>(high - low + 1))); }
  Shape image() { return {between(1, 2), between(1, 35), between(2, 9), between(2, 9)}; }
};

TEST_P(EverySeed, ConvTranspose) {
  Maker m(13, static_cast<uint64_t>(GetParam()));
  const Shape shape = image();
  const int64_t stride = between(1, 4), out = between(1, 40);
  const Ints kernel{between(1, 6), between(1, 6)};
  const auto pad = [&](size_t d) { return between(0, std::min<int64_t>(kernel[d] - 1, 2)); };
  const Ints padding{between(0, stride - 1), between(0, stride - 1)};
  // convolutions before and behind, so that it stands between blocked images
  const auto x = m.conv(m.input(shape), shape[1], 12, 1);
  const auto y = m.op("ConvTranspose", {x, m.weights({12, out, kernel[0], kernel[1]}, -0.2, 0.2), m.weights({out})},
                      {{"strides", Ints{stride, stride}}, {"pads", Ints{pad(0), pad(1), pad(0), pad(1)}}, {"output_padding", padding}});
  m.output(m.conv(m.op("Relu", {y}), out, 5, 3));
  expect_fast_and_like_reference(m.finish(), 1e-5);
}

TEST_P(EverySeed, DepthToSpaceAndBack) {
  for (const char* mode : {"DCR", "CRD"}) {
    Maker m;
    Shape shape = image();
    const int64_t size = between(1, 3);
    shape[1] = (GetParam() % 2 == 0 ? between(1, 19) : 16) * size * size;  // whole vectors, and lanes that move
    const auto space = m.op("DepthToSpace", {m.input(shape)}, {{"blocksize", size}, {"mode", std::string(mode)}});
    m.output(space);
    m.output(m.op("SpaceToDepth", {space}, {{"blocksize", size}}));
    expect_fast_and_like_reference(m.finish());
  }
}

TEST_P(EverySeed, NearestResize) {
  const char* coordinates[] = {"asymmetric", "half_pixel", "align_corners", "pytorch_half_pixel"};
  const char* rounding[] = {"floor", "ceil", "round_prefer_floor", "round_prefer_ceil"};
  Maker m;
  const auto scales =
      m.constant(Tensor::of<float>({4}, {1, 1, static_cast<float>(between(1, 3)), GetParam() % 3 == 0 ? 1.6F : static_cast<float>(between(1, 3))}));
  m.output(m.op("Resize", {m.input(image()), "", scales},
                {{"mode", std::string("nearest")},
                 {"coordinate_transformation_mode", std::string(coordinates[rng_.below(4)])},
                 {"nearest_mode", std::string(rounding[rng_.below(4)])}}));
  expect_fast_and_like_reference(m.finish());
}

TEST_P(EverySeed, SliceOfAnyAxesAndTypes) {
  for (const bool is_blocked : {false, true}) {
    Maker m;
    const Shape shape = image();
    const auto x = m.input(shape);
    Ints starts, ends, axes, steps;
    for (int64_t d = 0; d < 4; ++d) {
      if (rng_.below(2) == 0) continue;
      const int64_t size = shape[static_cast<size_t>(d)], begin = between(0, size - 1), end = between(begin + 1, size);
      const bool is_reversed = rng_.below(4) == 0;
      starts.push_back(is_reversed ? end - 1 : begin), ends.push_back(is_reversed ? begin - 1 - size : end), axes.push_back(d),
          steps.push_back(is_reversed ? -between(1, 2) : between(1, 2));
    }
    const auto y = m.op(
        "Slice", {is_blocked ? m.op("MaxPool", {x}, {{"kernel_shape", Ints{1, 1}}}) : x, m.ints(starts), m.ints(ends), m.ints(axes), m.ints(steps)});
    m.output(y);
    if (is_blocked) m.output(m.op("GlobalAveragePool", {y}));
    expect_fast_and_like_reference(m.finish(), is_blocked ? 1e-5 : 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Random, EverySeed, testing::Range(0, 40));

TEST(Rearranging, ADecoderOfPrincipalComponentsIsOneConvolutionAndOneMove) {
  Maker m;
  const auto x = m.conv(m.input({1, 16, 7, 7}), 16, 32, 1);
  const auto y = m.op("Relu", {m.op("ConvTranspose", {x, m.weights({32, 16, 2, 2}), m.weights({16})}, {{"strides", Ints{2, 2}}})});
  Graph graph = with_output(m, m.conv(y, 16, 8, 1));
  expect_fast_and_like_reference(graph, 1e-5);
  optimise(graph);
  EXPECT_EQ(graph.nodes.size(), 4u);
  EXPECT_EQ(count_steps(graph, "rows"), 1);
}

TEST(Rearranging, ChannelsThatAreSlicedAreGatheredWhereTheyAreRead) {
  Maker m;
  const auto x = m.conv(m.input({2, 3, 6, 5}), 3, 37, 1);
  const auto part = [&](int64_t begin, int64_t end) { return m.op("Slice", {x, m.ints({begin}), m.ints({end}), m.ints({1})}); };
  Graph graph = with_output(m, m.op("Concat", {m.conv(part(0, 16), 16, 3, 1), m.conv(part(3, 30), 27, 3, 1)}, {{"axis", int64_t{1}}}));
  expect_fast_and_like_reference(graph, 1e-5);
  optimise(graph);
  EXPECT_EQ(count_steps(graph, "gather"), 3);  // what the convolutions read, and the answer
}

TEST(Rearranging, SliceOfBytesAndIntegers) {
  Maker m;
  const auto x = m.input({2, 7, 3, 5}, Dtype::kU8), flat = m.op("Reshape", {x, m.ints({2, -1})});
  m.output(m.op("Slice", {flat, m.ints({4}), m.ints({50}), m.ints({1})}));
  m.output(m.op("Slice", {x, m.ints({1, 2}), m.ints({6, 5}), m.ints({1, 3}), m.ints({2, 1})}));
  expect_fast_and_like_reference(m.finish());
}

}  // namespace
}  // namespace scissionlite
