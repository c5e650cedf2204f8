#include "kernels/lowbit/max_planes.h"

#include <cstring>
#include <vector>

#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

constexpr int kMostBits = 8;
constexpr int64_t kWordBytes = 8;

/// The larger one of each place's two codes.
void take_larger(uint64_t* a, const uint64_t* b, int bits) {
  uint64_t larger = 0, alike = ~uint64_t{0};  // places where b is larger so far; where no plane has told yet
  for (int s = bits - 1; s >= 0; --s) {
    const uint64_t differ = a[s] ^ b[s];
    larger |= alike & differ & b[s];
    alike &= ~differ;
  }
  for (int s = 0; s < bits; ++s) a[s] = (larger & b[s]) | (~larger & a[s]);
}

void max_of_pixel(const MaxOfPlanes& p, const std::vector<const uint8_t*>& taps, uint8_t* y) {
  const int64_t plane_bytes = (p.channels + 7) / 8;
  for (int64_t at = 0; at < plane_bytes; at += kWordBytes) {
    const auto bytes = static_cast<size_t>(std::min(kWordBytes, plane_bytes - at));
    uint64_t most[kMostBits], other[kMostBits] = {};
    const auto read = [&](const uint8_t* from, uint64_t* to) {
      for (int s = 0; s < p.bits; ++s) to[s] = 0, std::memcpy(&to[s], from + s * plane_bytes + at, bytes);
    };
    read(taps[0], most);
    for (size_t i = 1; i < taps.size(); ++i) {
      read(taps[i], other);
      take_larger(most, other, p.bits);
    }
    for (int s = 0; s < p.bits; ++s) std::memcpy(y + s * plane_bytes + at, &most[s], bytes);
  }
}

}  // namespace

void max_of_planes(const MaxOfPlanes& p, const uint8_t* x, uint8_t* y, int threads) {
  const int64_t pixel_bytes = p.bits * ((p.channels + 7) / 8);
  in_team(threads, [&](const Member& member) {
    std::vector<const uint8_t*> taps;
    const Range rows = share_of(p.n * p.out_h, member);
    for (int64_t i = rows.begin; i < rows.end; ++i)
      for (int64_t column = 0; column < p.out_w; ++column) {
        taps.clear();
        for (int64_t a = 0; a < p.kernel_h; ++a)
          for (int64_t b = 0; b < p.kernel_w; ++b) {
            const int64_t h = i % p.out_h * p.stride_h - p.top + a * p.dilation_h, w = column * p.stride_w - p.left + b * p.dilation_w;
            if (h >= 0 && h < p.h && w >= 0 && w < p.w) taps.push_back(x + ((i / p.out_h * p.h + h) * p.w + w) * pixel_bytes);
          }
        if (!taps.empty()) max_of_pixel(p, taps, y + (i * p.out_w + column) * pixel_bytes);
      }
  });
}

}  // namespace scissionlite::kernels
