// Plain structures between int8 kernels and the loops of one instruction set; free of library code.
//
// Activations are bytes, u8 or s8, that lie channels last: (n, h, w, c) without gaps. A byte q stands for (q - zero) * scale.
// Most loops multiply 16-bit values: what is read is widened to int16 and centred (its zero point taken off) into working memory first,
// so that padding is 0, signed and unsigned bytes are one case, and weights may have nine bits (u8 less its zero point). Two
// products of 16 bits fit 32, so sums are exact. On AVX2 that costs no more multiplications than 8-bit ones do, as vpmaddubsw needs a
// vpmaddwd behind it, but half as many instructions again, which counts where another thread shares the core: `byte_panel` multiplies
// unsigned bytes as they are with signed ones.
#pragma once

#include <cstdint>

namespace scissionlite::kernels {

/// y = byte(min(max(round(float(sum) * scale), low), high) + zero), to nearest, ties to even.
struct Requantise {
  const float* scale = nullptr;  // one a channel
  int32_t zero = 0;
  float low = 0, high = 255;  // of what is stored, less `zero`
};

/// Dot products of `pixels` places of x with `vectors` * lanes channels' weights. A step is as many neighbouring values as an instruction
/// multiplies and adds.
template <typename Value, typename Weight>
struct DotPanelArguments {
  static constexpr int kStep = 4 / sizeof(Value);
  const Value* x = nullptr;
  int64_t x_pixel = 0;                 // values from one pixel to the next
  const int64_t* runs_at = nullptr;    // where each run of neighbouring values begins, from x, values
  int64_t runs = 0, steps = 0;         // steps of each run
  const Weight* w = nullptr;           // (runs * steps, vectors, lanes, kStep)
  bool is_paired = false;              // bytes only: two steps of a run at a time
  const int64_t* extras_at = nullptr;  // bytes only: steps once more, where weights are too large for the sum of a pair
  int64_t extras = 0;
  const Weight* extra_w = nullptr;  // (extras, vectors, lanes, kStep)
  const void* next_w = nullptr;     // weights that are wanted after this call, brought to L2 meanwhile; `next_bytes` of them
  int64_t next_bytes = 0;
  int vectors = 1;  // 1 or 2; of bytes 1 to 3
  int64_t pixels = 1;
  const int32_t* bias = nullptr;  // (vectors * lanes); null for none
  Requantise end;
  uint8_t* y = nullptr;
  int64_t y_pixel = 0;      // bytes
  int64_t channels = 0;     // to be stored, <= vectors * lanes
  int32_t* sums = nullptr;  // if given, the bare sums of whole vectors go here, and nothing to y
  int64_t sums_pixel = 0;   // int32
};
using Int8PanelArguments = DotPanelArguments<int16_t, int16_t>;  // pairs of centred values
using BytePanelArguments = DotPanelArguments<uint8_t, int8_t>;   // quads of bytes as they are

/// Without VNNI, products of a pair are summed in 16 bits, or those of two pairs (is_paired): their weights' magnitudes together may not be larger.
constexpr int kMostOfWord = 128;

/// Input transforms of a run of Winograd's tiles, side by side: windows of (m + 2) x (m + 2) pixels, m pixels apart.
struct Int8WinogradInputArguments {
  int m = 2;                       // 2 or 4
  const int16_t* x = nullptr;      // the first window's first value
  int64_t x_row = 0, x_pixel = 0;  // int16
  int64_t channels = 0;            // a multiple of 2 * lanes; those past the last one hold anything
  int64_t tiles = 0;
  int16_t* v = nullptr;
  int64_t v_frequency = 0, v_tile = 0;  // int16
};

/// Their output transforms, to bytes.
struct Int8WinogradOutputArguments {
  int m = 2;
  const int32_t* sums = nullptr;
  int64_t sums_frequency = 0, sums_tile = 0;  // int32
  int64_t tiles = 0;
  int64_t rows = 0, columns = 0;  // of outputs within the image: of each tile, and from the first tile on
  const int32_t* bias = nullptr;
  Requantise end;
  int64_t channels = 0;  // to be stored
  uint8_t* y = nullptr;
  int64_t y_row = 0, y_pixel = 0;  // bytes
};

/// A row of depthwise outputs, one block of channels.
struct Int8DepthwiseArguments {
  const int16_t* x = nullptr;        // the block's first channel at the first pixel's window
  int64_t x_pixel = 0;               // int16 between neighbouring outputs' windows
  const int64_t* taps_at = nullptr;  // (2 * pairs): where each tap lies, from x, int16
  int64_t pairs = 0;
  const int16_t* w = nullptr;     // (pairs, depthwise_channels in depthwise_order, 2)
  const int32_t* bias = nullptr;  // (depthwise_channels in depthwise_order)
  Requantise end;                 // its scales likewise
  uint8_t* y = nullptr;
  int64_t y_pixel = 0, pixels = 0, channels = 0;  // channels to be stored
};

/// y = byte(min(max(round(f(a, b)), low), high)), f = a * a_scale + (b * b_scale + offset) or (a - a_zero) * (b - b_zero) * a_scale + offset: zero
/// points are in the offset, so that ties go to the even byte as in ONNX Runtime.
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
  // Of averages in floats, tap after tap: round(sum of (x - x_zero) * scale, / counted, / y_scale, + zero), bounds before the zero
  float y_scale = 1, counted = 0;  // 0: in integers
};

struct Int8Loops {
  const char* isa;
  int lanes;                   // int32 of a vector
  int depthwise_channels;      // of a block
  const int* depthwise_order;  // which channel of a block stands at each place
  void (*panel)(const Int8PanelArguments&);
  void (*byte_panel)(const BytePanelArguments&);  // null where no instruction multiplies bytes
  bool sums_in_16_bits;                           // of byte_panel: see kMostOfWord
  void (*depthwise_row)(const Int8DepthwiseArguments&);
  void (*winograd_input)(const Int8WinogradInputArguments&);
  void (*winograd_output)(const Int8WinogradOutputArguments&);
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
  /// y[c] = (sums[c] + bias[c]) * scale[c] + offset[c].
  void (*to_floats)(const int32_t* sums, const int32_t* bias, const float* scale, const float* offset, int64_t count, float* y);
  /// y[i] = table[x[i]]; y may be x.
  void (*look_up)(const uint8_t* x, int64_t count, const uint8_t* table, uint8_t* y);
};

}  // namespace scissionlite::kernels
