#include "kernels/conv/conv.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>

#include "base/tensor.h"
#include "base/test_messages.h"
#include "kernels/conv/panels.h"
#include "kernels/conv/test_reference.h"
#include "kernels/conv/test_values.h"
#include "kernels/layout.h"
#include "kernels/sparse24/product_code.h"
#include "kernels/vector/loops.h"

namespace scissionlite::kernels {
namespace {

double activated(double x, const ActivationArguments& f) {
  const auto clip = [](double v, double low, double high) { return std::min(std::max(v, low), high); };
  switch (f.kind) {
    case ActivationKind::kNone: return x;
    case ActivationKind::kRelu: return std::max(x, 0.0);
    case ActivationKind::kClip: return clip(x, f.alpha, f.beta);
    case ActivationKind::kLeakyRelu: return x > 0 ? x : x * f.alpha;
    case ActivationKind::kHardSigmoid: return clip(x * f.alpha + f.beta, 0, 1);
    case ActivationKind::kHardSwish: return x * clip(x / 6 + 0.5, 0, 1);
    case ActivationKind::kSigmoid: return 1 / (1 + std::exp(-x));
    case ActivationKind::kSwish: return x / (1 + std::exp(-x));
    case ActivationKind::kTanh: return std::tanh(x);
    case ActivationKind::kElu: return x > 0 ? x : f.alpha * (std::exp(x) - 1);
  }
  return x;
}

/// A problem with its data, and the answer in double precision by the loop nest of the definition.
struct Case {
  ConvProblem p;
  ConvEnd end;
  std::vector<float> x, w, bias, residual;

  /// @param precision  x and w have values of it: bf16's products of them are exact, so that only the order of sums differs.
  Case(ConvProblem problem, ConvEnd end_given, uint64_t seed, Precision precision) : p(problem), end(end_given) {
    Rng rng(seed);
    x = random_values(rng, p.n * p.c * p.h * p.w);
    w = random_values(rng, p.k * (p.c / p.groups) * p.kernel_h * p.kernel_w);
    if (precision == Precision::kBf16)
      for (auto* values : {&x, &w})
        for (float& v : *values) v = bf16_to_f32(f32_to_bf16(v));
    if (p.is_two_four) make_two_four(w.data(), p.k, p.c, p.kernel_h * p.kernel_w);
    bias = random_values(rng, p.k);
    if (end.has_residual) residual = random_values(rng, p.n * p.k * p.out_h() * p.out_w());
  }

  [[nodiscard]] double one(int64_t n, int64_t k, int64_t row, int64_t column) const {
    return bias[static_cast<size_t>(k)] + one_output(p, x, w, n, k, row, column);
  }

  /// @param largest  gets the largest value before the activation, at least 1: sums of products of normal numbers that are all smaller have
  ///                 cancelled out. Rounding errors are of its size, however small the activation makes the result.
  [[nodiscard]] std::vector<float> expected(double& largest) const {
    std::vector<float> y;
    largest = 1;
    for (int64_t n = 0; n < p.n; ++n)
      for (int64_t k = 0; k < p.k; ++k)
        for (int64_t row = 0; row < p.out_h(); ++row)
          for (int64_t column = 0; column < p.out_w(); ++column) {
            const double plus = residual.empty() ? 0 : residual[y.size()];
            const double before = one(n, k, row, column) + plus;
            largest = std::max(largest, std::abs(before));
            y.push_back(static_cast<float>(activated(before, end.activation)));
          }
    return y;
  }

