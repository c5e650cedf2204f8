// Weights and activations of 1 to 8 bits in every encoding, by every way to convolve bytes that takes them, on every instruction set that this CPU
// has, against sums in int64 and rounding in double. Tiles are multiplied on every CPU: where it has no instructions for them, by their plain
// description.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "kernels/int8/test_byte_conv.h"
#include "kernels/lowbit/dense.h"
#include "kernels/lowbit/max_planes.h"
#include "kernels/lowbit/tile_inputs.h"
#include "kernels/lowbit/tiles.h"

namespace scissionlite::kernels {
namespace {

using testing_bytes::between, testing_bytes::Case, testing_bytes::expected, testing_bytes::expect_exact_by, testing_bytes::expect_exact_of;

enum class Encoding { kTwos, kUnsigned, kBipolar };
constexpr std::pair<Encoding, const char*> kEncodings[] = {
    {Encoding::kTwos, "two's complement"}, {Encoding::kUnsigned, "unsigned"}, {Encoding::kBipolar, "bipolar"}};

int16_t weight_of(Encoding encoding, int bits, int64_t code) {
  if (encoding == Encoding::kTwos) return static_cast<int16_t>(code - (int64_t{1} << (bits - 1)));
  return static_cast<int16_t>(encoding == Encoding::kUnsigned ? code : 2 * code - ((1 << bits) - 1));
}

/// Codes of x from `least` on; one in four at its bounds.
Case case_of(const ConvProblem& conv, int weight_bits, Encoding encoding, int x_bits, int32_t x_zero, int32_t least, uint64_t seed) {
  Rng rng(seed);
  Case c;
  auto& p = c.problem;
  p.conv = conv;
  p.x_zero = x_zero, p.x_low = least, p.x_high = least + (1 << x_bits) - 1;
  p.is_x_signed = least < 0;
  p.y_zero = static_cast<int32_t>(between(rng, 0, 20)), p.low = p.y_zero, p.high = p.low + (1 << between(rng, 1, 7)) - 1;
  for (int64_t i = 0; i < conv.n * conv.h * conv.w * conv.c; ++i) {
    const auto kind = rng.below(8);
    c.x.push_back(static_cast<uint8_t>(kind == 0 ? p.x_low : kind == 1 ? p.x_high : between(rng, p.x_low, p.x_high)));
  }
  const int64_t length = conv.c / conv.groups * conv.kernel_h * conv.kernel_w;
  for (int64_t i = 0; i < conv.k * length; ++i) c.w.push_back(weight_of(encoding, weight_bits, between(rng, 0, (1 << weight_bits) - 1)));
  const double spread = std::sqrt(static_cast<double>(length)) * (1 << weight_bits) * (1 << x_bits);
  for (int64_t k = 0; k < conv.k; ++k) {
    c.bias.push_back(static_cast<int32_t>(between(rng, -2, 2) * static_cast<int64_t>(spread)));
    c.scale.push_back(static_cast<float>(rng.uniform(4, 200) / spread));
  }
  note_weights(p, c.w.data());
  return c;
}

std::map<std::string, int> tried;
int cells = 0;  // compared

/// (pixels, bits, plane_bytes), bit by bit.
std::vector<uint8_t> planes_of(const std::vector<uint8_t>& codes, int64_t channels, int bits) {
  const int64_t pixels = static_cast<int64_t>(codes.size()) / channels, plane_bytes = (channels + 7) / 8;
  std::vector<uint8_t> planes(static_cast<size_t>(pixels * bits * plane_bytes));
  for (int64_t p = 0; p < pixels; ++p)
    for (int64_t c = 0; c < channels; ++c)
      for (int s = 0; s < bits; ++s)
        planes[static_cast<size_t>((p * bits + s) * plane_bytes + c / 8)] |=
            static_cast<uint8_t>((codes[static_cast<size_t>(p * channels + c)] >> s & 1) << (c % 8));
  return planes;
}

/// From planes to planes, by the ways that take them.
void expect_exact_in_planes(Case c, int threads, const std::string& what) {
  auto& p = c.problem;
  if (p.is_x_signed || p.x_zero != 0 || p.x_low < 0) return;
  p.y_zero = p.low = 0;
  p.high = std::min(p.high, 15);
  p.has_x_planes = true, p.y_plane_bits = bits_of_codes(p.high);
  const auto want = planes_of(expected(c), p.conv.k, p.y_plane_bits), x_planes = planes_of(c.x, p.conv.c, bits_of_codes(p.x_high));
  for (const auto* loops : all_int8_loops())
    for (const auto* row : int8_conv_implementations()) {
      if (!reason_against(*row, p, *loops).empty()) continue;
      ++tried[std::string(row->name) + " in planes"], ++cells;
      ASSERT_NO_FATAL_FAILURE(expect_exact_by(*row, *loops, c, x_planes, want, threads, "planes, " + what));
    }
}

const std::string kTiles = "tiles, with or without instructions";

void expect_exact_in_tiles(const Case& c, const std::vector<uint8_t>& want, int threads, const std::string& what) {
  if (!reason_against_tiles(c.problem).empty()) return;
  for (const auto* loops : all_low_bit_loops()) {
    ++tried[kTiles], ++cells;
    const std::string by = std::string("tiles on ") + loops->isa;
    ASSERT_NO_FATAL_FAILURE(expect_exact_of(*make_tiles(c.problem, c.weights(), *loops), by, c, c.x, want, threads, what));
  }
}

void expect_exact(const Case& c, int threads, const std::string& what) {
  const auto want = expected(c);
  for (const auto* loops : all_int8_loops())
    for (const auto* row : int8_conv_implementations()) {
      if (!row->reason_against(c.problem, *loops).empty()) continue;
      ++tried[row->name], ++cells;
      ASSERT_NO_FATAL_FAILURE(expect_exact_by(*row, *loops, c, c.x, want, threads, what));
    }
  ASSERT_NO_FATAL_FAILURE(expect_exact_in_tiles(c, want, threads, what));
}

/// Channels that are a multiple of nothing, pads on some sides, strides, dilation, groups, images, 1x1.
ConvProblem random_shape(Rng& rng) {
  ConvProblem p;
  const auto kind = rng.below(6);
  p.n = between(rng, 1, 2), p.h = between(rng, 1, 9), p.w = between(rng, 1, 19), p.c = between(rng, 1, 75), p.k = between(rng, 1, 140);
  if (kind >= 2) p.kernel_h = between(rng, 1, 4), p.kernel_w = between(rng, 1, 4);
  if (kind == 3) p.groups = between(rng, 2, 4), p.c = between(rng, 1, 20) * p.groups, p.k = between(rng, 1, 30) * p.groups;
  if (kind == 4) p.groups = p.k = p.c = between(rng, 2, 40);
  if (kind == 5) p.kernel_h = p.kernel_w = 3;
  if (kind != 1 && kind != 5 && rng.below(2)) p.stride_h = between(rng, 1, 3), p.stride_w = between(rng, 1, 3);
  if (kind != 5 && rng.below(3) == 0) p.dilation_h = between(rng, 1, 2), p.dilation_w = between(rng, 1, 3);
  const int64_t reach_h = (p.kernel_h - 1) * p.dilation_h, reach_w = (p.kernel_w - 1) * p.dilation_w;
  p.top = between(rng, 0, reach_h), p.bottom = between(rng, 0, reach_h), p.left = between(rng, 0, reach_w), p.right = between(rng, 0, reach_w);
  p.h = std::max(p.h, reach_h + 1 - p.top - p.bottom), p.w = std::max(p.w, reach_w + 1 - p.left - p.right);
  return p;
}

TEST(LowBit, AllBitsAndEncodingsAreExact) {
  uint64_t seed = 0;
  for (int weight_bits = 1; weight_bits <= 8; ++weight_bits)
    for (int x_bits = 1; x_bits <= 8; ++x_bits)
      for (const auto& [encoding, name] : kEncodings) {
        Rng rng(++seed);
        const std::string what = "w" + std::to_string(weight_bits) + "a" + std::to_string(x_bits) + ", " + name;
        for (int turn = 0; turn < 2; ++turn) {
          const auto c = case_of(random_shape(rng), weight_bits, encoding, x_bits, 0, 0, seed);
          expect_exact(c, 1 + turn, what);
          expect_exact_in_planes(c, 1 + turn, what);
        }
      }
  RecordProperty("cells", cells);
  for (const auto* row : int8_conv_implementations()) {
    if (!testing_bytes::is_of_this_cpu(*row)) continue;
    EXPECT_GT(tried[row->name], 20) << row->name;
    if (!row->takes_planes) continue;
    EXPECT_GT(tried[std::string(row->name) + " in planes"], 20) << row->name;
  }
  EXPECT_GE(tried[kTiles], 384) << "all bits and encodings, twice";
}

/// Zero points within the codes, at their ends and outside of them; signed codes: pads are then no zeros.
TEST(LowBit, ZeroPointsOfActivations) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    Rng rng(seed);
    const int x_bits = static_cast<int>(between(rng, 1, 8));
    const auto least =
        static_cast<int32_t>(rng.below(2) ? between(rng, -128, 127 - ((1 << x_bits) - 1)) : between(rng, 0, 255 - ((1 << x_bits) - 1)));
    const auto zero = static_cast<int32_t>(rng.below(2) ? between(rng, least, least + (1 << x_bits) - 1)
                                                        : between(rng, least < 0 ? -128 : 0, least < 0 ? 127 : 255));
    expect_exact(case_of(random_shape(rng), static_cast<int>(between(rng, 1, 4)), kEncodings[seed % 3].first, x_bits, zero, least, seed), 1,
                 "codes from " + std::to_string(least) + ", zero " + std::to_string(zero));
  }
}

