// Quantised convolutions: what is asked (Int8Problem), and every way to do it (conv.inc).
//
// Start here, then direct.cc.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/conv/conv.h"
#include "kernels/int8/loops.h"

namespace scissionlite::kernels {

/// x and y are bytes, channels last.
struct Int8Problem {
  ConvProblem conv;
  bool is_x_signed = false;
  int32_t x_zero = 0;
  int32_t y_zero = 0;
  int32_t low = 0, high = 255;  // bounds of what is stored: the type's, or an activation's
};

/// Read while packing only.
struct Int8Weights {
  const int16_t* w = nullptr;      // (k, c / groups, kernel_h, kernel_w), less their zero points
  const int32_t* bias = nullptr;   // (k), in steps of x_scale * w_scale; null for none
  const float* scale = nullptr;    // (k): x_scale * w_scale / y_scale
};

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
};

/// The table, in order of conv.inc.
[[nodiscard]] const std::vector<const Int8ConvImplementation*>& int8_conv_implementations();
/// The one with the least estimate.
[[nodiscard]] const Int8ConvImplementation& usual_int8_conv(const Int8Problem&, const Int8Loops&);

}  // namespace scissionlite::kernels
