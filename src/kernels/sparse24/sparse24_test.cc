// 2:4 sparse weights: their packed form, the code that is generated for them, and dense layers. Convolutions: conv_test.cc.
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "base/tensor.h"
#include "kernels/conv/panels.h"
#include "kernels/conv/test_values.h"
#include "kernels/dense/two_four_dense.h"
#include "kernels/sparse24/product_code.h"
#include "kernels/vector/loops.h"

namespace scissionlite::kernels {
namespace {

std::vector<float> two_four_values(Rng& rng, int64_t outputs, int64_t inputs, int64_t taps = 1) {
  auto w = random_values(rng, outputs * inputs * taps);
  make_two_four(w.data(), outputs, inputs, taps);
  for (size_t i = 0; i < w.size(); i += 7) w[i] = 0;  // groups with fewer non-zeros
  return w;
}

TEST(TwoFour, PackingIsInvertible) {
  Rng rng(1);
  for (const auto& [outputs, inputs, taps] :
       {std::array<int64_t, 3>{1, 1, 1}, {3, 4, 1}, {5, 7, 1}, {16, 64, 1}, {9, 30, 1}, {2, 12, 1}, {5, 7, 9}, {3, 16, 4}, {2, 1, 3}}) {
    const auto w = two_four_values(rng, outputs, inputs, taps);
    const TwoFourLayout layout{outputs, inputs, taps};
    std::vector<std::byte> packed(static_cast<size_t>(layout.bytes()));
    pack_two_four(conv_view(w.data(), outputs, inputs, taps), packed.data());
    std::vector<float> back(w.size(), 99);
    unpack_two_four(layout, packed.data(), back.data());
    EXPECT_EQ(back, w) << outputs << " x " << inputs << " x " << taps;
  }
}

TEST(TwoFour, LayoutIsValuesThenTwoBitPlaces) {
  const std::vector<float> w{0, 5, 0, 6, 7, 0, 0, 0, 0, 0, 8, 9};  // places 1 3, 0 1, 2 3
  const TwoFourLayout layout{1, 12};
  ASSERT_EQ(layout.bytes(), 3 * 8 + 2);
  std::vector<std::byte> packed(static_cast<size_t>(layout.bytes()));
  pack_two_four({w.data(), 1, 12, 12, 1}, packed.data());
  const auto* values = reinterpret_cast<const float*>(packed.data());
  EXPECT_EQ(std::vector<float>(values, values + 6), (std::vector<float>{5, 6, 7, 0, 8, 9}));
  EXPECT_EQ(std::to_integer<int>(packed[24]), 0b0100'1101);
  EXPECT_EQ(std::to_integer<int>(packed[25]), 0b1110);
}

TEST(TwoFour, LayoutIsTapByTap) {
  const std::vector<float> w{0, 1, 2, 0, 3, 4, 0, 5};  // one output, four inputs, two taps: 0 2 3 0 and 1 0 4 5
  EXPECT_FALSE(is_two_four(conv_view(w.data(), 1, 4, 2)));
  auto kept = w;
  make_two_four(kept.data(), 1, 4, 2);
  EXPECT_EQ(kept, (std::vector<float>{0, 0, 2, 0, 3, 4, 0, 5}));
  EXPECT_TRUE(is_two_four(conv_view(kept.data(), 1, 4, 2)));
  const TwoFourLayout layout{1, 4, 2};
  ASSERT_EQ(layout.bytes(), 2 * 8 + 1);
  std::vector<std::byte> packed(17);
  pack_two_four(conv_view(kept.data(), 1, 4, 2), packed.data());
  const auto* values = reinterpret_cast<const float*>(packed.data());
  EXPECT_EQ(std::vector<float>(values, values + 4), (std::vector<float>{2, 3, 4, 5}));
  EXPECT_EQ(std::to_integer<int>(packed[16]), 0b1110'1001);
}

TEST(TwoFour, WhatIsAndWhatIsNot) {
  Rng rng(2);
  auto w = two_four_values(rng, 6, 10);
  const MatrixView rows{w.data(), 6, 10, 10, 1};
  EXPECT_TRUE(is_two_four(rows));
  std::vector<float> transposed(60);
  for (size_t i = 0; i < 60; ++i) transposed[i % 10 * 6 + i / 10] = w[i];
  EXPECT_TRUE(is_two_four({transposed.data(), 6, 10, 1, 6}));
  for (size_t i = 54; i < 57; ++i) w[i] = 1;  // three in the last output's second group
  EXPECT_FALSE(is_two_four(rows));
  const std::vector<float> no_numbers{NAN, NAN, NAN, 0};
  EXPECT_FALSE(is_two_four({no_numbers.data(), 1, 4, 4, 1}));
}

TEST(TwoFour, MakingKeepsTheLargest) {
  std::vector<float> w{1, -4, 3, 2, 5, 5, 5, 5, -1, 2, -3};  // the last group is short
  make_two_four(w.data(), 1, 11);
  EXPECT_EQ(std::vector<float>(w.begin(), w.begin() + 4), (std::vector<float>{0, -4, 3, 0}));
  EXPECT_EQ(std::count(w.begin() + 4, w.begin() + 8, 0.F), 2);
  EXPECT_EQ(std::vector<float>(w.begin() + 8, w.end()), (std::vector<float>{0, 2, -3}));
}

/// What GNU as makes of the same instructions; prefetches with a base of the first eight registers have an empty prefix of their own.
TEST(Assembler, WritesWhatGnuAsWrites) {
  using Bytes = std::vector<uint8_t>;
  const auto code_of = [](const auto& write) {
    Assembler to;
    write(to);
    return to.code();
  };
  constexpr auto kRdi = Pointer::kFirst, kRsi = Pointer::kSecond, kRdx = Pointer::kThird, kRcx = Pointer::kFourth, kR8 = Pointer::kFifth,
                 kR9 = Pointer::kSixth, kRax = Pointer::kOther;
  EXPECT_EQ(code_of([](Assembler& a) { a.zero(17); }), (Bytes{0x62, 0xa1, 0x75, 0x40, 0xef, 0xc9}));
  EXPECT_EQ(code_of([&](Assembler& a) { a.load(9, kRdi, -64); }), (Bytes{0x62, 0x71, 0x7c, 0x48, 0x10, 0x4f, 0xff}));
  EXPECT_EQ(code_of([&](Assembler& a) { a.load(31, kR8, 65536); }), (Bytes{0x62, 0x41, 0x7c, 0x48, 0x10, 0xb8, 0x00, 0x00, 0x01, 0x00}));
  EXPECT_EQ(code_of([&](Assembler& a) { a.load_one(3, kRsi, 508); }), (Bytes{0x62, 0xf2, 0x7d, 0x48, 0x18, 0x5e, 0x7f}));
  EXPECT_EQ(code_of([&](Assembler& a) { a.store(12, kRdx, 128); }), (Bytes{0x62, 0x71, 0x7c, 0x48, 0x11, 0x62, 0x02}));
  EXPECT_EQ(code_of([&](Assembler& a) { a.add_product_of_one(15, 30, kRsi, -512); }), (Bytes{0x62, 0x72, 0x0d, 0x50, 0xb8, 0x7e, 0x80}));
  EXPECT_EQ(code_of([&](Assembler& a) { a.add_product_of_one(1, 2, kRsi, 512); }),
            (Bytes{0x62, 0xf2, 0x6d, 0x58, 0xb8, 0x8e, 0x00, 0x02, 0x00, 0x00}));
  EXPECT_EQ(code_of([&](Assembler& a) { a.add(5, 21, kR8, 64); }), (Bytes{0x62, 0xd1, 0x54, 0x40, 0x58, 0x68, 0x01}));
  EXPECT_EQ(code_of([](Assembler& a) { a.greater(1, 16, 2); }), (Bytes{0x62, 0xf1, 0x7c, 0x40, 0x5f, 0xca}));
  EXPECT_EQ(code_of([](Assembler& a) { a.less(18, 17, 9); }), (Bytes{0x62, 0xc1, 0x74, 0x40, 0x5d, 0xd1}));
  EXPECT_EQ(code_of([](Assembler& a) { a.low_floats(16, 0, 1); }), (Bytes{0x62, 0xe1, 0x7c, 0x48, 0x14, 0xc1}));
  EXPECT_EQ(code_of([](Assembler& a) { a.high_floats(1, 24, 8); }), (Bytes{0x62, 0xd1, 0x3c, 0x40, 0x15, 0xc8}));
  EXPECT_EQ(code_of([](Assembler& a) { a.low_pairs(7, 25, 18); }), (Bytes{0x62, 0xb1, 0xb5, 0x40, 0x14, 0xfa}));
  EXPECT_EQ(code_of([](Assembler& a) { a.high_pairs(30, 6, 31); }), (Bytes{0x62, 0x01, 0xcd, 0x48, 0x15, 0xf7}));
  EXPECT_EQ(code_of([&](Assembler& a) { a.load_quarter(24, kR8, 48); }), (Bytes{0x62, 0x42, 0x7d, 0x48, 0x1a, 0x40, 0x03}));
  EXPECT_EQ(code_of([&](Assembler& a) { a.insert_quarter(27, 3, kR8, 1008); }), (Bytes{0x62, 0x43, 0x25, 0x40, 0x18, 0x58, 0x3f, 0x03}));
  EXPECT_EQ(code_of([&](Assembler& a) { a.fetch(kR9, 1000); }), (Bytes{0x41, 0x0f, 0x18, 0x91, 0xe8, 0x03, 0x00, 0x00}));
  EXPECT_EQ(code_of([&](Assembler& a) { a.fetch(kRax, 1000); }), (Bytes{0x40, 0x0f, 0x18, 0x90, 0xe8, 0x03, 0x00, 0x00}));
  EXPECT_EQ(code_of([&](Assembler& a) { a.fetch_to_write(kRcx, 1024); }), (Bytes{0x40, 0x0f, 0x0d, 0x89, 0x00, 0x04, 0x00, 0x00}));
  EXPECT_EQ(code_of([&](Assembler& a) { a.advance(kRsi, 1024); }), (Bytes{0x48, 0x81, 0xc6, 0x00, 0x04, 0x00, 0x00}));
  EXPECT_EQ(code_of([&](Assembler& a) { a.load_seventh(kRax); }), (Bytes{0x48, 0x8b, 0x44, 0x24, 0x08}));
  EXPECT_EQ(code_of([](Assembler& a) { a.leave(); }), (Bytes{0xc5, 0xf8, 0x77, 0xc3}));
  EXPECT_EQ(code_of([](Assembler& a) { a.zero(17), a.jump(0); }), (Bytes{0x62, 0xa1, 0x75, 0x40, 0xef, 0xc9, 0xe9, 0xf5, 0xff, 0xff, 0xff}));
}

TEST(ProductCode, KeepsWhatIsNoNumberAndBoundsTheRest) {
  if (!assembles_for_this_cpu() || all_loops().front()->lanes != ProductCode::kLanes) GTEST_SKIP() << "[SKIP] needs avx512";
  constexpr int64_t kOutputs = 3, kInputs = 8, kLanes = ProductCode::kLanes;
  const std::vector<float> w{1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  const TwoFourLayout layout{kOutputs, kInputs};
  std::vector<std::byte> packed(static_cast<size_t>(layout.bytes()));
  pack_two_four({w.data(), kOutputs, kInputs, kInputs, 1}, packed.data());
  const std::vector<float> bias{0.25F, 0, 7};
  for (const auto& [piece_groups, is_in_code] : {std::pair<int64_t, bool>{1, false}, {1, true}, {2, false}, {2, true}}) {
    const ProductCode code(layout, packed.data(), bias.data(), order_of_rows(layout, piece_groups, /*tiles_in_row=*/2),
                           {.has_residual = true, .is_bounded = true, .lower = 0, .upper = 6});
    AlignedFloats x(2 * kInputs * kLanes), sums(kLanes * kLanes), y(kLanes * kLanes), residual(kLanes * kLanes);
    for (int64_t pixel = 0; pixel < kLanes; ++pixel) {
      x.data()[pixel] = static_cast<float>(pixel) - 4, x.data()[7 * kLanes + pixel] = 1;
      residual.data()[pixel * kLanes + 2] = static_cast<float>(-pixel);
      x.data()[kLanes + pixel] = pixel == 5 ? NAN : 3;
    }
    AlignedFloats nobody(kLanes * kLanes);
    for (int64_t piece = 0; piece < code.pieces(); ++piece)
      code.run(0, piece, {.x = x.data() + piece * piece_groups * kTwoFourGroup * kLanes, .sums = sums.data()},
               {nobody.data(), nobody.data(), residual.data()});
    if (is_in_code) code.run(0, code.pieces() - 1, {.x = x.data(), .sums = nobody.data()}, {sums.data(), y.data(), residual.data()});
    else code.finish({sums.data(), y.data(), residual.data()});
    for (int64_t pixel = 0; pixel < kLanes; ++pixel) {
      const float* const at = y.data() + pixel * kLanes;
      EXPECT_EQ(at[0], std::clamp(static_cast<float>(pixel) - 2.75F, 0.F, 6.F));
      EXPECT_TRUE(pixel == 5 ? std::isnan(at[1]) : at[1] == 3) << pixel;
      EXPECT_EQ(at[2], std::clamp(7.F - static_cast<float>(pixel), 0.F, 6.F));
      EXPECT_EQ(at[3], 0);
    }
  }
}

TEST(TwoFourDense, EqualsTheDefinition) {
  constexpr double kTolerance = 1e-6;  // of the sum of magnitudes
  for (const auto* loops : all_loops())
    for (const int64_t m : {1, 2, 3, 4, 7})
      for (const auto& [k, n] : {std::pair<int64_t, int64_t>{4, 1}, {33, 5}, {64, 64}, {100, 90}, {31, 17}})
        for (const auto& [is_transposed, precision] :
             {std::pair{false, Precision::kF32}, {true, Precision::kF32}, {false, Precision::kBf16}, {true, Precision::kBf16}}) {
          Rng rng(4);
          const auto x = random_values(rng, m * k), bias = random_values(rng, n);
          auto by_output = two_four_values(rng, n, k);
          std::vector<float> w(by_output.size());
          const int64_t row = is_transposed ? 1 : n, column = is_transposed ? k : 1;
          for (int64_t i = 0; i < n * k; ++i) w[static_cast<size_t>(i % k * row + i / k * column)] = by_output[static_cast<size_t>(i)];
          const TwoFourDense dense(k, n, {w.data(), row, column, bias.data()}, {ActivationKind::kRelu, 0, 0}, *loops, precision);
          if (precision == Precision::kBf16)
            for (float& value : by_output) value = bf16_to_f32(f32_to_bf16(value));
          constexpr float kUntouched = 12345;
          std::vector<float> y(static_cast<size_t>(m * n) + 16, kUntouched);
          dense.run(x.data(), m, y.data(), m == 3 ? 2 : 1);
          for (int64_t i = 0; i < m * n; ++i) {
            double sum = bias[static_cast<size_t>(i % n)], size = std::abs(sum);
            for (int64_t j = 0; j < k; ++j) {
              const double product = static_cast<double>(x[static_cast<size_t>(i / n * k + j)]) * by_output[static_cast<size_t>(i % n * k + j)];
              sum += product, size += std::abs(product);
            }
            ASSERT_NEAR(y[static_cast<size_t>(i)], std::max(sum, 0.0), kTolerance * size)
                << loops->isa << " " << m << " x " << k << " x " << n << " at " << i;
          }
          EXPECT_EQ(std::count(y.begin() + m * n, y.end(), kUntouched), 16);
        }
}

}  // namespace
}  // namespace scissionlite::kernels
