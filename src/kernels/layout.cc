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

namespace {
template <int kLanes>
void gather(const float* const* from, float* to, int64_t pixels) {
  const float* at[kLanes];
  std::copy(from, from + kLanes, at);
  for (int64_t p = 0; p < pixels; ++p, to += kLanes)
    for (int i = 0; i < kLanes; ++i) to[i] = at[i][p * kLanes];
}

/// Lane after lane, some of them zeros.
void gather_some(const float* const* from, float* to, int64_t pixels, int64_t lanes) {
  for (int64_t i = 0; i < lanes; ++i)
    for (int64_t p = 0; p < pixels; ++p) to[p * lanes + i] = from[i] ? from[i][p * lanes] : 0;
}
}  // namespace

void gather_lanes(const float* const* from, float* to, int64_t pixels, int64_t lanes) {
  bool is_one_block = true, has_all = true;
  for (int64_t i = 0; i < lanes; ++i) {
    is_one_block = is_one_block && from[i] == from[0] + i;
    has_all = has_all && from[i];
  }
  if (has_all && is_one_block) std::memcpy(to, from[0], static_cast<size_t>(pixels * lanes) * sizeof(float));
  else if (!has_all) gather_some(from, to, pixels, lanes);
  else if (lanes == 16) gather<16>(from, to, pixels);
  else if (lanes == 8) gather<8>(from, to, pixels);
  else gather<4>(from, to, pixels);
}

}  // namespace scissionlite::kernels