/// Where tiles read a strip of the image itself: pads of each side alone, kernels that are wide or high, gaps between kernel rows, more rows and
/// columns than a strip has, several images; zero points within the codes and outside of them, signed codes.
TEST(LowBit, StripsOfTheImageAreExact) {
  const ConvProblem shapes[] = {
      {.c = 64, .h = 9, .w = 9, .k = 70, .kernel_h = 3, .kernel_w = 3, .top = 1, .left = 1, .bottom = 1, .right = 1},
      {.n = 2, .c = 64, .h = 33, .w = 20, .k = 5, .kernel_h = 3, .kernel_w = 3, .top = 2, .right = 2},
      {.n = 3, .c = 32, .h = 5, .w = 31, .k = 64, .kernel_h = 1, .kernel_w = 4, .left = 3},
      {.c = 16, .h = 40, .w = 17, .k = 65, .kernel_h = 5, .kernel_w = 4, .bottom = 4, .right = 1},
      {.c = 128, .h = 12, .w = 11, .k = 17, .kernel_h = 2, .kernel_w = 1, .dilation_h = 3, .top = 1, .bottom = 3},
      {.c = 64, .h = 3, .w = 650, .k = 9, .kernel_h = 3, .kernel_w = 3, .top = 1, .left = 1, .bottom = 1, .right = 1},
      {.n = 2, .c = 64, .h = 7, .w = 290, .k = 3, .kernel_h = 2, .kernel_w = 2, .left = 1},
      {.c = 192, .h = 7, .w = 7, .k = 130, .kernel_h = 3, .kernel_w = 3, .top = 1, .left = 1, .bottom = 1, .right = 1},
  };
  uint64_t seed = 0;
  for (const auto& shape : shapes)
    for (const auto& [zero, least] : {std::pair{0, 0}, {3, 0}, {250, 0}, {-2, -8}, {-128, -8}})
      for (int threads = 1; threads <= 3; ++threads) {
        ++seed;
        const auto c = case_of(shape, static_cast<int>(1 + seed % 8), kEncodings[seed % 3].first, 4, zero, least, seed);
        EXPECT_EQ(make_tile_inputs(c.problem)->cost().pieces, 0) << shape.text() << " copies windows";
        expect_exact_in_tiles(c, expected(c), threads, "zero " + std::to_string(zero) + ", codes from " + std::to_string(least));
      }
}

