// Every way to convolve bytes, on every instruction set that this CPU has, against sums in int64 and rounding in double.
#include <gtest/gtest.h>

#include <map>

#include "kernels/int8/dense.h"
#include "kernels/int8/test_byte_conv.h"

namespace scissionlite::kernels {
namespace {

using testing_bytes::between, testing_bytes::Case, testing_bytes::expected, testing_bytes::rounded;

/// Codes over the whole byte less a zero point in its middle or anywhere; small ones, of which even two steps are summed in 16 bits; such with a few
/// large ones.
std::vector<int16_t> some_weights(Rng& rng, int64_t count) {
  const auto kind = rng.below(4);
  const int64_t zero = kind == 0 ? between(rng, 0, 255) : 128;
  std::vector<int16_t> w;
  for (int64_t i = 0; i < count; ++i) {
    int64_t value = between(rng, 0, 255) - zero;
    if (kind == 2) value = between(rng, -31, 31);
    if (kind == 3) value = rng.below(500) == 0 ? (rng.below(2) ? 127 : -128) : between(rng, -24, 24);
    w.push_back(static_cast<int16_t>(value));
  }
  return w;
}

/// Scales that bring sums into the range of a byte, most of them.
void set_values(Rng& rng, Case& c, int64_t x_count, int64_t outputs, int64_t length) {
  auto& p = c.problem;
  p.is_x_signed = rng.below(2) != 0;
  const bool is_y_signed = rng.below(2) != 0;
  const auto least = [](bool is_signed) { return is_signed ? -128 : 0; };
  p.x_zero = static_cast<int32_t>(least(p.is_x_signed) + between(rng, 0, 255));
  p.low = least(is_y_signed), p.high = p.low + 255;
  p.y_zero = static_cast<int32_t>(p.low + between(rng, 0, 255));
  if (rng.below(3) == 0) p.low = p.y_zero;  // Relu
  for (int64_t i = 0; i < x_count; ++i) c.x.push_back(static_cast<uint8_t>(rng.below(10) == 0 ? (rng.below(2) ? 255 : 0) : rng.below(256)));
  c.w = some_weights(rng, outputs * length);
  for (int64_t k = 0; k < outputs; ++k) {
    c.bias.push_back(static_cast<int32_t>(between(rng, -20000, 20000)));
    c.scale.push_back(static_cast<float>(rng.uniform(0.2, 1.5) / (std::sqrt(static_cast<double>(length)) * 100)));
  }
}

Case random_case(uint64_t seed) {
  Rng rng(seed);
  Case c;
  auto& p = c.problem.conv;
  const auto kind = rng.below(5);
  p.n = between(rng, 1, 2), p.h = between(rng, 1, 12), p.w = between(rng, 1, 14), p.c = between(rng, 1, 70), p.k = between(rng, 1, 40);
  if (kind >= 1) p.kernel_h = between(rng, 1, 5), p.kernel_w = rng.below(2) ? p.kernel_h : between(rng, 1, 5);
  if (kind == 2) p.groups = p.k = p.c = std::max<int64_t>(2, p.c);
  if (kind == 3) p.groups = between(rng, 2, 4), p.c *= p.groups, p.k *= p.groups;
  if (kind == 4) p.kernel_h = p.kernel_w = 3, p.h = between(rng, 4, 20), p.w = between(rng, 4, 20);
  if (rng.below(3) == 0 && kind != 4) p.stride_h = between(rng, 1, 3), p.stride_w = between(rng, 1, 3);
  if (rng.below(4) == 0 && kind != 4) p.dilation_h = between(rng, 1, 2), p.dilation_w = between(rng, 1, 2);
  const int64_t reach_h = (p.kernel_h - 1) * p.dilation_h, reach_w = (p.kernel_w - 1) * p.dilation_w;
  p.top = between(rng, 0, reach_h), p.bottom = between(rng, 0, reach_h), p.left = between(rng, 0, reach_w), p.right = between(rng, 0, reach_w);
  p.h = std::max(p.h, reach_h + 1 - p.top - p.bottom), p.w = std::max(p.w, reach_w + 1 - p.left - p.right);
  set_values(rng, c, p.n * p.h * p.w * p.c, p.k, p.c / p.groups * p.kernel_h * p.kernel_w);
  note_weights(c.problem, c.w.data());
  return c;
}

std::map<std::string, int> tried;

/// By every way on every instruction set, into a buffer whose end is guarded.
void expect_exact(const Case& c, int threads, const std::string& what) {
  const auto want = expected(c);
  for (const auto* loops : all_int8_loops())
    for (const auto* row : int8_conv_implementations()) {
      if (!row->reason_against(c.problem, *loops).empty()) continue;
      ++tried[row->name];
      ASSERT_NO_FATAL_FAILURE(testing_bytes::expect_exact_by(*row, *loops, c, c.x, want, threads, what));
    }
}

/// One with values of its own; seeds draw them.
Case case_of(const ConvProblem& conv, uint64_t seed) {
  Rng rng(seed);
  Case c;
  auto& p = c.problem.conv = conv;
  set_values(rng, c, p.n * p.h * p.w * p.c, p.k, p.c / p.groups * p.kernel_h * p.kernel_w);
  note_weights(c.problem, c.w.data());
  return c;
}

TEST(Int8Conv, EveryWayOnEveryInstructionSetIsExact) {
  for (uint64_t seed = 0; seed < 180; ++seed) expect_exact(random_case(seed), 1 + static_cast<int>(seed % 2), "seed " + std::to_string(seed));
  for (const auto* row : int8_conv_implementations()) {
    if (!testing_bytes::is_of_this_cpu(*row)) continue;
    EXPECT_GT(tried[row->name], 20) << row->name;
  }
}

/// Largest sums there are: bytes and weights of nine bits at their bounds, of as many channels as the last of Winograd's still takes, and of more;
/// weights of a byte.
TEST(Int8Conv, ExtremeValuesDoNotSaturate) {
  for (const auto [weight, channels] : {std::pair<int64_t, int64_t>{-255, 57}, {255, 57}, {-255, 512}, {255, 512}, {-128, 16}, {127, 16}})
    for (const auto* loops : all_int8_loops())
      for (const auto* row : int8_conv_implementations()) {
        Case c;
        auto& p = c.problem.conv;
        p.c = channels, p.k = 16, p.h = p.w = 5, p.kernel_h = p.kernel_w = 3;
        c.x.assign(static_cast<size_t>(p.c * p.h * p.w), 255);
        c.w.assign(static_cast<size_t>(p.k * p.c * 9), static_cast<int16_t>(weight));
        c.bias.assign(16, 0);
        c.scale.assign(16, 5e-5F / static_cast<float>(channels));
        c.problem.y_zero = 128;
        note_weights(c.problem, c.w.data());
        if (!row->reason_against(c.problem, *loops).empty()) continue;
        const auto conv = row->make(c.problem, c.weights(), *loops);
        Buffer<uint8_t> y(9 * 16), scratch(conv->scratch_bytes(1));
        conv->run(c.x.data(), y.data(), reinterpret_cast<std::byte*>(scratch.data()), 1);
        EXPECT_EQ(std::vector<uint8_t>(y.data(), y.data() + y.size()), expected(c)) << row->name << " on " << loops->isa;
      }
}

/// Larger than a band of any of them.
TEST(Int8Conv, ManyBands) {
  ConvProblem p{.n = 2, .c = 8, .h = 301, .w = 203, .k = 8, .kernel_h = 3, .kernel_w = 3};
  p.top = p.left = p.bottom = p.right = 1;
  for (const int threads : {1, 2, 5}) expect_exact(case_of(p, 3), threads, "bands");
  p.stride_h = p.stride_w = 2;
  expect_exact(case_of(p, 4), 2, "bands, stride 2");
}

/// Steps in pairs, an odd one left over, and one weight that has no room beside its neighbour.
TEST(Int8Conv, PairsOfStepsWithAnExtraOne) {
  for (const bool is_signed : {false, true})
    for (const int64_t large : {51, 50, 49, 48, 4, 0}) {
      auto c = case_of({.c = 52, .h = 3, .w = 5, .k = 29}, 5);
      c.problem.is_x_signed = is_signed, c.problem.x_zero = is_signed ? -7 : 5;
      c.w.assign(c.w.size(), 3);
      c.w[static_cast<size_t>(52 * 18 + large)] = 127, c.w[static_cast<size_t>(52 * 18 + (large ^ 1))] = -128;
      note_weights(c.problem, c.w.data());
      expect_exact(c, 1, "large at " + std::to_string(large));
    }
}

/// Scalar, with the roundings of an instruction that multiplies and adds.
uint8_t binary_of(const Int8BinaryArguments& f, uint8_t a, uint8_t b) {
  const auto value = [](uint8_t x, bool is_signed) { return static_cast<float>(is_signed ? static_cast<int8_t>(x) : static_cast<int32_t>(x)); };
  const float x = value(a, f.is_a_signed), z = value(b, f.is_b_signed);
  const float v =
      f.is_product ? std::fma((x - f.a_zero) * (z - f.b_zero), f.a_scale, f.offset) : std::fma(x, f.a_scale, std::fma(z, f.b_scale, f.offset));
  return static_cast<uint8_t>(static_cast<int32_t>(std::nearbyint(std::min(std::max(v, f.low), f.high))));
}

TEST(Int8Elementwise, BinaryOfEveryLengthAndSign) {
  Rng rng(9);
  std::vector<uint8_t> a(200), b(200);
  for (auto& v : a) v = static_cast<uint8_t>(rng.below(256));
  for (auto& v : b) v = static_cast<uint8_t>(rng.below(256));
  for (const auto* loops : all_int8_loops())
    for (int kind = 0; kind < 8; ++kind)
      for (const int64_t count : {0, 1, loops->lanes - 1, loops->lanes + 1, 4 * loops->lanes - 1, 4 * loops->lanes, 4 * loops->lanes + 1, 133}) {
        Int8BinaryArguments f{.a = a.data(),
                              .b = b.data(),
                              .count = count,
                              .is_product = (kind & 1) != 0,
                              .is_a_signed = (kind & 2) != 0,
                              .is_b_signed = (kind & 4) != 0,
                              .b_scale = 0.31F,
                              .offset = 11.5F};
        f.a_scale = f.is_product ? 0.013F : 0.53F, f.a_zero = 3, f.b_zero = -5, f.low = 2, f.high = 240;
        std::vector<uint8_t> y(static_cast<size_t>(count) + 1, 77);
        f.y = y.data();
        loops->binary(f);
        for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
          const int most = std::string(loops->isa) == "base" ? 1 : 0;  // it rounds twice
          EXPECT_LE(std::abs(y[i] - binary_of(f, a[i], b[i])), most) << loops->isa << ", kind " << kind << ", " << i << " of " << count;
        }
        EXPECT_EQ(y.back(), 77) << loops->isa << ", " << count;
      }
}

TEST(Int8Elementwise, QuantiseOfEveryLength) {
  Rng rng(10);
  std::vector<float> x(200);
  for (auto& v : x) v = static_cast<float>(rng.normal() * 3);
  for (const auto* loops : all_int8_loops())
    for (const int64_t count : {0, 1, loops->lanes - 1, loops->lanes + 1, 4 * loops->lanes - 1, 4 * loops->lanes, 4 * loops->lanes + 1, 133}) {
      std::vector<uint8_t> y(static_cast<size_t>(count), 0), want;
      loops->quantise(x.data(), count, 0.03F, 100, -100, 155, y.data());
      for (size_t i = 0; i < y.size(); ++i)
        want.push_back(static_cast<uint8_t>(static_cast<int>(std::nearbyint(std::min(std::max(x[i] / 0.03F, -100.F), 155.F))) + 100));
      EXPECT_EQ(y, want) << loops->isa << ", " << count;
    }
}

TEST(Int8Table, LooksUpEveryByteOfEveryLength) {
  Rng rng(1);
  std::vector<uint8_t> table(256), x(400);
  for (auto& v : table) v = static_cast<uint8_t>(rng.below(256));
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<uint8_t>(i < 256 ? i : rng.below(256));
  for (const auto* loops : all_int8_loops())
    for (const size_t count : {size_t{0}, size_t{1}, size_t{31}, size_t{32}, size_t{33}, size_t{300}, size_t{400}}) {
      std::vector<uint8_t> y(count + 1, 7), want;
      loops->look_up(x.data(), static_cast<int64_t>(count), table.data(), y.data());
      for (size_t i = 0; i < count; ++i) want.push_back(table[x[i]]);
      want.push_back(7);
      EXPECT_EQ(y, want) << loops->isa << ", " << count;
    }
}

/// (sum + bias) * scale + offset, of sums that float32 holds.
TEST(Int8Dense, GivesFloats) {
  Rng rng(1);
  Case c;
  const int64_t m = 3, k = 77, n = 21;
  set_values(rng, c, m * k, n, k);
  std::vector<float> offset;
  for (int64_t j = 0; j < n; ++j) offset.push_back(static_cast<float>(rng.uniform(-1, 1)));
  auto weights = c.weights();
  for (const bool has_offset : {false, true}) {
    weights.offset = has_offset ? offset.data() : nullptr;
    for (const auto* loops : all_int8_loops()) {
      const Int8Dense dense({.k = k, .n = n, .is_x_signed = c.problem.is_x_signed, .x_zero = c.problem.x_zero, .is_y_float = true}, weights, *loops);
      Buffer<uint8_t> scratch(dense.scratch_bytes(2));
      std::vector<float> y(static_cast<size_t>(m * n));
      dense.run(c.x.data(), m, y.data(), reinterpret_cast<std::byte*>(scratch.data()), 2);
      for (int64_t i = 0; i < m * n; ++i) {
        const auto j = static_cast<size_t>(i % n);
        int64_t sum = weights.bias ? weights.bias[j] : 0;
        for (int64_t l = 0; l < k; ++l) sum += c.value(static_cast<size_t>(i / n * k + l)) * c.w[j * static_cast<size_t>(k) + static_cast<size_t>(l)];
        const double want = static_cast<double>(sum) * weights.scale[j] + (has_offset ? offset[j] : 0);
        ASSERT_NEAR(y[static_cast<size_t>(i)], want, 1e-5 * (1 + std::abs(want))) << loops->isa << ", " << i;
      }
    }
  }
}

TEST(Int8Dense, IsExact) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    Rng rng(seed);
    Case c;
    const int64_t m = between(rng, 1, 3);
    const Int8DenseProblem size{.k = between(rng, 1, 300), .n = between(rng, 1, 50)};
    set_values(rng, c, m * size.k, size.n, size.k);
    const auto& p = c.problem;
    const Int8DenseProblem problem{size.k, size.n, p.is_x_signed, p.x_zero, p.y_zero, p.low, p.high};
    for (const auto* loops : all_int8_loops()) {
      const Int8Dense dense(problem, c.weights(), *loops);
      Buffer<uint8_t> scratch(dense.scratch_bytes(2));
      std::vector<uint8_t> y(static_cast<size_t>(m * size.n)), want;
      dense.run(c.x.data(), m, y.data(), reinterpret_cast<std::byte*>(scratch.data()), 2);
      for (int64_t row = 0; row < m; ++row)
        for (int64_t j = 0; j < size.n; ++j) {
          int64_t sum = 0;
          for (int64_t i = 0; i < size.k; ++i) sum += c.value(static_cast<size_t>(row * size.k + i)) * c.w[static_cast<size_t>(j * size.k + i)];
          want.push_back(rounded(c, sum, j));
        }
      EXPECT_EQ(y, want) << loops->isa << ", seed " << seed;
    }
  }
}

}  // namespace
}  // namespace scissionlite::kernels
