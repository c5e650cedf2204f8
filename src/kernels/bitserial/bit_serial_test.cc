// Loops of bit planes on every instruction set that this CPU has, against sums bit by bit. Convolutions by them are in kernels/lowbit/lowbit_test.cc.
#include <gtest/gtest.h>

#include <set>

#include "base/rng.h"
#include "kernels/bitserial/loops.h"
#include "kernels/int8/buffer.h"

namespace scissionlite::kernels {
namespace {

constexpr int32_t kUntouched = 123456789;

std::set<const BitSerialLoops*> all_loops() {
  std::set<const BitSerialLoops*> out;
  for (const auto* bytes : all_int8_loops()) out.insert(&bit_serial_loops_beside(*bytes));
  return out;
}

uint32_t word_at(const uint8_t* x) { return x[0] | uint32_t{x[1]} << 8 | uint32_t{x[2]} << 16 | uint32_t{x[3]} << 24; }

/// All bits set, or any.
uint8_t any_byte(Rng& rng, bool is_full) { return is_full ? 0xFF : static_cast<uint8_t>(rng.below(256)); }

struct Case {
  int64_t words, pixels;
  int x_bits, w_bits;
  bool is_full;
};

/// Pixels are `x_pixel` bytes apart, so that words lie anywhere; places are in any order.
void expect_sums(const BitSerialLoops& loops, const Case& c, Rng& rng) {
  const int64_t x_pixel = 1 + static_cast<int64_t>(rng.below(9)), reach = 200, x_plane = c.pixels * x_pixel + reach, sums_pixel = loops.lanes + 3;
  std::vector<uint8_t> x(static_cast<size_t>(c.x_bits * x_plane + 4));
  for (auto& byte : x) byte = any_byte(rng, c.is_full);
  std::vector<int64_t> at;
  for (int64_t i = 0; i < c.words; ++i) at.push_back(static_cast<int64_t>(rng.below(static_cast<uint64_t>(reach))));
  Buffer<uint32_t> w(c.w_bits * c.words * loops.lanes);
  for (int64_t i = 0; i < w.size(); ++i) w[i] = c.is_full ? ~0U : static_cast<uint32_t>(rng.below(uint64_t{1} << 32));
  std::vector<int32_t> sums(static_cast<size_t>(c.pixels * sums_pixel), kUntouched);
  loops.count_bits({.x = x.data(),
                    .x_pixel = x_pixel,
                    .x_plane = x_plane,
                    .x_bits = c.x_bits,
                    .w_bits = c.w_bits,
                    .at = at.data(),
                    .words = c.words,
                    .w = w.data(),
                    .pixels = c.pixels,
                    .sums = sums.data(),
                    .sums_pixel = sums_pixel});
  for (int64_t p = 0; p < c.pixels; ++p)
    for (int64_t o = 0; o < sums_pixel; ++o) {
      int64_t want = o < loops.lanes ? 0 : kUntouched;
      for (int s = 0; s < c.x_bits && o < loops.lanes; ++s)
        for (int t = 0; t < c.w_bits; ++t)
          for (int64_t i = 0; i < c.words; ++i) {
            const uint32_t both = word_at(x.data() + p * x_pixel + s * x_plane + at[static_cast<size_t>(i)]) & w[(t * c.words + i) * loops.lanes + o];
            for (int bit = 0; bit < 32; ++bit) want += int64_t{both >> bit & 1} << (s + t);
          }
      ASSERT_EQ(sums[static_cast<size_t>(p * sums_pixel + o)], want) << loops.isa << ", " << c.words << " words, " << c.pixels << " pixels, w"
                                                                     << c.w_bits << "a" << c.x_bits << ", pixel " << p << ", output " << o;
    }
}

TEST(BitSerial, AnyNumberOfWordsAndPixels) {
  for (const auto* loops : all_loops()) {
    Rng rng(1);
    for (int64_t words = loops->words_unit; words <= 34; words += loops->words_unit)
      expect_sums(*loops, {words, 1 + words % 9, 1, 1, words % 3 == 0}, rng);
    for (int64_t pixels = 0; pixels <= 30; ++pixels) expect_sums(*loops, {10, pixels, 1, 1, pixels % 2 == 0}, rng);
  }
}

/// More words than bytes count to, with every bit set.
TEST(BitSerial, ManyWords) {
  for (const auto* loops : all_loops()) {
    Rng rng(2);
    for (const int64_t words : {62, 64, 130, 256, 520}) expect_sums(*loops, {words, 5, 1, 1, true}, rng);
    expect_sums(*loops, {520, 3, 2, 3, true}, rng);
  }
}

TEST(BitSerial, AllBits) {
  for (const auto* loops : all_loops())
    for (int x_bits = 1; x_bits <= 8; ++x_bits)
      for (int w_bits = 1; w_bits <= 8; ++w_bits) {
        Rng rng(static_cast<uint64_t>(8 * x_bits + w_bits));
        expect_sums(*loops, {6, 3, x_bits, w_bits, (x_bits + w_bits) % 4 == 0}, rng);
      }
}

TEST(BitSerial, SumsOfPlanes) {
  for (const auto* loops : all_loops()) {
    Rng rng(3);
    for (int64_t bytes = 1; bytes <= 35; ++bytes)
      for (const int bits : {1, 3, 8}) {
        const int64_t pixels = 4, plane = pixels * bytes;  // neighbours' bits follow
        std::vector<uint8_t> planes(static_cast<size_t>(bits * plane + 7));
        for (auto& byte : planes) byte = any_byte(rng, bytes % 5 == 0);
        std::vector<int32_t> sums(pixels * 2, kUntouched);
        loops->sum_planes({.planes = planes.data(),
                           .planes_pixel = bytes,
                           .plane_bytes = plane,
                           .pixels = pixels,
                           .bytes = bytes,
                           .bits = bits,
                           .sums = sums.data(),
                           .sums_pixel = 2});
        for (int64_t p = 0; p < pixels; ++p) {
          int32_t want = 0;
          for (int s = 0; s < bits; ++s)
            for (int64_t i = 0; i < 8 * bytes; ++i) want += (planes[static_cast<size_t>(s * plane + p * bytes + i / 8)] >> (i % 8) & 1) << s;
          ASSERT_EQ(sums[static_cast<size_t>(2 * p)], want) << loops->isa << ", " << bytes << " bytes, " << bits << " bits, pixel " << p;
          ASSERT_EQ(sums[static_cast<size_t>(2 * p + 1)], kUntouched);
        }
      }
  }
}

}  // namespace
}  // namespace scissionlite::kernels