  /// Through one implementation; buffers end with a zone that must stay as it is.
  [[nodiscard]] std::vector<float> computed(const ConvImplementation& implementation, const Knobs& knobs, const VectorLoops& loops,
                                            int threads) const {
    constexpr float kUntouched = 12345;
    const auto conv = implementation.make(p, {w.data(), bias.data()}, end, knobs, loops);
    const int64_t lanes = loops.lanes, in = p.n * round_up(p.c, lanes) * p.h * p.w, pixels = p.out_h() * p.out_w(),
                  out = p.n * round_up(p.k, lanes) * pixels;
    std::vector<float> blocked_x(static_cast<size_t>(in)), blocked_r(static_cast<size_t>(out)), y(static_cast<size_t>(out + 64), kUntouched),
        plain(static_cast<size_t>(p.n * p.k * pixels));
    std::vector<float> scratch(static_cast<size_t>(conv->scratch_floats(threads) + 64), kUntouched);
    if (conv->takes_plain_input()) blocked_x = x;
    else to_blocked(x.data(), blocked_x.data(), p.n, p.c, p.h * p.w, lanes);
    if (!residual.empty()) to_blocked(residual.data(), blocked_r.data(), p.n, p.k, pixels, lanes);
    for (int repeat = 0; repeat < 2; ++repeat)
      conv->run(blocked_x.data(), residual.empty() ? nullptr : blocked_r.data(), y.data(), scratch.data(), threads);
    for (size_t i = 0; i < 64; ++i) RC_ASSERT(y[static_cast<size_t>(out) + i] == kUntouched && scratch[scratch.size() - 64 + i] == kUntouched);
    to_plain(y.data(), plain.data(), p.n, p.k, pixels, lanes);
    return plain;
  }
};

/// Errors relative to the largest value before the activation, by what the implementation's arithmetic costs.
double tolerance(const std::string& implementation, const Knobs& knobs) {
  if (implementation == "onednn") return 1e-4;  // its polynomials of tanh and the like
  if (!implementation.starts_with("winograd")) return 1e-5;
  return knobs.at("m") <= 2 ? 2e-5 : knobs.at("m") <= 4 ? 1e-4 : 1e-3;
}

double error_of(const std::vector<float>& got, const std::vector<float>& expected, double largest) {
  double error = 0;
  for (size_t i = 0; i < got.size(); ++i) error = std::max(error, std::isnan(got[i]) ? 1e30 : std::abs(static_cast<double>(got[i]) - expected[i]));
  return error / largest;
}

/// What few of the random problems are, for implementations that take nothing else.
void narrow(ConvProblem& p, const std::string& implementation) {
  if (implementation == "winograd") p.kernel_h = p.kernel_w = 3, p.stride_h = p.stride_w = p.dilation_h = p.dilation_w = 1;
  if (implementation == "image") p.c = *rc::gen::inRange<int64_t>(1, 5), p.dilation_w = 1;
  if (implementation == "winograd_image") {
    p.c = *rc::gen::inRange<int64_t>(1, 5), p.stride_h = p.stride_w = 2, p.dilation_h = p.dilation_w = 1;
    p.kernel_h = *rc::gen::inRange<int64_t>(5, 9), p.kernel_w = *rc::gen::element<int64_t>(int64_t{p.kernel_h}, 1, 3, 7);
  }
  if (implementation == "strassen") {
    p.kernel_h = p.kernel_w = p.stride_h = p.stride_w = 1, p.top = p.left = p.bottom = p.right = 0;
    p.c = *rc::gen::element<int64_t>(16, 25, 31, 48, 64, 90), p.k = *rc::gen::element<int64_t>(15, 16, 32, 57, 96, 125);
  }
  if (implementation == "sparse24") {
    p.kernel_h = p.kernel_w = p.stride_h = p.stride_w = 1, p.top = p.left = p.bottom = p.right = 0, p.is_two_four = true;
    p.c = *rc::gen::inRange<int64_t>(1, 150);
  }
  if (implementation == "sparse24_window") {
    p.is_two_four = true;
    p.c = *rc::gen::inRange<int64_t>(1, 70);
    p.kernel_h = *rc::gen::inRange<int64_t>(1, 6), p.kernel_w = *rc::gen::element<int64_t>(int64_t{p.kernel_h}, 1, 2, 3, 5);
    p.bottom = *rc::gen::inRange<int64_t>(0, 4), p.right = *rc::gen::inRange<int64_t>(0, 4);
  }
  if (implementation == "compact")
    p.kernel_h = p.kernel_w = 1, p.top = p.left = p.bottom = p.right = 0, p.stride_h = *rc::gen::inRange<int64_t>(1, 4),
    p.stride_w = *rc::gen::inRange<int64_t>(2, 4);
}

ConvProblem random_problem(const std::string& implementation) {
  const bool is_narrow = implementation == "winograd" || implementation == "winograd_image" || implementation == "strassen" ||
                         implementation == "image" || implementation == "compact" || implementation == "bf16" ||
                         implementation.starts_with("sparse24");
  ConvProblem p;
  p.n = *rc::gen::inRange<int64_t>(1, 3);
  const auto kind = is_narrow ? 2 : *rc::gen::inRange(0, 4);
  p.groups = kind == 0 ? *rc::gen::inRange<int64_t>(2, 5) : 1;
  p.c = p.groups * *rc::gen::inRange<int64_t>(1, kind == 0 ? 10 : 36);
  p.k = p.groups * *rc::gen::inRange<int64_t>(1, kind == 0 ? 10 : 70);
  if (kind == 1) p.groups = p.k = p.c;
  p.kernel_h = *rc::gen::element<int64_t>(1, 3, 3, 3, 5, 7);
  p.kernel_w = *rc::gen::element<int64_t>(int64_t{p.kernel_h}, int64_t{p.kernel_h}, 1, 2, 3);
  p.stride_h = *rc::gen::element<int64_t>(1, 1, 2, 3);
  p.stride_w = *rc::gen::element<int64_t>(int64_t{p.stride_h}, 1);
  p.dilation_h = *rc::gen::element<int64_t>(1, 1, 2);
  p.dilation_w = *rc::gen::element<int64_t>(int64_t{p.dilation_h}, 1);
  p.top = *rc::gen::inRange<int64_t>(0, 4);
  p.left = *rc::gen::inRange<int64_t>(0, 4);
  p.bottom = *rc::gen::element<int64_t>(int64_t{p.top}, 0, 2);
  p.right = *rc::gen::element<int64_t>(int64_t{p.left}, 1);
  narrow(p, kind == 2 && !is_narrow ? "winograd" : implementation);
  const int64_t least_h = std::max<int64_t>(1, (p.kernel_h - 1) * p.dilation_h + 1 - p.top - p.bottom),
                least_w = std::max<int64_t>(1, (p.kernel_w - 1) * p.dilation_w + 1 - p.left - p.right);
  p.h = least_h + *rc::gen::inRange<int64_t>(0, 14);
  p.w = least_w + *rc::gen::inRange<int64_t>(0, 18);
  return p;
}

ConvEnd random_end() {
  ConvEnd end;
  end.has_residual = *rc::gen::arbitrary<bool>();
  end.activation.kind = static_cast<ActivationKind>(*rc::gen::inRange(0, 10));
  end.activation.alpha = end.activation.kind == ActivationKind::kClip ? 0.F : 0.2F;
  end.activation.beta = end.activation.kind == ActivationKind::kClip ? 6.F : 0.5F;
  return end;
}

class EveryConvolution : public testing::TestWithParam<std::string> {};

TEST_P(EveryConvolution, EqualsTheDefinition) {
  const auto& implementation = conv_implementation(GetParam());
  if (GetParam() == "sparse24_window" && !(assembles_for_this_cpu() && all_loops().front()->lanes == ProductCode::kLanes))
    GTEST_SKIP() << "[SKIP] needs avx512";
  int tried = 0;
  const auto property = [&] {
    const auto problem = random_problem(implementation.name);
    const auto* loops = *rc::gen::elementOf(all_loops());
    const auto reason = implementation.reason_against(problem, *loops);  // oneDNN runs with its own choice of instruction set only
    RC_PRE(reason.empty());
    Knobs knobs = implementation.usual(problem, *loops);
    if (*rc::gen::arbitrary<bool>())
      for (const auto& range : implementation.knobs(problem, *loops)) knobs[range.name] = *rc::gen::elementOf(range.values);
    const Case c(problem, random_end(), *rc::gen::arbitrary<uint32_t>(), implementation.precision);
    double largest = 0;
    const auto expected = c.expected(largest);
    const double error = error_of(c.computed(implementation, knobs, *loops, *rc::gen::inRange(1, 4)), expected, largest);
    RC_LOG() << problem.text() << " " << describe(implementation.name, knobs) << " " << loops->isa << " error " << error;
    RC_ASSERT(error <= tolerance(implementation.name, knobs));
    ++tried;
  };
  EXPECT_TRUE(rc::check("random problems, ends, knobs, threads and instruction sets", property));
  EXPECT_GT(tried, 20);
}

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const auto* row : conv_implementations(Precision::kBf16))
    if (std::string(row->name) != "generated") out.emplace_back(row->name);  // has no kernel before one is made: src/generate/generate_test.cc
  return out;
}
INSTANTIATE_TEST_SUITE_P(Table, EveryConvolution, testing::ValuesIn(names()), [](const auto& info) { return info.param; });

