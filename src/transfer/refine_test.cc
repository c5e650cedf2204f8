#include "transfer/refine.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/rng.h"
#include "transfer/klt_graphs.h"

namespace scissionlite::transfer {
namespace {

/// Smooth and not negative, as activations behind a Relu are.
Tensor smooth(const Shape& shape, uint64_t seed) {
  Tensor out(Dtype::kF32, shape);
  Rng rng(seed);
  double value = 0;
  for (auto& v : out.mutable_as<float>()) v = static_cast<float>(std::max(0.0, value = 0.8 * value + rng.normal()));
  return out;
}

Tensor run_one(const Graph& graph, const Tensor& x) { return compile(graph, "reference", {.threads = 1})->run(std::vector<Tensor>{x})[0].clone(); }

struct Fit {
  std::vector<Tensor> samples;
  FitContext context;
  Fit(const Shape& shape, int64_t opset, Dtype dtype = Dtype::kF32) : context{ValueInfo{"t", dtype, shape, true, {}}, {Opset{"", opset}}, 8, {}} {
    for (uint64_t i = 0; i < 12; ++i) samples.push_back(smooth(shape, i));
    context.samples = samples;
  }
};

TEST(Refinement, ChangesNothingBeforeItIsTrained) {
  for (const int64_t opset : {7, 11, 13, 21})
    for (const auto& shape : {Shape{1, 6, 8, 8}, Shape{1, 5, 7, 3}}) {
      const Fit fit(shape, opset);
      const auto klt = make("klt-s2-q40")->fit(fit.context), conv = with_refinement(klt, fit.context, 4, 1);
      const auto code = run_one(klt.encoder, smooth(shape, 99));
      EXPECT_TRUE(bit_equal(code, run_one(conv.encoder, smooth(shape, 99))));
      EXPECT_LE(max_relative_error(run_one(klt.decoder, code), run_one(conv.decoder, code)), 1e-6) << opset;
      EXPECT_EQ(conv.decoder.inputs.size(), 1U);
      EXPECT_EQ(conv.decoder.inputs[0].name, "code");
      EXPECT_EQ(conv.decoder.outputs.at(0).name, "x");
      EXPECT_EQ(conv.decoder.outputs[0].shape, klt.decoder.outputs[0].shape);
      EXPECT_EQ(conv.coder, klt.coder);
    }
}

TEST(Refinement, ChangesNothingWhereTheRangeIsNotRestored) {
  const Shape shape{1, 6, 8, 8};
  Fit fit(shape, 13);
  std::vector<Tensor> gradients;  // of answers that look at the difference of two channels only
  Rng rng(5);
  for (int i = 0; i < 12; ++i) {
    std::vector<float> values(static_cast<size_t>(element_count(shape)), 0.0F);
    for (size_t k = 0; k < 64; ++k) values[k] = static_cast<float>(rng.normal()), values[64 + k] = -values[k];
    gradients.push_back(Tensor::of<float>(shape, values));
  }
  fit.context.gradients = gradients;
  const auto klt = make("klt-s2-q150")->fit(fit.context), conv = with_refinement(klt, fit.context, 4, 1);
  ASSERT_FALSE(klt.restores_range);
  const auto code = run_one(klt.encoder, smooth(shape, 99)), restored = run_one(klt.decoder, code);
  const auto values = restored.as<float>();
  ASSERT_LT(*std::min_element(values.begin(), values.end()), 0);
  EXPECT_LE(max_relative_error(restored, run_one(conv.decoder, code)), 1e-6);
}

TEST(Refinement, NeedsSamples) {
  Fit fit({1, 6, 8, 8}, 13);
  const auto klt = make("klt-s2-q40")->fit(fit.context);
  fit.context.samples = {};
  EXPECT_THROW((void)with_refinement(klt, fit.context, 4, 1), InvalidArgument);
}

}  // namespace
}  // namespace scissionlite::transfer
