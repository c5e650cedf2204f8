// Quantised convolutions: what is asked (Int8Problem), and every way to do it (conv.inc).
//
// Start here, then direct.cc.
#pragma once

#include <algorithm>
#include <bit>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "kernels/conv/conv.h"
#include "kernels/int8/loops.h"

namespace scissionlite::kernels {

/// That codes of 0 to `high` have, one at least.
[[nodiscard]] inline int bits_of_codes(int32_t high) { return std::max(1, static_cast<int>(std::bit_width(static_cast<uint32_t>(high)))); }

/// x and y are bytes, channels last, or bit planes (lowbit/arguments.h) of codes from 0 on.
struct Int8Problem {
  ConvProblem conv;
  bool is_x_signed = false;
  int32_t x_zero = 0;
  int32_t y_zero = 0;
  int32_t low = 0, high = 255;                             // bounds of what is stored: the type's, or an activation's
  int32_t x_low = -128, x_high = 255;                      // no code of x is outside: the type's, or fewer
  bool has_x_planes = false;                               // of bits_of_codes(x_high) bits; the zero point is 0
  int y_plane_bits = 0;                                    // bits_of_codes(high); 0: y is bytes
  int64_t most_sum = std::numeric_limits<int64_t>::max();  // no |sum|, bias left out, is larger
  bool has_byte_weights = false;                           // all within [-128, 127]
  int32_t w_least = -255, w_most = 255, w_step = 1;        // weights are w_least + i * w_step
  double large_pairs = 0;                                  // share of neighbouring weights of one tap that exceed kMostOfWord together
  /// That tell the weights apart.
  [[nodiscard]] int weight_bits() const { return bits_of_codes((w_most - w_least) / w_step); }
  [[nodiscard]] int32_t least_x() const { return std::max(x_low, is_x_signed ? -128 : 0); }
  [[nodiscard]] int32_t most_x() const { return std::min(x_high, is_x_signed ? 127 : 255); }
};

/// Read while packing only.
struct Int8Weights {
  const int16_t* w = nullptr;     // (k, c / groups, kernel_h, kernel_w), less their zero points
  const int32_t* bias = nullptr;  // (k), in steps of x_scale * w_scale; null for none
  const float* scale = nullptr;   // (k): x_scale * w_scale / y_scale
  const float* offset = nullptr;  // (k), of float results, which it is added to; null for none
};

/// Notes in the problem what its weights allow: its last members, from most_sum on. Codes of x are noted before. w: (k, c / groups, kernel_h,
/// kernel_w).
void note_weights(Int8Problem& problem, const int16_t* w);
/// How an output ends, with the scales of its channels.
[[nodiscard]] Requantise end_of(const Int8Problem& problem, const float* scale);

/// Packed. Immutable: any number of threads may run it. Sums are exact modulo 2^32; rounding is to nearest, ties to even.
class Int8Convolution {
 public:
  virtual ~Int8Convolution() = default;
  /// Bytes of working memory.
  [[nodiscard]] virtual int64_t scratch_bytes(int threads) const = 0;
  virtual void run(const uint8_t* x, uint8_t* y, std::byte* scratch, int threads) const = 0;
};

struct Int8ConvImplementation {
  const char* name;
  /// Why it cannot, or empty.
  std::string (*reason_against)(const Int8Problem&, const Int8Loops&);
  /// Estimated cycles of one thread: for the choice.
  double (*estimate)(const Int8Problem&, const Int8Loops&);
  std::unique_ptr<Int8Convolution> (*make)(const Int8Problem&, const Int8Weights&, const Int8Loops&);
  bool keeps_packed = false;  // weights of few bits take no more memory than these and what padding needs
  bool takes_planes = false;  // reads and writes bit planes
};
/// The row's reason, or that it knows no planes.
[[nodiscard]] std::string reason_against(const Int8ConvImplementation& row, const Int8Problem& problem, const Int8Loops& loops);
/// Weights of so many bits or fewer stay packed, where any way that can keep them so.
constexpr int kMostBitsPacked = 7;

/// The table, in order of conv.inc.
[[nodiscard]] const std::vector<const Int8ConvImplementation*>& int8_conv_implementations();
/// The row of that name; null where there is none.
[[nodiscard]] const Int8ConvImplementation* find_int8_conv(const std::string& name);
/// Those that may be taken, in order of the table: all that can; of weights of few bits (kMostBitsPacked), which stay packed, those that keep them so
/// where any can. Weights of depthwise ones are few and need not.
/// @throws Unsupported with the reason of every row when none can.
[[nodiscard]] std::vector<const Int8ConvImplementation*> int8_conv_candidates(const Int8Problem&, const Int8Loops&);
/// The candidate with the least estimate. @throws Unsupported as int8_conv_candidates.
[[nodiscard]] const Int8ConvImplementation& usual_int8_conv(const Int8Problem&, const Int8Loops&);

}  // namespace scissionlite::kernels
