// How quantised components share bytes: the layout of a fixed-length code.
//
// A byte holds several components in mixed radix: byte = q0 + L0 * (q1 + L1 * (q2 + ...)), q_i in 0 .. L_i - 1, with the
// product of the L_i at most 256. Slot i of all bytes together is one run of channels, so that packing is one
// multiply-add a slot. Bytes with more components come first; thus slot i covers the first `count` bytes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace scissionlite::transfer {

struct Slot {
  int64_t first = 0, count = 0;    // channels [first, first + count)
  std::vector<float> multipliers;  // (count), product of the levels below in the same byte
};

struct BitLayout {
  int64_t bytes = 0;            // a position
  std::vector<int> components;  // (channels), which component a channel holds; slot by slot
  std::vector<int> levels;      // (channels), 2 .. 256
  std::vector<Slot> slots;
};

/// The first `components` ones at `bits` each. @pre bits is 1, 2, 4 or 8.
[[nodiscard]] BitLayout uniform_layout(int components, int bits);

/// Deals 8 * bytes bits out to the components so that the sum of variance / levels^2 becomes small (reverse
/// water-filling, greedy), then rounds to whole bytes. Components whose variance is below their share get nothing.
/// @param variances  not increasing, not negative.
/// Source: Cover and Thomas, Elements of Information Theory, 2nd ed., Sec. 10.3.3 (parallel Gaussian sources).
[[nodiscard]] BitLayout rate_layout(std::span<const double> variances, int bytes);

}  // namespace scissionlite::transfer
