// Plain structures between int8 kernels and the loops of one instruction set; free of library code.
//
// Activations are bytes, u8 or s8, that lie channels last: (n, h, w, c) without gaps. A byte q stands for (q - zero) * scale.
// Loops multiply 16-bit values: what is read is widened to int16 and centred (its zero point taken off) into working memory first,
// so that padding is 0, signed and unsigned bytes are one case, and weights may have nine bits (u8 less its zero point). Two
// products of 16 bits fit 32, so sums are exact. On AVX2 that costs no more multiplications than 8-bit ones do: vpmaddubsw needs a
// vpmaddwd behind it.
#pragma once

#include <cstdint>

namespace scissionlite::kernels {

/// y = byte(min(max(round(float(sum) * scale), low), high) + zero), to nearest, ties to even.
struct Requantise {
  const float* scale = nullptr;  // one a channel
  int32_t zero = 0;
  float low = 0, high = 255;     // of what is stored, less `zero`
};

/// Dot products of `pixels` places of x with `vectors` * lanes channels' weights.
struct Int8PanelArguments {
  const int16_t* x = nullptr;
  int64_t x_pixel = 0;              // int16 from one pixel to the next
  const int64_t* runs_at = nullptr;  // where each run of neighbouring values begins, from x, int16
  int64_t runs = 0, pairs = 0;       // pairs of values in each run
  const int16_t* w = nullptr;        // (runs * pairs, vectors, lanes, 2)
  int vectors = 1;                   // 1 or 2
  int64_t pixels = 1;
  const int32_t* bias = nullptr;     // (vectors * lanes)
  Requantise end;
  uint8_t* y = nullptr;
  int64_t y_pixel = 0;               // bytes
  int64_t channels = 0;              // to be stored, <= vectors * lanes
};

/// A row of depthwise outputs, one block of channels.
struct Int8DepthwiseArguments {
  const int16_t* x = nullptr;       // the block's first channel at the first pixel's window
  int64_t x_pixel = 0;              // int16 between neighbouring outputs' windows
  const int64_t* taps_at = nullptr;  // (2 * pairs): where each tap lies, from x, int16
  int64_t pairs = 0;
  const int16_t* w = nullptr;       // (pairs, depthwise_channels in depthwise_order, 2)
  const int32_t* bias = nullptr;    // (depthwise_channels in depthwise_order)
  Requantise end;                   // its scales likewise
  uint8_t* y = nullptr;
  int64_t y_pixel = 0, pixels = 0, channels = 0;  // channels to be stored
};

/// y = byte(min(max(round(f(a, b)), low), high)), f = (a * a_scale + offset) + b * b_scale or (a - a_zero) * (b - b_zero) * a_scale + offset: zero points
/// are in the offset, so that ties go to the even byte as in ONNX Runtime.
struct Int8BinaryArguments {
  const uint8_t* a = nullptr;
  const uint8_t* b = nullptr;
  uint8_t* y = nullptr;
  int64_t count = 0;
  bool is_product = false, is_a_signed = false, is_b_signed = false;
  float a_scale = 1, b_scale = 1, offset = 0, a_zero = 0, b_zero = 0;
  float low = 0, high = 255;
};

/// One pixel of pooling over `taps` pixels of `channels` bytes each.
struct Int8PoolArguments {
  const uint8_t* const* x = nullptr;  // (taps)
  int64_t taps = 0, channels = 0;
  bool is_signed = false;
  uint8_t* y = nullptr;
  // of averages: round((sum - taps * x_zero) * scale) + zero
  int32_t x_zero = 0, zero = 0;
  float scale = 1, low = 0, high = 255;
};

struct Int8Loops {
  const char* isa;
  int lanes;                     // int32 of a vector
  int depthwise_channels;        // of a block
  const int* depthwise_order;    // which channel of a block stands at each place
  void (*panel)(const Int8PanelArguments&);
  void (*depthwise_row)(const Int8DepthwiseArguments&);
  /// y = int16(x) - zero of `count` bytes of each pixel; x's pixels lie x_pixel bytes apart, y's count values.
  void (*widen)(const uint8_t* x, int64_t x_pixel, int64_t pixels, int64_t count, bool is_signed, int32_t zero, int16_t* y);
  /// Sum of x[i] * w[i] of `rows` rows of w, `k` bytes each.
  void (*dot)(const int16_t* x, const int8_t* w, int64_t k, int64_t rows, int32_t* sums);
  void (*binary)(const Int8BinaryArguments&);
  void (*max_pixel)(const Int8PoolArguments&);
  void (*mean_pixel)(const Int8PoolArguments&);
  /// y[i] = byte(min(max(round(x[i] / scale), low), high) + zero).
  void (*quantise)(const float* x, int64_t count, float scale, int32_t zero, float low, float high, uint8_t* y);
  /// y[i] = (x[i] - zero) * scale.
  void (*dequantise)(const uint8_t* x, int64_t count, bool is_signed, int32_t zero, float scale, float* y);
  /// y[c] = byte(requantised sums[c] + bias[c]).
  void (*requantise)(const int32_t* sums, const int32_t* bias, const Requantise& end, int64_t count, uint8_t* y);
};

}  // namespace scissionlite::kernels
