// Every way to multiply bf16 that this CPU has, on what tells them apart: rounding, tiles' tails, strips of rows, pieces, ends, threads.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <iostream>
#include <limits>

#include "base/tensor.h"
#include "kernels/bf16/dense.h"
#include "kernels/bf16/loops.h"
#include "kernels/conv/panels.h"
#include "kernels/conv/test_reference.h"
#include "kernels/conv/test_values.h"
#include "kernels/layout.h"
#include "kernels/vector/loops.h"

namespace scissionlite::kernels {
namespace {

constexpr double kTolerance = 1e-5;  // of max|y|: sums in another order, rounded after each product

std::vector<float> rounded_values(Rng& rng, int64_t count) {
  auto values = random_values(rng, count);
  for (float& v : values) v = bf16_to_f32(f32_to_bf16(v));
  return values;
}

std::vector<ConvProblem> problems() {
  return {
      {.c = 64, .h = 7, .w = 7, .k = 32},   // 49 pixels: one in the last tile
      {.c = 31, .h = 5, .w = 13, .k = 70},  // neither channels nor outputs fill a unit
      {.c = 33, .h = 3, .w = 3, .k = 16},
      {.c = 96, .h = 20, .w = 20, .k = 48, .stride_h = 2, .stride_w = 2},
      {.n = 2, .c = 40, .h = 14, .w = 14, .k = 40, .kernel_h = 3, .kernel_w = 3, .top = 1, .left = 1, .bottom = 1, .right = 1},
      {.c = 32, .h = 7, .w = 7, .k = 33, .kernel_h = 3, .kernel_w = 3, .top = 1, .left = 1, .bottom = 1, .right = 1},  // rows of 7 in one strip
      {.c = 3, .h = 23, .w = 21, .k = 24, .kernel_h = 7, .kernel_w = 7, .stride_h = 2, .stride_w = 2, .top = 3, .left = 3, .bottom = 3, .right = 3},
      {.c = 35, .h = 19, .w = 40, .k = 17, .kernel_h = 3, .kernel_w = 1, .stride_w = 3, .dilation_h = 2, .top = 2, .bottom = 1}};
}

/// Largest error as a share of max|y|.
double error_of(const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs, bool has_residual, int threads) {
  Rng rng(3);
  const auto x = rounded_values(rng, p.n * p.c * p.h * p.w), w = rounded_values(rng, p.k * p.c * p.kernel_h * p.kernel_w),
             bias = random_values(rng, p.k);
  const int64_t pixels = p.out_h() * p.out_w(), lanes = loops.lanes;
  const auto residual = random_values(rng, p.n * p.k * pixels);
  const ConvEnd end{has_residual, {ActivationKind::kLeakyRelu, 0.25F, 0}};
  const auto conv = conv_implementation("bf16").make(p, {w.data(), bias.data()}, end, knobs, loops);
  AlignedFloats in(p.n * round_up(p.c, lanes) * p.h * p.w), added(p.n * round_up(p.k, lanes) * pixels), out(added.size()),
      scratch(conv->scratch_floats(threads));
  to_blocked(x.data(), in.data(), p.n, p.c, p.h * p.w, lanes);
  to_blocked(residual.data(), added.data(), p.n, p.k, pixels, lanes);
  conv->run(in.data(), has_residual ? added.data() : nullptr, out.data(), scratch.data(), threads);
  std::vector<float> y(residual.size());
  to_plain(out.data(), y.data(), p.n, p.k, pixels, lanes);
  double error = 0, largest = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    const int64_t n = at / (p.k * pixels), k = at / pixels % p.k, pixel = at % pixels;
    const double sum =
        bias[static_cast<size_t>(k)] + (has_residual ? residual[i] : 0.0) + one_output(p, x, w, n, k, pixel / p.out_w(), pixel % p.out_w());
    const double expected = sum > 0 ? sum : sum * 0.25;
    largest = std::max(largest, std::abs(expected));
    error = std::max(error, std::isnan(y[i]) ? 1e30 : std::abs(y[i] - expected));
  }
  return error / largest;
}

TEST(Bf16, EveryWayEqualsTheDefinitionOnRoundedOperands) {
  for (const auto* loops : all_loops())
    for (const auto* way : bf16_loops(loops->lanes))
      for (const auto& p : problems())
        for (const int64_t vectors : panel_vectors_values(blocks_of(p.k, loops->lanes)))
          for (const int threads : {1, 3}) {
            const Knobs knobs{
                {"way", static_cast<int64_t>(way->way)}, {"vectors", vectors}, {"steps", threads == 1 ? 1024 : 3}, {"band", threads == 1 ? 512 : 8}};
            EXPECT_LE(error_of(p, *loops, knobs, vectors % 2 == 0, threads), kTolerance)
                << way->isa << " " << p.text() << " " << text_of(knobs) << " threads " << threads;
          }
}

TEST(Bf16, DenseEqualsTheDefinitionOnRoundedOperands) {
  for (const auto* loops : all_loops())
    for (const int64_t m : {1, 3, 8, 45})
      for (const auto& [k, n] : {std::pair<int64_t, int64_t>{33, 5}, {64, 64}, {100, 90}})
        for (const bool is_transposed : {false, true}) {
          Rng rng(4);
          const auto x = rounded_values(rng, m * k), w = rounded_values(rng, k * n), bias = random_values(rng, n);
          const int64_t row = is_transposed ? 1 : n, column = is_transposed ? k : 1;
          const Bf16Dense dense(k, n, {w.data(), row, column, bias.data()}, {ActivationKind::kRelu, 0, 0}, *loops);
          std::vector<float> y(static_cast<size_t>(m * n));
          AlignedFloats scratch(dense.scratch_bytes(m) / static_cast<int64_t>(sizeof(float)));
          dense.run(x.data(), m, y.data(), reinterpret_cast<std::byte*>(scratch.data()), m == 3 ? 2 : 1);
          double error = 0, largest = 0;
          for (int64_t i = 0; i < m * n; ++i) {
            double sum = bias[static_cast<size_t>(i % n)];
            for (int64_t j = 0; j < k; ++j)
              sum += static_cast<double>(x[static_cast<size_t>(i / n * k + j)]) * w[static_cast<size_t>(j * row + i % n * column)];
            largest = std::max(largest, std::abs(sum));
            error = std::max(error, std::abs(y[static_cast<size_t>(i)] - std::max(sum, 0.0)));
          }
          EXPECT_LE(error / largest, kTolerance) << loops->isa << " " << m << " x " << k << " x " << n;
        }
}

TEST(Bf16, WaysAreThoseOfTheCpu) {
  for (const auto* loops : all_loops()) {
    const auto ways = bf16_loops(loops->lanes);
    ASSERT_FALSE(ways.empty());
    EXPECT_EQ(ways.back()->way, Bf16Way::kWidened);
    EXPECT_EQ(&bf16_loops(loops->lanes, Bf16Way::kWidened), ways.back());
    EXPECT_EQ(&bf16_loops(loops->lanes, Bf16Way::kTiles), ways.front());
    for (const auto* way : ways) std::cout << "[ways]   " << loops->isa << ": " << way->isa << "\n";
  }
  if (best_loops().lanes == 16 && bf16_loops(16).size() < 3) std::cout << "[SKIP] needs avx512bf16 and amx_bf16 for every way\n";
}

TEST(Bf16, RoundsToNearestEvenAndKeepsWhatIsNoNumber) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> special{
      0.F,     -0.F,   1.F,      1.00390625F, 1.01171875F, -1.00390625F, 1.0039063F, inf, -inf, nan, -nan, 3.4e38F, std::bit_cast<float>(0x7f800001),
      65504.F, 1e-30F, -3.14159F};
  for (const auto* loops : all_loops())
    for (const auto* way : bf16_loops(loops->lanes)) {
      Rng rng(9);
      constexpr int64_t kPixels = 5;
      const int64_t lanes = loops->lanes, blocks = kBf16Unit / lanes - (lanes < kBf16Unit / 2 ? 1 : 0);
      auto x = random_values(rng, blocks * kPixels * lanes);
      std::copy(special.begin(), special.end(), x.begin());
      std::vector<uint16_t> y(static_cast<size_t>(kPixels * kBf16Unit), 77);
      way->round({.x = x.data(), .x_block = kPixels * lanes, .x_pixel = lanes, .blocks = blocks, .pixels = kPixels, .y = y.data()});
      for (int64_t p = 0; p < kPixels; ++p)
        for (int64_t c = 0; c < kBf16Unit; ++c) {
          const uint16_t expected =
              c / lanes < blocks ? f32_to_bf16(x[static_cast<size_t>((c / lanes * kPixels + p) * lanes + c % lanes)]) : uint16_t{0};
          EXPECT_EQ(y[static_cast<size_t>(p * kBf16Unit + c)], expected) << way->isa << " pixel " << p << " channel " << c;
        }
    }
}

}  // namespace
}  // namespace scissionlite::kernels
