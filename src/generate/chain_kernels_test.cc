// Generated chains against the reference code of src/ops: depthwise convolution, clip, 1x1 convolution, residual, clip.
#include "base/test_messages.h"
#include "generate/test_kernels.h"
#include "kernels/conv/panels.h"
#include "kernels/generated/chain_kernel.h"
#include "kernels/layout.h"

namespace scissionlite::generate {
namespace {

using kernels::ActivationKind;
using kernels::ChainProblem;
using kernels::ConvProblem;

using Ints = std::vector<int64_t>;

Tensor convolved(const ConvProblem& p, const Tensor& x, const Tensor& w, const Tensor& bias) {
  return by_reference("Conv",
                      {{"strides", Ints{p.stride_h, p.stride_w}},
                       {"dilations", Ints{p.dilation_h, p.dilation_w}},
                       {"pads", Ints{p.top, p.left, p.bottom, p.right}},
                       {"group", p.groups}},
                      {x, w, bias});
}
Tensor ended(const Tensor& x, const kernels::ActivationArguments& f) {
  if (f.kind == ActivationKind::kNone) return x;
  return f.kind == ActivationKind::kRelu ? by_reference("Relu", {}, {x})
                                         : by_reference("Clip", {}, {x, Tensor::scalar(f.alpha), Tensor::scalar(f.beta)});
}

/// With weights and the image it is computed of.
struct Example {
  Example(const ConvProblem& depthwise, int64_t k, Rng& rng)
      : first(depthwise), second{.n = first.n, .c = first.k, .h = first.out_h(), .w = first.out_w(), .k = k} {
    x = random_tensor(rng, {first.n, first.c, first.h, first.w}), residual = random_tensor(rng, {first.n, k, second.h, second.w});
    filter = random_tensor(rng, {first.k, 1, first.kernel_h, first.kernel_w}), filter_bias = random_tensor(rng, {first.k});
    weights = random_tensor(rng, {k, first.k, 1, 1}), bias = random_tensor(rng, {k});
  }
  [[nodiscard]] ChainProblem chain(const kernels::ActivationArguments& inner, const kernels::ActivationArguments& last, bool has_residual) const {
    ChainProblem out;
    out.depthwise = {first, {filter.as<float>().data(), filter_bias.as<float>().data()}, inner};
    out.project = kernels::ChainStage{second, {weights.as<float>().data(), bias.as<float>().data()}, last};
    out.has_residual = has_residual;
    return out;
  }
  [[nodiscard]] std::string problem() const { return kernels::generated_problem(chain({}, {}, false)); }
  [[nodiscard]] Tensor expected(const ChainProblem& chain) const {
    auto y = convolved(second, ended(convolved(first, x, filter, filter_bias), chain.depthwise.activation), weights, bias);
    if (chain.has_residual) y = by_reference("Add", {}, {y, residual});
    return ended(y, chain.project->activation);
  }
  ConvProblem first, second;
  Tensor x, residual, filter, filter_bias, weights, bias;
};

/// Largest difference from the reference, of the largest value; the zone behind y must stay as it is.
double error_of(const Example& e, const ChainProblem& chain, const kernels::Convolution& conv, int threads) {
  const int64_t lanes = kernels::best_loops().lanes, pixels = e.second.h * e.second.w, n = e.first.n;
  std::vector<float> in(static_cast<size_t>(n * kernels::round_up(e.first.c, lanes) * e.first.h * e.first.w)),
      plus(static_cast<size_t>(n * kernels::round_up(e.second.k, lanes) * pixels)), y(plus.size() + kZone, kUntouched);
  kernels::to_blocked(e.x.as<float>().data(), in.data(), n, e.first.c, e.first.h * e.first.w, lanes);
  kernels::to_blocked(e.residual.as<float>().data(), plus.data(), n, e.second.k, pixels, lanes);
  conv.run(in.data(), chain.has_residual ? plus.data() : nullptr, y.data(), nullptr, threads);
  for (size_t i = 0; i < kZone; ++i) EXPECT_EQ(y[plus.size() + i], kUntouched);
  Tensor got(Dtype::kF32, {n, e.second.k, e.second.h, e.second.w});
  kernels::to_plain(y.data(), got.mutable_as<float>().data(), n, e.second.k, pixels, lanes);
  return max_relative_error(got, e.expected(chain));
}

void check(const Example& e, const kernels::KernelPlan& plan, const std::shared_ptr<const kernels::KernelObject>& kernel, int threads) {
  for (const bool has_residual : {false, true})
    for (const auto& inner : {kernels::ActivationArguments{}, kernels::ActivationArguments{ActivationKind::kRelu, 0, 0},
                              kernels::ActivationArguments{ActivationKind::kClip, 0.5F, 2.F}}) {
      const auto chain =
          e.chain(inner, has_residual ? kernels::ActivationArguments{ActivationKind::kClip, -3, 4} : kernels::ActivationArguments{}, has_residual);
      EXPECT_LE(error_of(e, chain, *kernels::make_generated_chain(chain, plan.knobs, kernel, kernels::best_loops()), threads), 2e-5)
          << plan.identity() << ", residual " << has_residual;
    }
}

ConvProblem depthwise_of(int64_t c, int64_t h, int64_t w) {
  return {.n = 2, .c = c, .h = h, .w = w, .k = c, .kernel_h = 3, .kernel_w = 3, .top = 1, .left = 1, .bottom = 1, .right = 1, .groups = c};
}

using Chains = Kernels;

TEST_F(Chains, ComputeWhatTheirConvolutionsDo) {
  Rng rng(5);
  struct Case {
    ConvProblem depthwise;
    int64_t k;
    kernels::Knobs knobs;
  };
  auto strided = depthwise_of(35, 11, 13);
  strided.stride_h = strided.stride_w = 2, strided.kernel_h = 5, strided.top = 2, strided.right = 0;
  auto unpadded = depthwise_of(6, 9, 12);
  unpadded.top = unpadded.left = unpadded.bottom = unpadded.right = 0, unpadded.dilation_w = 2;
  const std::vector<Case> cases{
      {depthwise_of(40, 10, 14), 24, {{"rows", 3}}},
      {depthwise_of(40, 10, 14), 16, {{"rows", 4}, {"filter_y", 2}, {"order", 1}, {"split", 2}, {"tile_x", 7}, {"vectors", 1}}},
      {strided, 19, {{"rows", 2}, {"tile_x", 5}}},
      {unpadded, 33, {{"rows", 1}, {"filter_x", 3}}}};
  for (const auto& one : cases) {
    const Example e(one.depthwise, one.k, rng);
    const auto plan = plan_of(e.problem(), one.knobs);
    check(e, plan, made(plan), 2);
  }
}

TEST_F(Chains, OfRandomShapesAndConfigurationsToo) {
  Rng rng(static_cast<uint64_t>(getpid()));
  const auto some = [&](int64_t least, uint64_t count) { return least + static_cast<int64_t>(rng.below(count)); };
  for (int i = 0; i < random_cases(); ++i) {
    auto d = depthwise_of(some(2, 40), some(6, 12), some(6, 12));
    d.kernel_h = some(1, 5), d.kernel_w = some(1, 5), d.stride_h = some(1, 2), d.stride_w = some(1, 2), d.dilation_h = some(1, 1),
    d.dilation_w = some(1, 2);
    d.top = some(0, 3), d.left = some(0, 3), d.bottom = some(0, 3), d.right = some(4, 3);
    const Example e(d, some(1, 40), rng);
    const auto plan = random_plan(rng, e.problem());
    check(e, plan, made(plan), 1 + static_cast<int>(rng.below(3)));
  }
}

TEST_F(Chains, OfOtherPlansAreRefused) {
  Rng rng(5);
  const Example e(depthwise_of(16, 6, 6), 8, rng);
  auto plan = plan_of(e.problem(), {{"rows", 2}});
  const auto kernel = made(plan);
  plan.knobs["rows"] = 3;
  EXPECT_NE(message_of([&] {
              (void)kernels::make_generated_chain(e.chain({}, {}, false), plan.knobs, kernel, kernels::best_loops());
            }).find("was expected"),
            std::string::npos);
  const auto swish = e.chain({ActivationKind::kSwish, 0, 0}, {}, false);
  EXPECT_NE(message_of([&] { (void)kernels::make_generated_chain(swish, plan.knobs, kernel, kernels::best_loops()); }).find("activations that clip"),
            std::string::npos);
}

TEST(ChainPlans, SayWhyTheyAreInvalid) {
  const std::string problem = "chain conv ic32ih14oc32kh3ph1g32 + conv ic32ih14oc16";
  kernels::KernelPlan plan{problem, kernels::kernel_kind_of(problem).usual(problem, 8), "x86-64-avx2"};
  EXPECT_EQ(plan.reason_against(), "");
  const auto reason = [&](const kernels::Knobs& knobs) {
    auto other = plan;
    for (const auto& [name, value] : knobs) other.knobs[name] = value;
    return other.reason_against();
  };
  EXPECT_NE(reason({{"rows", 5}}).find("rows=5 is not a value"), std::string::npos);
  EXPECT_NE(reason({{"tile_x", 14}, {"vectors", 2}}).find("a register tile of 28 vectors"), std::string::npos);
  EXPECT_NE(reason({{"filter_x", 12}, {"filter_y", 2}}).find("a register tile of 24 vectors"), std::string::npos);
  EXPECT_NE(reason({{"rows", 1}, {"filter_y", 2}}).find("fewer rows"), std::string::npos);
  EXPECT_NE(reason({{"split", 2}, {"tile_x", 6}}).find("divides a row"), std::string::npos);
  const auto refusal = [](const std::string& text) { return kernels::kernel_kind_of(text).reason_against(text); };
  EXPECT_NE(refusal("chain conv ic32ih14oc32kh3ph1 + conv ic32ih14oc16").find("not depthwise"), std::string::npos);
  EXPECT_NE(refusal("chain conv ic32ih14oc32kh3ph1g32 + conv ic32ih14oc16kh3ph1").find("not 1x1"), std::string::npos);
  EXPECT_NE(refusal("chain conv ic32ih14oc32kh3ph1sh2g32 + conv ic32ih14oc16").find("another image"), std::string::npos);
  EXPECT_NE(message_of([&] { (void)refusal("chain conv ic32ih14oc32kh3ph1g32"); }).find("expected 'chain conv ... + conv ...'"), std::string::npos);
  EXPECT_NE(message_of([&] { (void)refusal("chian conv ic32"); }).find("did you mean 'chain'?"), std::string::npos);
}

}  // namespace
}  // namespace scissionlite::generate