/// Every product at its largest, over more channels than a word sums; more columns than a block has, more outputs than a vector.
TEST(LowBit, LargestSumsAndManyBlocks) {
  for (const auto& [weight_bits, x_bits] : {std::pair{1, 1}, {1, 4}, {2, 4}, {8, 8}, {1, 8}}) {
    auto c = case_of({.c = 1300, .h = 3, .w = 4, .k = 70, .kernel_h = 3, .kernel_w = 3, .top = 1, .left = 1, .bottom = 1, .right = 1}, weight_bits,
                     Encoding::kTwos, x_bits, 0, 0, 1);
    std::fill(c.x.begin(), c.x.end(), static_cast<uint8_t>((1 << x_bits) - 1));
    std::fill(c.w.begin(), c.w.end(), static_cast<int16_t>(-(1 << (weight_bits - 1))));
    c.w[0] = static_cast<int16_t>(c.w[0] + (1 << weight_bits) - 1);
    note_weights(c.problem, c.w.data());
    c.problem.y_zero = 100;
    c.problem.low = 0, c.problem.high = 255;
    expect_exact(c, 1, "largest");
  }
  expect_exact(case_of({.n = 2, .c = 67, .h = 5, .w = 151, .k = 131, .kernel_h = 3, .kernel_w = 3, .stride_w = 2, .top = 1, .left = 1}, 2,
                       Encoding::kTwos, 2, 0, 0, 2),
               3, "wide");
  expect_exact(case_of({.n = 3, .c = 131, .h = 11, .w = 13, .k = 65}, 1, Encoding::kBipolar, 2, 0, 0, 3), 2, "1x1");
  expect_exact(case_of({.n = 1, .c = 60, .h = 13, .w = 15, .k = 65, .stride_h = 2, .stride_w = 2}, 1, Encoding::kBipolar, 2, 0, 0, 3), 2,
               "1x1, stride 2");
}