TEST(Convolutions, OfBf16AreTakenWhereThatIsAskedForOnly) {
  for (const auto* row : conv_implementations()) EXPECT_EQ(row->precision, Precision::kF32) << row->name;
  EXPECT_EQ(conv_implementation("bf16").precision, Precision::kBf16);
  const ConvProblem depthwise{.c = 64, .h = 14, .w = 14, .k = 64, .kernel_h = 3, .kernel_w = 3, .groups = 64};
  EXPECT_NE(conv_implementation("bf16").reason_against(depthwise, best_loops()), "");
}

TEST(Convolutions, UnknownNamesAreSaid) {
  EXPECT_NE(message_of([] { (void)conv_implementation("winogard"); }).find("did you mean 'winograd'?"), std::string::npos);
}

TEST(Convolutions, TheUsualChoiceIsWinogradForWide3x3AndDirectFor1x1) {
  ConvProblem p{.c = 64, .h = 56, .w = 56, .k = 64, .kernel_h = 3, .kernel_w = 3, .top = 1, .left = 1, .bottom = 1, .right = 1};
  EXPECT_STREQ(usual_conv(p, best_loops()).implementation->name, "winograd");
  p = {.c = 64, .h = 56, .w = 56, .k = 64};
  EXPECT_STREQ(usual_conv(p, best_loops()).implementation->name, "direct");
  p = {.c = 64, .h = 56, .w = 56, .k = 64, .kernel_h = 3, .kernel_w = 3, .groups = 64};
  EXPECT_STREQ(usual_conv(p, best_loops()).implementation->name, "depthwise");
}

