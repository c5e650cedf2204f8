// Generated poolings against the reference code of src/ops.
#include "base/test_messages.h"
#include "generate/test_kernels.h"
#include "kernels/conv/panels.h"
#include "kernels/generated/pool_kernel.h"
#include "kernels/layout.h"

namespace scissionlite::generate {
namespace {

using kernels::PoolProblem;
using Ints = std::vector<int64_t>;

Tensor expected(const PoolProblem& p, bool is_ceil, const Tensor& x) {
  std::map<std::string, Attribute> attributes{{"kernel_shape", Ints{p.kernel_h, p.kernel_w}},
                                              {"strides", Ints{p.stride_h, p.stride_w}},
                                              {"dilations", Ints{p.dilation_h, p.dilation_w}},
                                              {"pads", Ints{p.top, p.left, p.bottom, p.right}},
                                              {"ceil_mode", int64_t{is_ceil}}};
  if (!p.is_max) attributes["count_include_pad"] = int64_t{p.counts_padding};
  return by_reference(p.is_max ? "MaxPool" : "AveragePool", attributes, {x});
}

/// Largest difference from the expected values, of the largest one; zones around y must stay as they are.
double error_of(const PoolProblem& p, const Tensor& x, const Tensor& right, const kernels::Pooling& pooling, int threads) {
  const int64_t lanes = kernels::best_loops().lanes, pixels = p.out_h * p.out_w;
  std::vector<float> in(static_cast<size_t>(p.n * kernels::round_up(p.c, lanes) * p.h * p.w)),
      y(static_cast<size_t>(p.n * kernels::round_up(p.c, lanes) * pixels) + 2 * kZone, kUntouched);
  kernels::to_blocked(x.as<float>().data(), in.data(), p.n, p.c, p.h * p.w, lanes);
  pooling.run(in.data(), y.data() + kZone, threads);
  for (size_t i = 0; i < kZone; ++i) EXPECT_TRUE(y[i] == kUntouched && y[y.size() - 1 - i] == kUntouched);
  Tensor got(Dtype::kF32, {p.n, p.c, p.out_h, p.out_w});
  kernels::to_plain(y.data() + kZone, got.mutable_as<float>().data(), p.n, p.c, pixels, lanes);
  return max_relative_error(got, right);
}

/// The generated kernel and the loops that it competes with.
void check(PoolProblem p, bool is_ceil, const kernels::Knobs& knobs, int threads,
           const std::function<std::shared_ptr<const kernels::KernelObject>(const kernels::KernelPlan&)>& made) {
  Rng rng(9);
  const auto x = random_tensor(rng, {p.n, p.c, p.h, p.w}), right = expected(p, is_ceil, x);
  p.out_h = right.shape()[2], p.out_w = right.shape()[3];
  auto plan = plan_of(p.text(), knobs);
  if (!plan.reason_against().empty()) plan = random_plan(rng, p.text());
  const double most = p.is_max ? 0 : 1e-6;
  EXPECT_EQ(kernels::parse_pool(p.text()), p);
  EXPECT_LE(error_of(p, x, right, *kernels::make_generated_pooling(p, plan.knobs, made(plan), kernels::best_loops()), threads), most)
      << plan.identity();
  EXPECT_LE(error_of(p, x, right, *kernels::make_pooling(p, kernels::best_loops()), threads), most) << p.text();
}

using Poolings = Kernels;

TEST_F(Poolings, ComputeWhatTheDefinitionSays) {
  const auto make = [this](const kernels::KernelPlan& plan) { return made(plan); };
  const PoolProblem usual{
      .n = 2, .c = 19, .h = 13, .w = 15, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .top = 1, .left = 1, .bottom = 1, .right = 1};
  auto mean = usual;
  mean.is_max = false;
  check(usual, false, {{"tile_y", 2}, {"rows", 4}}, 1, make);
  check(usual, true, {{"steps", 2}, {"tile_x", 7}}, 2, make);
  check(mean, false, {{"steps", 2}}, 1, make);
  mean.counts_padding = true, mean.dilation_h = 2;
  check(mean, true, {{"tile_x", 3}}, 3, make);
  check({.is_max = false, .c = 8, .h = 8, .w = 8, .kernel_h = 2, .kernel_w = 2, .stride_h = 2, .stride_w = 2}, false, {}, 1, make);
  check({.c = 40, .h = 7, .w = 7, .kernel_h = 7, .kernel_w = 7}, false, {{"tile_x", 1}}, 1, make);
}

TEST_F(Poolings, OfRandomShapesAndConfigurationsToo) {
  Rng rng(static_cast<uint64_t>(getpid()));
  const auto some = [&](int64_t least, uint64_t count) { return least + static_cast<int64_t>(rng.below(count)); };
  for (int i = 0; i < random_cases(); ++i) {
    PoolProblem p{.is_max = rng.below(2) == 0,
                  .n = some(1, 2),
                  .c = some(1, 30),
                  .h = some(8, 10),
                  .w = some(8, 10),
                  .kernel_h = some(1, 4),
                  .kernel_w = some(1, 4),
                  .stride_h = some(1, 3),
                  .stride_w = some(1, 3)};
    p.dilation_w = some(1, 2);
    p.top = some(0, static_cast<uint64_t>(p.kernel_h)), p.bottom = some(0, static_cast<uint64_t>(p.kernel_h)),
    p.left = some(0, static_cast<uint64_t>(p.kernel_w)), p.right = some(0, static_cast<uint64_t>(p.kernel_w));
    p.counts_padding = !p.is_max && rng.below(2) == 0;
    check(p, rng.below(2) == 0, {{"tile_x", some(1, 8)}, {"tile_y", some(1, 2)}, {"steps", some(1, 2)}}, 1 + static_cast<int>(rng.below(3)),
          [this](const kernels::KernelPlan& plan) { return made(plan); });
  }
}

TEST_F(Poolings, OfOtherPlansAreRefused) {
  const PoolProblem p{.c = 8, .h = 4, .w = 4, .out_h = 4, .out_w = 4};
  const auto kernel = made(plan_of(p.text(), {{"tile_x", 1}}));
  EXPECT_NE(message_of([&] {
              (void)kernels::make_generated_pooling(p, plan_of(p.text(), {{"tile_x", 2}}).knobs, kernel, kernels::best_loops());
            }).find("was expected"),
            std::string::npos);
}

TEST(PoolPlans, SayWhyTheyAreInvalid) {
  PoolProblem p{.c = 8, .h = 80, .w = 80, .out_h = 58, .out_w = 58, .kernel_h = 23, .kernel_w = 23};
  EXPECT_NE(kernels::kernel_kind_of(p.text()).reason_against(p.text()).find("windows of 529 values"), std::string::npos);
  p.kernel_h = p.kernel_w = 13;
  const std::string problem = p.text();
  kernels::KernelPlan plan{problem, kernels::kernel_kind_of(problem).usual(problem, 8), "x86-64-avx2"};
  EXPECT_EQ(plan.reason_against(), "");
  plan.knobs["tile_x"] = 4;
  EXPECT_NE(plan.reason_against().find("a register tile of 676 loads"), std::string::npos) << plan.reason_against();
  plan.knobs["steps"] = 2;
  EXPECT_EQ(plan.reason_against(), "");
  plan.knobs["tile_x"] = 14, plan.knobs["tile_y"] = 2;
  EXPECT_NE(plan.reason_against().find("a register tile of 28 vectors"), std::string::npos) << plan.reason_against();
  plan.knobs.erase("steps");
  EXPECT_EQ(plan.reason_against(), "knob 'steps' is missing");
  EXPECT_NE(message_of([] { (void)kernels::parse_pool("pool median ic3"); }).find("expected 'pool max '"), std::string::npos);
  EXPECT_NE(message_of([] { (void)kernels::parse_pool("pool max ic0ih4"); }).find("sizes from 1 on"), std::string::npos);
}

}  // namespace
}  // namespace scissionlite::generate