/// Fewer blocks of rows than threads.
TEST(LowBit, MoreThreadsThanRows) {
  for (const int threads : {2, 3, 7}) {
    expect_exact(case_of({.c = 70, .h = 3, .w = 5, .k = 200}, 1, Encoding::kBipolar, 1, 0, 0, 5), threads, "1x1");
    expect_exact(case_of({.c = 33, .h = 1, .w = 9, .k = 300, .kernel_h = 1, .kernel_w = 3, .left = 1, .right = 1}, 2, Encoding::kTwos, 2, 1, 0, 6),
                 threads, "a row");
    expect_exact(case_of({.n = 2, .c = 34, .h = 3, .w = 4, .k = 160, .kernel_h = 3, .kernel_w = 3, .groups = 2}, 1, Encoding::kUnsigned, 3, 0, 0, 7),
                 threads, "groups");
  }
}

/// Every pair of codes, windows over edges, strides and dilation, channels of less and more than a word.
TEST(LowBit, LargestOfPlanes) {
  for (const int64_t channels : {1, 8, 13, 64, 70, 131})
    for (int bits = 1; bits <= 8; ++bits) {
      Rng rng(static_cast<uint64_t>(channels * 8 + bits));
      const MaxOfPlanes p{.n = 2,
                          .channels = channels,
                          .h = 7,
                          .w = 9,
                          .out_h = 4,
                          .out_w = 3,
                          .kernel_h = 3,
                          .kernel_w = 2,
                          .stride_h = 2,
                          .stride_w = 3,
                          .dilation_h = 1,
                          .dilation_w = 2,
                          .top = 1,
                          .left = 1,
                          .bits = bits};
      std::vector<uint8_t> x(static_cast<size_t>(p.n * p.h * p.w * channels)), want(static_cast<size_t>(p.n * p.out_h * p.out_w * channels));
      for (auto& code : x) code = static_cast<uint8_t>(rng.below(uint64_t{1} << bits));
      for (int64_t i = 0; i < p.n * p.out_h * p.out_w; ++i)
        for (int64_t tap = 0; tap < p.kernel_h * p.kernel_w; ++tap) {
          const int64_t h = i / p.out_w % p.out_h * p.stride_h - p.top + tap / p.kernel_w,
                        w = i % p.out_w * p.stride_w - p.left + tap % p.kernel_w * p.dilation_w;
          if (h < 0 || h >= p.h || w < 0 || w >= p.w) continue;
          for (int64_t c = 0; c < channels; ++c) {
            auto& most = want[static_cast<size_t>(i * channels + c)];
            most = std::max(most, x[static_cast<size_t>(((i / (p.out_h * p.out_w) * p.h + h) * p.w + w) * channels + c)]);
          }
        }
      const auto planes = planes_of(x, channels, bits), want_planes = planes_of(want, channels, bits);
      std::vector<uint8_t> y(want_planes.size(), 77);
      max_of_planes(p, planes.data(), y.data(), 2);
      EXPECT_EQ(y, want_planes) << channels << " channels, " << bits << " bits";
    }
}

TEST(LowBit, PlanesComeBack) {
  for (const auto* bytes : all_int8_loops())
    for (const int64_t channels : {1, 7, 8, 33, 64, 130})
      for (int bits = 1; bits <= 8; ++bits) {
        const auto& loops = low_bit_loops_beside(*bytes);
        Rng rng(static_cast<uint64_t>(channels * 8 + bits));
        std::vector<uint8_t> x(static_cast<size_t>(5 * channels));
        for (auto& code : x) code = static_cast<uint8_t>(rng.below(uint64_t{1} << bits));
        const int64_t plane_bytes = (channels + 7) / 8;
        std::vector<uint8_t> planes(static_cast<size_t>(5 * bits * plane_bytes), 77), back(x.size());
        loops.pack_planes({.x = x.data(),
                           .x_pixel = channels,
                           .pixels = 5,
                           .channels = channels,
                           .bits = bits,
                           .planes = planes.data(),
                           .planes_pixel = bits * plane_bytes,
                           .plane_bytes = plane_bytes});
        EXPECT_EQ(planes, planes_of(x, channels, bits)) << loops.isa << ", " << channels << " channels, " << bits << " bits";
        loops.unpack_planes(planes.data(), 5, channels, bits, back.data());
        EXPECT_EQ(back, x) << loops.isa << ", " << channels << " channels, " << bits << " bits";
      }
}