TEST(Convolutions, OfTwoFourWeightsAreTakenWithStridesWhereCodeCanBeGenerated) {
  const ConvProblem strided{
      .c = 128, .h = 28, .w = 28, .k = 256, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .top = 1, .left = 1, .bottom = 1, .right = 1};
  for (const auto* loops : all_loops())
    for (const bool is_two_four : {true, false}) {
      auto p = strided;
      p.is_two_four = is_two_four;
      const bool is_taken = is_two_four && assembles_for_this_cpu() && loops->lanes == ProductCode::kLanes;
      EXPECT_EQ(std::string(usual_conv(p, *loops).implementation->name) == "sparse24_window", is_taken) << loops->isa;
    }
  ConvProblem grouped = strided;
  grouped.groups = 2, grouped.is_two_four = true;
  EXPECT_EQ(conv_implementation("sparse24_window").reason_against(grouped, best_loops()), "groups");
}

TEST(Convolutions, TheUsualChoiceReadsImagesAsTheyAreAndGathersStrided1x1) {
  ConvProblem p{
      .c = 3, .h = 224, .w = 224, .k = 32, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .top = 1, .left = 1, .bottom = 1, .right = 1};
  EXPECT_STREQ(usual_conv(p, best_loops()).implementation->name, "image");
  p = {.c = 1024, .h = 64, .w = 64, .k = 2048, .stride_h = 2, .stride_w = 2};  // 16 MiB: more than any L2
  EXPECT_STREQ(usual_conv(p, best_loops()).implementation->name, "compact");
}

}  // namespace
}  // namespace scissionlite::kernels
