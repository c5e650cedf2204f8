#include "kernels/conv/chain.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "kernels/conv/panels.h"
#include "kernels/conv/test_values.h"
#include "kernels/vector/loops.h"

namespace scissionlite::kernels {
namespace {

/// The stages one after the other by implementations that have their own test.
std::vector<float> in_turn(const ChainProblem& chain, const std::vector<float>& x, const std::vector<float>& residual, const VectorLoops& loops) {
  std::vector<float> at = x;
  const auto apply = [&](const ChainStage& stage, const char* name, bool has_residual) {
    const auto& row = conv_implementation(name);
    const auto conv = row.make(stage.problem, stage.weights, {has_residual, stage.activation}, row.usual(stage.problem, loops), loops);
    std::vector<float> y(
        static_cast<size_t>(stage.problem.n * round_up(stage.problem.k, loops.lanes) * stage.problem.out_h() * stage.problem.out_w()));
    std::vector<float> scratch(static_cast<size_t>(conv->scratch_floats(1)));
    conv->run(at.data(), has_residual ? residual.data() : nullptr, y.data(), scratch.data(), 1);
    at = y;
  };
  if (chain.expand) apply(*chain.expand, "direct", false);
  apply(chain.depthwise, "depthwise", false);
  if (chain.project) apply(*chain.project, "direct", chain.has_residual);
  return at;
}

ConvProblem random_depthwise() {
  ConvProblem d;
  d.n = *rc::gen::inRange<int64_t>(1, 3);
  d.groups = d.c = d.k = *rc::gen::inRange<int64_t>(2, 40);
  d.kernel_h = *rc::gen::element<int64_t>(1, 3, 5);
  d.kernel_w = *rc::gen::element<int64_t>(3, 5, 2);
  d.stride_h = *rc::gen::element<int64_t>(1, 2, 3);
  d.stride_w = *rc::gen::element<int64_t>(1, 2);
  d.dilation_h = *rc::gen::element<int64_t>(1, 1, 2);
  d.top = *rc::gen::inRange<int64_t>(0, 3);
  d.bottom = *rc::gen::inRange<int64_t>(0, 3);
  d.left = d.right = *rc::gen::inRange<int64_t>(0, 3);
  d.h = (d.kernel_h - 1) * d.dilation_h + 1 + *rc::gen::inRange<int64_t>(0, 12);
  d.w = d.kernel_w + *rc::gen::inRange<int64_t>(0, 12);
  return d;
}

TEST(Chain, EqualsItsStagesInTurn) {
  EXPECT_TRUE(rc::check("any stages, bands, threads and instruction sets", [] {
    const auto d = random_depthwise();
    const auto* loops = *rc::gen::elementOf(all_loops());
    Rng rng(*rc::gen::arbitrary<uint32_t>());
    const int64_t c = *rc::gen::inRange<int64_t>(1, 40), k = *rc::gen::inRange<int64_t>(1, 40);
    const auto w1 = random_values(rng, c * d.c), w2 = random_values(rng, d.c * d.kernel_h * d.kernel_w), w3 = random_values(rng, d.c * k),
               bias = random_values(rng, 64);
    ChainProblem chain;
    chain.depthwise = {d, {w2.data(), bias.data()}, {ActivationKind::kHardSwish, 0, 0}};
    if (*rc::gen::arbitrary<bool>())
      chain.expand = ChainStage{{.n = d.n, .c = c, .h = d.h, .w = d.w, .k = d.c}, {w1.data(), bias.data()}, {ActivationKind::kClip, 0, 6}};
    if (*rc::gen::arbitrary<bool>())
      chain.project = ChainStage{{.n = d.n, .c = d.c, .h = d.out_h(), .w = d.out_w(), .k = k}, {w3.data(), nullptr}, {}};
    chain.has_residual = chain.project && *rc::gen::arbitrary<bool>();
    const int64_t in = round_up(chain.expand ? c : d.c, loops->lanes), out = round_up(chain.project ? k : d.k, loops->lanes),
                  pixels = d.out_h() * d.out_w();
    const auto x = random_values(rng, d.n * in * d.h * d.w), residual = random_values(rng, d.n * out * pixels);
    const auto expected = in_turn(chain, x, residual, *loops);
    const int threads = *rc::gen::inRange(1, 4);
    const auto conv = make_chain(chain, *rc::gen::inRange<int64_t>(1, 9), *loops);
    std::vector<float> y(static_cast<size_t>(d.n * out * pixels + 16), 77), scratch(static_cast<size_t>(conv->scratch_floats(threads) + 16), 77);
    for (int repeat = 0; repeat < 2; ++repeat) conv->run(x.data(), chain.has_residual ? residual.data() : nullptr, y.data(), scratch.data(), threads);
    for (size_t i = 0; i < expected.size(); ++i) RC_ASSERT(std::abs(y[i] - expected[i]) <= 1e-4F * (1 + std::abs(expected[i])));
    for (size_t i = 0; i < 16; ++i) RC_ASSERT(y[y.size() - 1 - i] == 77 && scratch[scratch.size() - 1 - i] == 77);
  }));
}

TEST(Chain, StagesThatDoNotFitAreABug) {
  ChainProblem chain;
  chain.depthwise.problem = {.c = 8, .h = 4, .w = 4, .k = 8, .groups = 1};
  EXPECT_THROW((void)make_chain(chain, 2, best_loops()), InternalError);
}

}  // namespace
}  // namespace scissionlite::kernels
