#include "train/prune/reconstruct.h"

#include <gtest/gtest.h>

#include <cmath>

#include "compress/test_random_cnn.h"
#include "engine/engine.h"

namespace scissionlite::train {
namespace {

using testing_graphs::Maker;

constexpr int64_t kChannels = 16, kSide = 9, kImages = 40;

/// Images whose channels come in equal pairs, so that one of a pair can stand for both.
class Pairs : public Dataset {
 public:
  explicit Pairs(Shape shape) : shape_(std::move(shape)) {}
  [[nodiscard]] int64_t size() const override { return kImages; }
  [[nodiscard]] Example get(int64_t index, Rng*) const override {
    Rng rng(static_cast<uint64_t>(index));
    Tensor out(Dtype::kF32, shape_);
    const auto values = out.mutable_as<float>();
    const size_t pixels = values.size() / kChannels;
    for (size_t pair = 0; pair < kChannels / 2; ++pair)
      for (size_t i = 0; i < pixels; ++i) values[2 * pair * pixels + i] = values[(2 * pair + 1) * pixels + i] = static_cast<float>(rng.normal());
    return {.input = out};
  }
  [[nodiscard]] std::string identity() const override { return "pairs"; }

 private:
  Shape shape_;
};

/// Weights of which the first of each pair of inputs is the larger one, so that a mask keeps one of each.
void make_first_larger(Tensor& weights, bool is_transposed) {
  weights = weights.clone();
  const auto values = weights.mutable_as<float>();
  const auto& shape = weights.shape();
  const int64_t outputs = shape[is_transposed ? 1 : 0], taps = weights.size() / (outputs * kChannels);
  const auto at = [&](int64_t output, int64_t input, int64_t tap) -> float& {
    return values[static_cast<size_t>(is_transposed ? input * outputs + output : (output * kChannels + input) * taps + tap)];
  };
  for (int64_t output = 0; output < outputs; ++output)
    for (int64_t input = 0; input < kChannels; input += 2)
      for (int64_t tap = 0; tap < taps; ++tap)
        at(output, input, tap) += at(output, input, tap) > 0 ? 2.F : -2.F,
            at(output, input + 1, tap) = std::clamp(8 * at(output, input + 1, tap), -1.F, 1.F);
}

struct Masked {
  Graph dense, sparse;
  std::vector<compress::SparseLayer> layers;
  std::map<std::string, Tensor> masks;
};
Masked masked_of(Graph graph) {
  Masked out{graph, graph, compress::find_sparse_layers(graph), {}};
  for (const auto& layer : out.layers) {
    auto& weights = out.dense.initializers.at(layer.weights);
    if (layer.inputs == kChannels) make_first_larger(weights, layer.is_transposed);
    out.masks[layer.weights] = compress::two_four_mask(layer, weights);
    out.sparse.initializers[layer.weights] = compress::masked(weights, out.masks.at(layer.weights));
  }
  return out;
}

/// Root mean square, as a share of the dense values', on images that nothing was fitted to.
double error_of(const Graph& graph, const Graph& dense, const Dataset& images) {
  constexpr int64_t kOthers = 5;
  double difference = 0, whole = 0;
  for (int64_t i = kImages; i < kImages + kOthers; ++i) {
    const std::vector<Tensor> x{images.get(i, nullptr).input};
    const auto y = compile(graph, "reference")->run(x)[0], expected = compile(dense, "reference")->run(x)[0];
    for (size_t at = 0; at < static_cast<size_t>(y.size()); ++at)
      difference += std::pow(y.as<float>()[at] - expected.as<float>()[at], 2), whole += std::pow(expected.as<float>()[at], 2);
  }
  return std::sqrt(difference / whole);
}

/// The masked weights are far off, the fitted ones are right but for the ridge, and what was zero is.
void expect_found_again(const Masked& m, const Dataset& images, double tolerance) {
  const auto fitted = reconstruct(m.dense, m.sparse, m.layers, m.masks, images, kImages, 1);
  EXPECT_GT(error_of(m.sparse, m.dense, images), 0.05);
  EXPECT_LT(error_of(fitted, m.dense, images), tolerance);
  for (const auto& [name, mask] : m.masks) {
    const auto ones = mask.as<float>();
    const auto values = fitted.initializers.at(name).as<float>();
    for (size_t i = 0; i < values.size(); ++i)
      if (ones[i] == 0) ASSERT_EQ(values[i], 0) << name << " at " << i;
  }
}

TEST(Reconstruct, AConvolutionIsFoundAgainFromWhatItsInputsShare) {
  Maker m;
  const auto x = m.input({1, kChannels, kSide, kSide});
  const auto y = m.conv(x, kChannels, 8, 3, {{"strides", std::vector<int64_t>{2, 1}}, {"pads", std::vector<int64_t>{1, 0, 2, 1}}});
  expect_found_again(masked_of(testing_graphs::with_output(m, m.op("Relu", {y}))), Pairs({1, kChannels, kSide, kSide}), 0.02);
}

TEST(Reconstruct, SoIsAProductEitherWayRound) {
  for (const bool is_transposed : {false, true}) {
    Maker m;
    const auto x = m.input({1, kChannels});
    const auto w = is_transposed ? m.weights({kChannels, 24}) : m.weights({24, kChannels});
    expect_found_again(masked_of(testing_graphs::with_output(m, m.op("Gemm", {x, w, m.weights({24})}, {{"transB", int64_t{is_transposed ? 0 : 1}}}))),
                       Pairs({1, kChannels}), 0.05);
  }
}

TEST(Reconstruct, LaterLayersMakeUpForEarlierOnes) {
  Maker m;
  const auto x = m.input({1, kChannels, kSide, kSide});
  const auto first = m.op("Relu", {m.conv(x, kChannels, 32, 3)});
  const auto joined = m.op("Add", {m.op("Relu", {m.conv(first, 32, 32, 3)}), first});
  const auto masked = masked_of(testing_graphs::with_output(m, m.conv(joined, 32, 16, 1)));
  const Pairs images({1, kChannels, kSide, kSide});
  const auto fitted = reconstruct(masked.dense, masked.sparse, masked.layers, masked.masks, images, kImages, 1);
  EXPECT_LT(error_of(fitted, masked.dense, images), 0.85 * error_of(masked.sparse, masked.dense, images));
}

TEST(Reconstruct, WithoutImagesNothingChanges) {
  Maker m;
  const auto x = m.input({1, kChannels, kSide, kSide});
  const auto masked = masked_of(testing_graphs::with_output(m, m.conv(x, kChannels, 8, 1)));
  const auto fitted = reconstruct(masked.dense, masked.sparse, masked.layers, masked.masks, Pairs({1, kChannels, kSide, kSide}), 0, 1);
  for (const auto& layer : masked.layers) EXPECT_TRUE(bit_equal(fitted.initializers.at(layer.weights), masked.sparse.initializers.at(layer.weights)));
}

}  // namespace
}  // namespace scissionlite::train