/// As a 1x1 convolution of m pixels; every number of bits that each instruction set takes, odd lengths, one to forty rows, one by one and in tiles.
TEST(LowBit, ProductsOfAFewRowsAreExact) {
  int tried_bits[kMostPackedBits + 1] = {};
  for (uint64_t seed = 0; seed < 120; ++seed) {
    Rng rng(seed);
    const int64_t m = between(rng, 1, seed % 4 == 0 ? 40 : 5), k = between(rng, 1, 300), n = between(rng, 1, 150);
    const bool is_signed = rng.below(2) != 0;
    const auto c = case_of({.c = k, .h = 1, .w = m, .k = n}, static_cast<int>(1 + seed % kMostPackedBits), kEncodings[rng.below(3)].first, 8,
                           static_cast<int32_t>(between(rng, is_signed ? -128 : 0, is_signed ? 127 : 255)), is_signed ? -128 : 0, seed);
    const auto& p = c.problem;
    const auto want = expected(c);
    const auto code = weight_code_of(p);
    for (const auto* row : all_low_bit_loops())
      for (const bool in_tiles : {false, true}) {
        const auto& loops = *row;
        const Int8DenseProblem problem{k, n, p.is_x_signed, p.x_zero, p.y_zero, p.low, p.high};
        if (!LowBitDense::takes(problem, code)) continue;
        ++tried_bits[code.bits];
        const LowBitDense dense(problem, c.weights(), code, loops, in_tiles);
        Buffer<uint8_t> scratch(dense.scratch_bytes(2)), y(m * n + 64);
        std::fill_n(y.data(), y.size(), uint8_t{77});
        dense.run(c.x.data(), m, y.data(), reinterpret_cast<std::byte*>(scratch.data()), 2);
        ASSERT_EQ(std::vector<uint8_t>(y.data(), y.data() + m * n), want)
            << loops.isa << (in_tiles ? ", tiles" : "") << ", w" << code.bits << ", " << m << " x " << k << " x " << n;
        for (int64_t i = m * n; i < m * n + 64; ++i) ASSERT_EQ(y[i], 77) << loops.isa;
        auto float_problem = problem;
        float_problem.is_y_float = true;
        std::vector<float> offset(static_cast<size_t>(n)), floats(static_cast<size_t>(m * n));
        for (auto& v : offset) v = static_cast<float>(rng.uniform(-1, 1));
        auto weights = c.weights();
        weights.offset = offset.data();
        LowBitDense(float_problem, weights, code, loops, in_tiles).run(c.x.data(), m, floats.data(), reinterpret_cast<std::byte*>(scratch.data()), 2);
        for (int64_t i = 0; i < m * n; ++i) {
          const auto j = static_cast<size_t>(i % n);
          int64_t sum = weights.bias ? weights.bias[j] : 0;
          for (int64_t l = 0; l < k; ++l)
            sum += ((p.is_x_signed ? static_cast<int8_t>(c.x[static_cast<size_t>(i / n * k + l)]) : c.x[static_cast<size_t>(i / n * k + l)]) -
                    p.x_zero) *
                   c.w[j * static_cast<size_t>(k) + static_cast<size_t>(l)];
          const double want = static_cast<double>(sum) * weights.scale[j] + offset[j];
          ASSERT_NEAR(floats[static_cast<size_t>(i)], want, 1e-5 * (1 + std::abs(want))) << loops.isa << ", w" << code.bits;
        }
        EXPECT_LE(dense.weight_bytes(), (k + 7) / 8 * 8 * ((n + loops.outputs - 1) / loops.outputs * loops.outputs) * code.bits / 8);
      }
  }
  for (int bits = 1; bits <= kMostPackedBits; ++bits) EXPECT_GT(tried_bits[bits], 5) << bits;
}

