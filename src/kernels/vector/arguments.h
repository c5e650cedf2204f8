// Arguments of the vectorised loops, shared by every instruction set. Plain data only: no inline function of a library may be
// compiled with one instruction set and linked into another.
//
// Blocked layout: (blocks, pixels, lanes) of an image; channel c lies in block c / lanes at lane c % lanes. Lanes beyond the last
// channel hold finite values that nothing reads. Strides and offsets are in floats.
#pragma once

#include <cstdint>

#include "ops/activation_kind.h"

namespace scissionlite::kernels {

using ops::ActivationKind;

/// y = f(x). kClip: [alpha, beta]; kLeakyRelu, kElu: slope alpha below 0; kHardSigmoid: clip(alpha x + beta, 0, 1).
struct ActivationArguments {
  ActivationKind kind = ActivationKind::kNone;
  float alpha = 0, beta = 0;
};

/// A product of a run of pixels with one panel of weights:
/// y[q][p] = f(bias[q] + residual[q][p] + sum over steps s, inputs i of x[p * x_pixel + steps_at[s] + i] * w[s][i][q]).
/// i counts `lanes` values (blocked input) or `inputs` values (plain input); y[q][p] is a vector of `lanes` output channels.
struct PanelArguments {
  const float* x = nullptr;
  int64_t x_pixel = 0;
  const int64_t* steps_at = nullptr;  // (steps)
  int64_t steps = 0;
  const float* w = nullptr;       // (steps, inputs, vectors, lanes)
  int inputs = 1;                 // of a step of plain input
  int64_t short_steps = 0;        // of blocked input: the last steps, of a block with fewer channels than lanes
  int short_inputs = 0;           // those channels; weights lie as for whole steps
  int vectors = 0;                // output vectors of the panel, 1 to kMostPanelVectors
  int most_pixels = 0;            // of a register tile; 0: panel_pixels
  int64_t ahead = 0;              // floats of w that the first tile of blocked input prefetches ahead of its reads; 0: none
  const float* next_w = nullptr;  // blocked input: weights that are wanted after this call, brought to L2 meanwhile; `next_floats` of them
  int64_t next_floats = 0;
  int64_t pixels = 0;
  bool is_first_read = false;  // x comes from beyond L2: blocked input is fetched ahead of its use
  float* y = nullptr;          // q-th vector of pixel p at q * y_vector + p * y_pixel
  int64_t y_pixel = 0, y_vector = 0;
  const float* residual = nullptr;  // as y; none when null
  int64_t residual_vector = 0;      // of the residual where its vectors lie elsewhere than y's; 0: as y
  const float* bias = nullptr;      // (vectors, lanes); 0 when null
  ActivationArguments activation;
};
constexpr int kMostPanelVectors = 4;

/// One output row of a convolution of a plain image with few channels, all output vectors:
/// y[q][column] = f(bias[q] + residual[q][column] + sum over rows r, taps k of rows[r][column * stride - left + k] * w[r][k][q]).
struct ImageRowArguments {
  const float* const* rows = nullptr;  // (rows): column 0 of each input row that the windows reach; null for one outside the image
  int64_t row_count = 0, width = 0;    // width of the input; columns outside count as 0
  const float* w = nullptr;            // panel by panel: (rows, kernel_w, vectors, lanes), the last panel narrower
  int64_t kernel_w = 0, stride_w = 0, left = 0;
  int64_t blocks = 0;  // output vectors
  int vectors = 0;     // of a panel, 1 to kMostPanelVectors
  float* y = nullptr;  // q-th vector of a column at q * y_vector + column * lanes
  int64_t y_vector = 0, out_width = 0;
  const float* residual = nullptr;  // as y; none when null
  const float* bias = nullptr;      // (blocks, lanes); 0 when null
  ActivationArguments activation;
};
constexpr int64_t kMostImageRows = 64, kMostImageKernel = 11;

/// One output row of a depthwise convolution over one channel block.
struct DepthwiseRowArguments {
  const float* x = nullptr;  // the block's first pixel: (height, width, lanes)
  int64_t height = 0, width = 0;
  const float* w = nullptr;  // (kernel_h, kernel_w, lanes)
  int64_t kernel_h = 0, kernel_w = 0, stride_w = 0, dilation_h = 1, dilation_w = 1;
  int64_t row = 0;       // of the input at the window's top; may lie outside
  int64_t stride_h = 0;  // rows that the next output row reads first
  int64_t left = 0;      // padding
  float* y = nullptr;    // (out_width, lanes)
  int64_t out_width = 0;
  const float* residual = nullptr;
  const float* bias = nullptr;
  ActivationArguments activation;
};

/// Winograd tiles of an image: input tiles of edge m + taps - 1 overlap by taps - 1.
struct WinogradTilesArguments {
  int m = 0;                                                                        // output edge of a tile: 2, 4 or 6 for 3 taps, 3 or 5 for 4
  int taps = 3;                                                                     // of a kernel's side
  const float* x = nullptr;                                                         // a block of the input (height, width, lanes), or null
  float* y = nullptr;                                                               // a block of the output (out_height, out_width, lanes), or null
  int64_t height = 0, width = 0, out_height = 0, out_width = 0, top = 0, left = 0;  // padding before
  int64_t tiles_across = 0;
  int64_t first = 0, count = 0;  // tiles of this call
  float* transformed = nullptr;  // tile t of the call, frequency f: at f * frequency_stride + t * tile_stride
  int64_t frequency_stride = 0;
  int64_t tile_stride = 0;          // of winograd_input; 0: lanes, which winograd_output always takes
  const float* residual = nullptr;  // as y
  const float* bias = nullptr;      // (lanes)
  ActivationArguments activation;
};

/// Max or mean over windows of one channel block.
struct PoolRowArguments {
  bool is_max = false;
  const float* x = nullptr;
  int64_t height = 0, width = 0;
  int64_t kernel_h = 0, kernel_w = 0, stride_w = 0, dilation_h = 1, dilation_w = 1;
  int64_t row = 0, left = 0;
  int64_t padded_bottom = 0, padded_right = 0;  // ends of the padded image, that count_include_pad counts to
  bool counts_padding = false;
  float* y = nullptr;
  int64_t out_width = 0;
};

/// Any `lanes` pixels of a block, and where they go: rows of neighbouring pixels, one a channel.
struct PixelRowsArguments {
  const float* x = nullptr;         // (pixels, lanes)
  const int32_t* pixels = nullptr;  // (lanes): which; negative: zeros
  float* rows = nullptr;            // (channels, lanes), `step` floats from one to the next
  int64_t step = 0;
  int64_t channels = 0;  // that are written, up to lanes
};

/// A tile of sums, (lanes of channels, lanes of pixels), to a block: y[pixel] = f(bias + residual[pixel] + column `pixel` of the tile).
struct TileEndArguments {
  const float* tile = nullptr;
  int64_t pixels = 0;               // up to lanes
  const float* bias = nullptr;      // (lanes), or null
  const float* residual = nullptr;  // as y, or null
  float* y = nullptr;               // (pixels, lanes)
  ActivationArguments activation;
};

/// One vector of outputs of a few rows: y[row] = f(bias + the sum over groups g, i < 2 of values[g][i] * x[row][4 g + places[g][i]]), places by lane.
/// Weights lie by strips of kTwoFourStrip groups: places (lanes of 32 bits, four for each group, the first group lowest, the first value's
/// place below the second's), then values (groups, 2, lanes), or as bf16 (groups, lanes, 2).
struct TwoFourRowsArguments {
  const float* x = nullptr;  // of whole strips
  int64_t x_row = 0;
  const float* rest = nullptr;  // (rows, 4 kTwoFourStrip): what follows, filled up; null: nothing does
  int rows = 1;                 // up to kMostTwoFourRows
  int64_t strips = 0;           // whole ones
  const float* w = nullptr;
  const float* bias = nullptr;  // (lanes), or null
  float* y = nullptr;           // (lanes) a row
  int64_t y_row = 0;
  ActivationArguments activation;
};
constexpr int kTwoFourStrip = 8, kMostTwoFourRows = 4;

/// For `lanes` outputs and tiles of `lanes` pixels: sums[tile][output] (+)= the sum over groups g, i < 2 of values[g][i][output] * x[tile][4 g +
/// places[g][i][output]], all but values and places vectors of pixels. Weights lie as TwoFourRowsArguments says.
struct TwoFourTilesArguments {
  const float* x = nullptr;  // (tiles, kTwoFourPiece, lanes), of which the first 4 kTwoFourStrip strips inputs are read
  int tiles = 1;             // up to VectorLoops::most_two_four_tiles
  int64_t strips = 0;        // up to a piece
  const float* w = nullptr;
  const float* next = nullptr;  // likewise: what will be read next; or null
  float* sums = nullptr;        // (tiles, lanes, lanes)
  bool adds = false;            // to what is there
};
constexpr int64_t kTwoFourPiece = 128;  // inputs: tiles of so many stay in L1

enum class BinaryKind : int { kAdd, kSub, kMul, kDiv, kMin, kMax };

/// y = f(a op b) over `count` values. b: as a (kWhole), one value (kOne), or, where a is count / pixels / lanes blocks, one vector for each
/// of them (kPerChannel) or one value a pixel, for all of them the same (kPerPixel).
struct BinaryArguments {
  enum class Second : int { kWhole, kOne, kPerChannel, kPerPixel };
  BinaryKind kind = BinaryKind::kAdd;
  Second second = Second::kWhole;
  const float* a = nullptr;
  const float* b = nullptr;
  bool is_swapped = false;  // b op a
  float* y = nullptr;
  int64_t count = 0, pixels = 0;
  ActivationArguments activation;
};

enum class UnaryKind : int { kFloor, kCeil, kRound, kNeg, kAbs, kSqrt, kReciprocal };

/// Halves round to the nearest, ties to even. Floats to bytes lose their fraction; beyond the ends they are the ends, and 0 where they are no number.
enum class CastKind : int { kF32ToF16, kF16ToF32, kF32ToU8, kF32ToI8, kU8ToF32, kI8ToF32 };

/// What one instruction set offers.
struct VectorLoops {
  const char* isa;
  int lanes;
  int panel_pixels[kMostPanelVectors + 1];  // pixels of the register tile by vectors of the panel
  void (*panel_blocked)(const PanelArguments&);
  void (*panel_plain)(const PanelArguments&);
  void (*image_row)(const ImageRowArguments&);
  void (*depthwise_row)(const DepthwiseRowArguments&);
  void (*winograd_input)(const WinogradTilesArguments&);
  void (*winograd_output)(const WinogradTilesArguments&);
  void (*pool_row)(const PoolRowArguments&);
  void (*mean)(const float* x, int64_t pixels, float* y);  // of one block
  void (*binary)(const BinaryArguments&);
  void (*activate)(const float* x, float* y, int64_t count, const ActivationArguments&);
  void (*unary)(UnaryKind kind, const float* x, float* y, int64_t count);
  void (*cast)(CastKind kind, const void* x, void* y, int64_t count);
  void (*extremes)(bool is_max, const float* x, int64_t vectors, float* y);  // of each lane; no number where one of them is none
  void (*scale_shift)(const float* x, const float* scale, const float* shift, float* y, int64_t pixels, const ActivationArguments&);  // of one block
  void (*block_to_tile)(const float* x, int64_t pixels,
                        float* tile);  // (pixels, lanes), up to lanes of them, to (lanes, lanes of pixels); zeros beyond
  void (*pixels_to_rows)(const PixelRowsArguments&);
  void (*tile_to_block)(const TileEndArguments&);
  void (*two_four_tiles)(const TwoFourTilesArguments&);
  int most_two_four_tiles;
  void (*two_four_rows)(const TwoFourRowsArguments&);
  void (*two_four_rows_bf16)(const TwoFourRowsArguments&);
};

}  // namespace scissionlite::kernels
