#include "kernels/layout.h"

#include <algorithm>
#include <cstring>

#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

/// Pixels at a time, so that both sides of the transposition stay in L1.
constexpr int64_t kStrip = 64;

typedef float quad __attribute__((vector_size(16)));
quad load(const float* p) {
  quad v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}
void store(float* p, quad v) { std::memcpy(p, &v, sizeof(v)); }

/// to[i * to_step + j] = from[j * from_step + i] for i and j up to 4.
inline void transpose_4x4(const float* from, int64_t from_step, float* to, int64_t to_step) {
  const quad a = load(from), b = load(from + from_step), c = load(from + 2 * from_step), d = load(from + 3 * from_step);
  const quad ac_low = __builtin_shufflevector(a, c, 0, 4, 1, 5), ac_high = __builtin_shufflevector(a, c, 2, 6, 3, 7);
  const quad bd_low = __builtin_shufflevector(b, d, 0, 4, 1, 5), bd_high = __builtin_shufflevector(b, d, 2, 6, 3, 7);
  store(to, __builtin_shufflevector(ac_low, bd_low, 0, 4, 1, 5));
  store(to + to_step, __builtin_shufflevector(ac_low, bd_low, 2, 6, 3, 7));
  store(to + 2 * to_step, __builtin_shufflevector(ac_high, bd_high, 0, 4, 1, 5));
  store(to + 3 * to_step, __builtin_shufflevector(ac_high, bd_high, 2, 6, 3, 7));
}

/// Four lanes of four pixels at a time, what is left over one by one; zeros in lanes without a channel.
template <int kLanes>
void strip_to_blocked(const float* plain, int64_t step, float* blocked, int64_t channels, int64_t pixels) {
  const int64_t quads = channels / 4 * 4, whole = pixels / 4 * 4;
  for (int64_t lane = 0; lane < quads; lane += 4) {
    for (int64_t p = 0; p < whole; p += 4) transpose_4x4(plain + lane * step + p, step, blocked + p * kLanes + lane, kLanes);
    for (int64_t p = whole; p < pixels; ++p)
      for (int64_t i = lane; i < lane + 4; ++i) blocked[p * kLanes + i] = plain[i * step + p];
  }
  for (int64_t lane = quads; lane < kLanes; ++lane)
    for (int64_t p = 0; p < pixels; ++p) blocked[p * kLanes + lane] = lane < channels ? plain[lane * step + p] : 0.F;
}
template <int kLanes>
void strip_to_plain(const float* blocked, float* plain, int64_t step, int64_t channels, int64_t pixels) {
  const int64_t quads = channels / 4 * 4, whole = pixels / 4 * 4;
  for (int64_t lane = 0; lane < quads; lane += 4) {
    for (int64_t p = 0; p < whole; p += 4) transpose_4x4(blocked + p * kLanes + lane, kLanes, plain + lane * step + p, step);
    for (int64_t p = whole; p < pixels; ++p)
      for (int64_t i = lane; i < lane + 4; ++i) plain[i * step + p] = blocked[p * kLanes + i];
  }
  for (int64_t lane = quads; lane < channels; ++lane)
    for (int64_t p = 0; p < pixels; ++p) plain[lane * step + p] = blocked[p * kLanes + lane];
}

template <int kLanes>
void block_to_blocked(const float* plain, int64_t step, float* blocked, int64_t channels, int64_t pixels) {
  for (int64_t first = 0; first < pixels; first += kStrip)
    strip_to_blocked<kLanes>(plain + first, step, blocked + first * kLanes, channels, std::min(kStrip, pixels - first));
}
template <int kLanes>
void block_to_plain(const float* blocked, float* plain, int64_t step, int64_t channels, int64_t pixels) {
  for (int64_t first = 0; first < pixels; first += kStrip)
    strip_to_plain<kLanes>(blocked + first * kLanes, plain + first, step, channels, std::min(kStrip, pixels - first));
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

void run_to_blocked(const float* plain, int64_t channel_step, float* blocked, int64_t channels, int64_t pixels, int64_t lanes) {
  (lanes == 16 ? block_to_blocked<16> : lanes == 8 ? block_to_blocked<8> : block_to_blocked<4>)(plain, channel_step, blocked, channels, pixels);
}
void run_to_plain(const float* blocked, float* plain, int64_t channel_step, int64_t channels, int64_t pixels, int64_t lanes) {
  (lanes == 16 ? block_to_plain<16> : lanes == 8 ? block_to_plain<8> : block_to_plain<4>)(blocked, plain, channel_step, channels, pixels);
}

void to_blocked(const float* plain, float* blocked, int64_t images, int64_t channels, int64_t pixels, int64_t lanes, int threads) {
  for_each_block(images, channels, pixels, lanes, threads,
                 [&](int64_t at, int64_t to, int64_t count) { run_to_blocked(plain + at, pixels, blocked + to, count, pixels, lanes); });
}

void to_plain(const float* blocked, float* plain, int64_t images, int64_t channels, int64_t pixels, int64_t lanes, int threads) {
  for_each_block(images, channels, pixels, lanes, threads,
                 [&](int64_t at, int64_t from, int64_t count) { run_to_plain(blocked + from, plain + at, pixels, count, pixels, lanes); });
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
