#include "kernels/lowbit/max_planes.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

constexpr int kMostBits = 8;
constexpr int64_t kWordBytes = 8;

/// 64 codes, plane by plane.
template <int kBits>
struct Codes {
  uint64_t planes[kBits];

  void read(const uint8_t* from, int64_t plane_bytes, size_t bytes) {
#pragma GCC unroll 8
    for (int s = 0; s < kBits; ++s) planes[s] = 0, std::memcpy(&planes[s], from + s * plane_bytes, bytes);
  }
  void write(uint8_t* to, int64_t plane_bytes, size_t bytes) const {
#pragma GCC unroll 8
    for (int s = 0; s < kBits; ++s) std::memcpy(to + s * plane_bytes, &planes[s], bytes);
  }
  /// The larger one of each place's two codes.
  void take_larger(const Codes& other) {
    uint64_t larger = 0, alike = ~uint64_t{0};  // places where the other is larger so far; where no plane has told yet
#pragma GCC unroll 8
    for (int s = kBits - 1; s >= 0; --s) {
      const uint64_t differ = planes[s] ^ other.planes[s];
      larger |= alike & differ & other.planes[s];
      alike &= ~differ;
    }
#pragma GCC unroll 8
    for (int s = 0; s < kBits; ++s) planes[s] ^= (planes[s] ^ other.planes[s]) & larger;
  }
};

/// Rows of a window that lie within the image, and what an output pixel reads of them.
struct Rows {
  std::vector<const uint8_t*> of;
  int64_t pixel_bytes, plane_bytes;
};

template <int kBits>
void max_of_pixel(const Rows& rows, int64_t first_column, int64_t columns, int64_t step, uint8_t* y) {
  const auto max_of_word = [&](int64_t at, size_t bytes) __attribute__((always_inline)) {
    Codes<kBits> most, other;
    most.read(rows.of[0] + first_column * rows.pixel_bytes + at, rows.plane_bytes, bytes);
    for (const auto* row : rows.of)
      for (int64_t i = 0; i < columns; ++i) {
        other.read(row + (first_column + i * step) * rows.pixel_bytes + at, rows.plane_bytes, bytes);
        most.take_larger(other);
      }
    most.write(y + at, rows.plane_bytes, bytes);
  };
  int64_t at = 0;
  for (; at + kWordBytes <= rows.plane_bytes; at += kWordBytes) max_of_word(at, kWordBytes);
  if (at < rows.plane_bytes) max_of_word(at, static_cast<size_t>(rows.plane_bytes - at));
}

template <int kBits>
void max_of_row(const MaxOfPlanes& p, const Rows& rows, uint8_t* y) {
  if (rows.of.empty()) return;
  for (int64_t column = 0; column < p.out_w; ++column, y += rows.pixel_bytes) {
    const int64_t left = column * p.stride_w - p.left, before = left < 0 ? (-left + p.dilation_w - 1) / p.dilation_w : 0,
                  first = left + before * p.dilation_w;
    const int64_t count = std::min(p.kernel_w - before, (p.w - first + p.dilation_w - 1) / p.dilation_w);
    if (count > 0) max_of_pixel<kBits>(rows, first, count, p.dilation_w, y);
  }
}

template <int... kBitsLessOne>
void max_of_row(const MaxOfPlanes& p, const Rows& rows, uint8_t* y, std::integer_sequence<int, kBitsLessOne...>) {
  static constexpr std::array<void (*)(const MaxOfPlanes&, const Rows&, uint8_t*), sizeof...(kBitsLessOne)> kOfBits{max_of_row<kBitsLessOne + 1>...};
  kOfBits[static_cast<size_t>(p.bits - 1)](p, rows, y);
}

}  // namespace

void max_of_planes(const MaxOfPlanes& p, const uint8_t* x, uint8_t* y, int threads) {
  in_team(threads, [&](const Member& member) {
    Rows rows{{}, p.bits * ((p.channels + 7) / 8), (p.channels + 7) / 8};
    const Range mine = share_of(p.n * p.out_h, member);
    for (int64_t i = mine.begin; i < mine.end; ++i) {
      rows.of.clear();
      for (int64_t a = 0; a < p.kernel_h; ++a)
        if (const int64_t h = i % p.out_h * p.stride_h - p.top + a * p.dilation_h; h >= 0 && h < p.h)
          rows.of.push_back(x + (i / p.out_h * p.h + h) * p.w * rows.pixel_bytes);
      max_of_row(p, rows, y + i * p.out_w * rows.pixel_bytes, std::make_integer_sequence<int, kMostBits>());
    }
  });
}

}  // namespace scissionlite::kernels
