#include "kernels/layout.h"

#include <algorithm>
#include <cstring>

#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

/// Pixels at a time, so that both sides of the transposition stay in L1.
constexpr int64_t kStrip = 64;

/// A lane's values are read in order and written `lanes` apart.
template <int kLanes>
void block_to_blocked(const float* plain, float* blocked, int64_t channels, int64_t pixels) {
  for (int64_t first = 0; first < pixels; first += kStrip) {
    const int64_t end = std::min(first + kStrip, pixels);
    for (int64_t lane = 0; lane < channels; ++lane)
      for (int64_t p = first; p < end; ++p) blocked[p * kLanes + lane] = plain[lane * pixels + p];
    for (int64_t lane = channels; lane < kLanes; ++lane)
      for (int64_t p = first; p < end; ++p) blocked[p * kLanes + lane] = 0;
  }
}
template <int kLanes>
void block_to_plain(const float* blocked, float* plain, int64_t channels, int64_t pixels) {
  for (int64_t first = 0; first < pixels; first += kStrip) {
    const int64_t end = std::min(first + kStrip, pixels);
    for (int64_t lane = 0; lane < channels; ++lane)
      for (int64_t p = first; p < end; ++p) plain[lane * pixels + p] = blocked[p * kLanes + lane];
  }
}

/// Calls body(offset in the plain tensor, offset in the blocked one, channels) for each block.
template <typename Body>
void for_each_block(int64_t images, int64_t channels, int64_t pixels, int64_t lanes, int threads, const Body& body) {
  const int64_t blocks = (channels + lanes - 1) / lanes;
  in_team(threads, [&](const Member& member) {
    const auto items = share_of(images * blocks, member);
    for (int64_t item = items.begin; item < items.end; ++item) {
      const int64_t n = item / blocks, block = item % blocks;
      body((n * channels + block * lanes) * pixels, item * pixels * lanes, std::min(lanes, channels - block * lanes));
    }
  });
}

}  // namespace

void to_blocked(const float* plain, float* blocked, int64_t images, int64_t channels, int64_t pixels, int64_t lanes, int threads) {
  const auto block = lanes == 16 ? block_to_blocked<16> : lanes == 8 ? block_to_blocked<8> : block_to_blocked<4>;
  for_each_block(images, channels, pixels, lanes, threads, [&](int64_t at, int64_t to, int64_t count) { block(plain + at, blocked + to, count, pixels); });
}

void to_plain(const float* blocked, float* plain, int64_t images, int64_t channels, int64_t pixels, int64_t lanes, int threads) {
  const auto block = lanes == 16 ? block_to_plain<16> : lanes == 8 ? block_to_plain<8> : block_to_plain<4>;
  for_each_block(images, channels, pixels, lanes, threads, [&](int64_t at, int64_t from, int64_t count) { block(blocked + from, plain + at, count, pixels); });
}

void copy_channels(const float* from, int64_t from_channel, float* to, int64_t to_channel, int64_t channels, int64_t pixels, int64_t lanes) {
  for (int64_t c = 0; c < channels;) {
    const int64_t from_lane = (from_channel + c) % lanes, to_lane = (to_channel + c) % lanes;
    const int64_t count = std::min({lanes - from_lane, lanes - to_lane, channels - c});
    const float* a = from + (from_channel + c) / lanes * pixels * lanes + from_lane;
    float* b = to + (to_channel + c) / lanes * pixels * lanes + to_lane;
    if (count == lanes) {
      std::memcpy(b, a, static_cast<size_t>(pixels * lanes) * sizeof(float));
    } else {
      for (int64_t p = 0; p < pixels; ++p)
        for (int64_t i = 0; i < count; ++i) b[p * lanes + i] = a[p * lanes + i];
    }
    c += count;
  }
}

}  // namespace scissionlite::kernels