/// Tiles of one row to sixteen, one and several, lengths that fill neither a tile nor a block nor one of several; every other turn x and weights are
/// the largest there are.
TEST(LowBit, ProductsOfTilesAreTheirDefinition) {
  uint64_t seed = 0;
  for (const auto* loops : all_low_bit_loops())
    for (int bits = 1; bits <= kMostTileBits; ++bits)
      for (const int rows : {1, 7, 16})
        for (const int64_t tiles : {1, 2, 3})
          for (const int64_t inputs : {5, 64, 136, 600}) {
            Rng rng(++seed);
            const int64_t m = tiles * rows, outputs = loops->outputs, units = (inputs + 7) / 8,
                          x_row = (inputs + kTileInputs - 1) / kTileInputs * kTileInputs + kTileInputs * static_cast<int64_t>(seed % 2);
            const bool is_largest = seed % 2 == 0;
            const auto most = static_cast<uint8_t>((1 << bits) - 1);
            Buffer<uint8_t> x(m * x_row), u(units * 8 * outputs);
            Buffer<int32_t> sums(m * outputs + 16);
            for (int64_t row = 0; row < m; ++row)
              for (int64_t i = 0; i < inputs; ++i) x[row * x_row + i] = is_largest ? uint8_t{0x80} : static_cast<uint8_t>(rng.below(256));
            for (int64_t i = 0; i < u.size(); ++i) u[i] = is_largest ? most : static_cast<uint8_t>(rng.below(uint64_t{1} << bits));
            std::fill_n(sums.data(), sums.size(), 77);
            const PackedWeights packed(u.data(), u.size(), {bits, 0, 1}, *loops);
            loops->enter_tiles(rows);
            loops->tile_product({.x = x.data(),
                                 .x_row = x_row,
                                 .tiles = tiles,
                                 .rows = rows,
                                 .units = units,
                                 .packed = packed.at(0),
                                 .bits = bits,
                                 .sums = sums.data()});
            loops->leave_tiles();
            for (int64_t i = 0; i < m * outputs; ++i) {
              int64_t want = 0;
              for (int64_t c = 0; c < inputs; ++c)
                want += static_cast<int8_t>(x[i / outputs * x_row + c]) * int64_t{u[(c / 4 * outputs + i % outputs) * 4 + c % 4]};
              ASSERT_EQ(sums[i], want) << loops->isa << ", w" << bits << ", " << tiles << " tiles of " << rows << " rows, " << inputs << " inputs";
            }
            for (int64_t i = m * outputs; i < sums.size(); ++i) ASSERT_EQ(sums[i], 77) << loops->isa << ": written past the end";
          }
  if (!low_bit_loops_beside(best_int8_loops()).has_tiles) std::cout << "[SKIP] needs amx_int8 for the instructions themselves\n";
}

TEST(LowBit, PackedWeightsComeBack) {
  Rng rng(1);
  for (const auto* bytes : all_int8_loops())
    for (int bits = 1; bits <= kMostPackedBits; ++bits)
      for (const int step : {1, 2}) {
        const auto& loops = low_bit_loops_beside(*bytes);
        const int64_t unit = PackedWeights::unit_values(loops), count = 3 * unit + between(rng, 1, unit);
        const int least = step == 2 ? 1 - (1 << bits) : -(1 << (bits - 1));
        std::vector<uint8_t> u;
        for (int64_t i = 0; i < count; ++i) u.push_back(static_cast<uint8_t>(rng.below(uint64_t{1} << bits)));
        const PackedWeights packed(u.data(), count, {bits, least, step}, loops);
        EXPECT_EQ(packed.bytes(), 4 * unit * bits / 8);
        std::vector<int8_t> w(static_cast<size_t>(3 * unit));
        packed.unpack(unit, count - unit, w.data());
        for (int64_t i = unit; i < count; ++i)
          ASSERT_EQ(w[static_cast<size_t>(i - unit)], least + step * u[static_cast<size_t>(i)]) << loops.isa << ", " << bits << " bits, value " << i;
      }
}

/// Weights that are all alike: no step between them.
TEST(LowBit, ConstantWeights) {
  for (const int16_t value : {-1, 0, 1, 3}) {
    auto c = case_of({.c = 19, .h = 4, .w = 5, .k = 9, .kernel_h = 3, .kernel_w = 3}, 1, Encoding::kBipolar, 2, 0, 0, 4);
    std::fill(c.w.begin(), c.w.end(), value);
    note_weights(c.problem, c.w.data());
    expect_exact(c, 1, "constant " + std::to_string(value));
  }
}

}  // namespace
}  // namespace scissionlite::kernels
