// Configurations of convolutions become kernels that compute what the definition says: all algorithms once, and random ones.
#include "base/cpu.h"
#include "base/test_messages.h"
#include "generate/test_kernels.h"
#include "kernels/conv/generated.h"
#include "kernels/conv/panels.h"
#include "kernels/conv/test_reference.h"
#include "kernels/conv/test_values.h"
#include "kernels/layout.h"

namespace scissionlite::generate {
namespace {

using kernels::ConvEnd;
using kernels::ConvPlan;
using kernels::ConvProblem;

double activated(double x, const ConvEnd& end) {
  const auto& f = end.activation;
  switch (f.kind) {
    case kernels::ActivationKind::kRelu: return std::max(x, 0.0);
    case kernels::ActivationKind::kClip: return std::min(std::max(x, static_cast<double>(f.alpha)), static_cast<double>(f.beta));
    case kernels::ActivationKind::kSwish: return x / (1 + std::exp(-x));
    default: return x;
  }
}

/// Largest difference from the definition, of the largest value; zones around the buffers must stay as they are.
double error_of(const kernels::Convolution& conv, const ConvProblem& p, const std::vector<float>& w, const std::vector<float>& bias,
                const ConvEnd& end, int64_t lanes, int threads) {
  Rng rng(7);
  const int64_t pixels = p.out_h() * p.out_w(), outputs = p.n * p.k * pixels;
  const auto x = kernels::random_values(rng, p.n * p.c * p.h * p.w), residual = kernels::random_values(rng, outputs);
  std::vector<float> in(static_cast<size_t>(p.n * kernels::round_up(p.c, lanes) * p.h * p.w)),
      plus(static_cast<size_t>(p.n * kernels::round_up(p.k, lanes) * pixels));
  std::vector<float> y(plus.size() + kZone, kUntouched), scratch(static_cast<size_t>(conv.scratch_floats(threads)) + kZone, kUntouched),
      got(static_cast<size_t>(outputs));
  kernels::to_blocked(x.data(), in.data(), p.n, p.c, p.h * p.w, lanes);
  kernels::to_blocked(residual.data(), plus.data(), p.n, p.k, pixels, lanes);
  conv.run(in.data(), end.has_residual ? plus.data() : nullptr, y.data(), scratch.data(), threads);
  for (size_t i = 0; i < kZone; ++i) EXPECT_TRUE(y[plus.size() + i] == kUntouched && scratch[scratch.size() - kZone + i] == kUntouched);
  kernels::to_plain(y.data(), got.data(), p.n, p.k, pixels, lanes);
  double most = 1e-20, error = 0;
  for (int64_t at = 0; at < outputs; ++at) {
    const int64_t k = at / pixels % p.k;
    const double sum = kernels::one_output(p, x, w, at / pixels / p.k, k, at % pixels / p.out_w(), at % p.out_w()) + bias[static_cast<size_t>(k)] +
                       (end.has_residual ? static_cast<double>(residual[static_cast<size_t>(at)]) : 0);
    const double right = activated(sum, end), difference = std::abs(static_cast<double>(got[static_cast<size_t>(at)]) - right);
    most = std::max(most, std::abs(right)), error = std::max(error, std::isnan(difference) ? 1e30 : difference);
  }
  return error / most;
}

/// Of one kernel with all kinds of ends.
void check(const ConvPlan& plan, const std::shared_ptr<const kernels::KernelObject>& kernel, int threads) {
  const auto& p = plan.problem;
  Rng rng(3);
  const auto w = kernels::random_values(rng, p.k * (p.c / p.groups) * p.kernel_h * p.kernel_w), bias = kernels::random_values(rng, p.k);
  const double most = plan.winograd_edge() == 6 ? 1e-3 : plan.winograd_edge() == 4 ? 1e-4 : 2e-5;
  for (const auto kind : {kernels::ActivationKind::kNone, kernels::ActivationKind::kClip, kernels::ActivationKind::kSwish})
    for (const bool has_residual : {false, true}) {
      const ConvEnd end{has_residual, {kind, -0.5F, 2.F}};
      const auto conv = kernels::make_generated(plan, kernel, {w.data(), bias.data()}, end, kernels::best_loops());
      EXPECT_LE(error_of(*conv, p, w, bias, end, plan.lanes(), threads), most) << plan.identity() << ", residual " << has_residual;
    }
}

ConvPlan plan_with(const ConvProblem& problem, const kernels::Knobs& knobs) {
  const auto& loops = kernels::best_loops();
  ConvPlan plan{problem, kernels::usual_generated_knobs(problem, loops.lanes), kernels::target_of(loops)};
  for (const auto& [name, value] : knobs) plan.knobs[name] = value;
  return plan;
}

ConvProblem padded(int64_t c, int64_t k, int64_t h, int64_t w) {
  return {.n = 2, .c = c, .h = h, .w = w, .k = k, .kernel_h = 3, .kernel_w = 3, .top = 1, .left = 1, .bottom = 1, .right = 1};
}

struct Named {
  std::string name;
  ConvPlan plan;
};
std::vector<Named> examples() {
  const auto three = padded(19, 40, 9, 14);
  auto depthwise = padded(21, 21, 10, 11);
  depthwise.groups = 21;
  ConvProblem strided = padded(16, 24, 11, 13);
  strided.stride_h = strided.stride_w = 2, strided.right = 0;
  const ConvProblem pointwise{.n = 2, .c = 35, .h = 7, .w = 9, .k = 32};
  ConvProblem image{.c = 3,
                    .h = 17,
                    .w = 15,
                    .k = 16,
                    .kernel_h = 5,
                    .kernel_w = 3,
                    .stride_h = 2,
                    .stride_w = 1,
                    .dilation_w = 2,
                    .top = 2,
                    .left = 1,
                    .bottom = 2,
                    .right = 1};
  return {{"Direct", plan_with(three, {{"rows", 2}})},
          {"DirectInPartsOfTheInput", plan_with(three, {{"tile_x", 7}, {"vectors", 1}, {"split", 2}, {"order", 1}})},
          {"DirectOfAnImage", plan_with(image, {{"tile_x", 5}})},
          {"Pointwise", plan_with(pointwise, {{"rows", 1}, {"panels", 1}})},
          {"Im2colStrided", plan_with(strided, {{"algorithm", kernels::kGeneratedIm2col}, {"order", 1}, {"tile_x", 3}})},
          {"Depthwise", plan_with(depthwise, {{"rows", 2}, {"tile_x", 3}})},
          {"Winograd2", plan_with(three, {{"algorithm", kernels::kGeneratedWinograd2}, {"tile_x", 3}, {"rows", 2}})},
          {"Winograd4", plan_with(three, {{"algorithm", kernels::kGeneratedWinograd4}, {"tile_x", 5}})},
          {"Winograd6", plan_with(three, {{"algorithm", kernels::kGeneratedWinograd6}, {"tile_x", 2}, {"rows", 1}})}};
}

TEST_F(Kernels, ComputeWhatTheDefinitionSays) {
  std::vector<std::shared_ptr<const kernels::KernelObject>> kept;  // several are loaded at once
  for (const auto& [name, plan] : examples()) {
    SCOPED_TRACE(name);
    kept.push_back(made(plan.plan()));
    check(plan, kept.back(), name == "Direct" ? 3 : 1);
  }
}

TEST_F(Kernels, OfRandomConfigurationsToo) {
  Rng rng(static_cast<uint64_t>(getpid()));
  for (int tried = 0, wanted = random_cases(); tried < wanted;) {
    ConvProblem p = padded(1 + static_cast<int64_t>(rng.below(40)), 1 + static_cast<int64_t>(rng.below(40)), 3 + static_cast<int64_t>(rng.below(12)),
                           3 + static_cast<int64_t>(rng.below(12)));
    if (rng.below(3) == 0) p.groups = p.k = p.c = p.c + 1;
    if (rng.below(3) == 0) p.stride_w = 2, p.kernel_h = 5, p.top = 0, p.left = 2, p.bottom = 3;
    auto plan = plan_with(p, {});
    for (const auto& range : kernels::generated_knobs(p, plan.lanes())) plan.knobs[range.name] = range.values[rng.below(range.values.size())];
    if (!plan.reason_against().empty()) continue;
    ++tried;
    check(plan, made(plan.plan()), 1 + static_cast<int>(rng.below(3)));
  }
}

TEST_F(Kernels, OfOtherPlansAreRefused) {
  const auto plan = examples()[3].plan;
  auto other = plan;
  other.knobs["rows"] = 2;
  const auto kernel = made(plan.plan());
  const float weight = 0;
  const auto message = message_of([&] { (void)kernels::make_generated(other, kernel, {&weight, nullptr}, {}, kernels::best_loops()); });
  EXPECT_NE(message.find("was expected"), std::string::npos) << message;
}

TEST_F(Kernels, AreMadeForOtherInstructionSetsToo) {  // code of AVX-512 is made everywhere, and runs where the CPU has it
  for (const std::string target : {"x86-64-base", "x86-64-avx2", "x86-64-avx512"}) {
    auto plan = examples()[0].plan;
    plan.target = target;
    plan.knobs = kernels::usual_generated_knobs(plan.problem, plan.lanes());
    make_kernel(plan.plan(), default_tools(), folder_ / (target + ".so"));
    EXPECT_NE(read_file(folder_ / (target + ".so")).find(plan.identity()), std::string::npos);
  }
}

TEST(Plans, SayWhyTheyAreInvalid) {
  auto plan = examples()[0].plan;
  plan.target = "x86-64-avx2";  // which values a knob has depends on the lanes
  plan.knobs = kernels::usual_generated_knobs(plan.problem, plan.lanes());
  EXPECT_EQ(plan.reason_against(), "");
  plan.knobs["tile_x"] = 14, plan.knobs["vectors"] = 5;
  EXPECT_NE(plan.reason_against().find("a register tile of 70 vectors"), std::string::npos) << plan.reason_against();
  plan.knobs["vectors"] = 7;
  EXPECT_NE(plan.reason_against().find("vectors=7 is not a value"), std::string::npos) << plan.reason_against();
  plan.knobs.erase("rows");
  plan.knobs["vectors"] = 1;
  EXPECT_EQ(plan.reason_against(), "knob 'rows' is missing");
  plan.problem.groups = 2, plan.problem.c = 20;
  EXPECT_NE(plan.reason_against().find("groups"), std::string::npos);
  const auto message = message_of([] { (void)kernels::lanes_of_target("x86-64-avx22"); });
  EXPECT_NE(message.find("did you mean 'x86-64-avx2'?"), std::string::npos) << message;
  EXPECT_NE(message_of([&] { make_kernel(plan.plan(), default_tools(), "never.so"); }).find("no kernel"), std::string::npos);
}

TEST_F(Kernels, NeedACompilerAndSaySo) {
  auto tools = default_tools();
  tools.compiler = "no-such-compiler";
  EXPECT_NE(reason_against(tools).find("install gcc"), std::string::npos) << reason_against(tools);
  try {
    make_kernel(examples()[5].plan.plan(), tools, folder_ / "never.so");
    FAIL() << "a kernel without a compiler";
  } catch (const Unsupported& e) {
    EXPECT_NE(std::string(e.what()).find("no C compiler to link kernels with: 'no-such-compiler'"), std::string::npos) << e.what();
  }
  EXPECT_FALSE(fs::exists(folder_ / "never.so"));
}

TEST(Tools, NeedTheProgramAndSaySo) {
  EXPECT_NE(reason_against({"nowhere/scissionlite-generate", "cc"}).find("tools/install_deps.sh"), std::string::npos);
}

TEST(Objects, ThatAreNoneAreRefused) {
  const auto message = message_of([] { kernels::KernelObject("not an object", "a.so"); });
  EXPECT_NE(message.find("'a.so' is no kernel for this machine"), std::string::npos) << message;
}

}  // namespace
}  // namespace scissionlite::generate
