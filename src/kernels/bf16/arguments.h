// Plain structures between kernels of bf16 and the loops of one instruction set; free of library code.
//
// Values stay float32 in memory, blocked (vector/arguments.h). What is about to be multiplied is rounded to bf16, the upper half of a float32,
// to nearest, ties to even: x into working memory, in units of 32 channels of a pixel, which are one line; weights once, when they are packed.
// Products and sums are float32. Both lie in pairs of channels, as the instructions multiply them, so that one order of weights serves all
// ways to multiply with as many lanes.
#pragma once

#include <cstdint>

#include "kernels/vector/arguments.h"

namespace scissionlite::kernels {

constexpr int64_t kBf16Unit = 32;              // channels that lie together; those past the last one are any finite values
constexpr int64_t kBf16Pairs = kBf16Unit / 2;  // of a unit
constexpr int64_t kBf16ReadBehind = 16;        // pixels behind the last one that a panel may read, whatever they hold

/// A product of a rectangle of pixels with one panel of weights:
/// y[q][r][p] = f(bias[q] + residual[q][r][p] + sum over steps s, channels c of a unit of x[r * x_row + p * x_pixel + steps_at[s] + c] * w[s][c][q]).
struct Bf16PanelArguments {
  const uint16_t* x = nullptr;
  int64_t x_row = 0, x_pixel = 0;     // values from one row, and pixel, to the next
  const int64_t* steps_at = nullptr;  // (steps): where each one's unit of channels is, from x
  int64_t steps = 0;
  int64_t short_steps = 0;           // the last ones, of a unit that is not full
  int64_t short_pairs = kBf16Pairs;  // pairs of channels that those have
  const uint16_t* w = nullptr;       // (steps, kBf16Pairs, vectors, lanes, 2)
  int vectors = 1;                   // 1 to kMostPanelVectors
  const void* next_w = nullptr;      // weights that are wanted after this call, brought to L2 meanwhile; `next_bytes` of them
  int64_t next_bytes = 0;
  int64_t rows = 1, pixels = 0;  // pixels of a row
  float* y = nullptr;            // q-th vector of a pixel at q * y_vector + row * y_row + pixel * y_pixel
  int64_t y_row = 0, y_pixel = 0, y_vector = 0;
  const float* residual = nullptr;  // as y; none when null
  const float* bias = nullptr;      // (vectors, lanes); 0 when null
  ActivationArguments activation;
};

/// Pixels of blocked float32 to units of bf16: y[p][b * lanes + l] = x[b * x_block + p * x_pixel + l], 0 for blocks beyond the last one.
struct Bf16RoundArguments {
  const float* x = nullptr;
  int64_t x_block = 0, x_pixel = 0;
  int64_t blocks = 0;  // of lanes, at most those of a unit
  int64_t pixels = 0;
  uint16_t* y = nullptr;  // (pixels, kBf16Unit)
};

/// How products are made, slowest first.
enum class Bf16Way : int {
  kWidened,  // float32 multiplications of widened values
  kDot,      // an instruction multiplies and adds pairs: VDPBF16PS
  kTiles,    // an instruction multiplies matrices: TDPBF16PS
};

struct Bf16Loops {
  const char* isa;
  Bf16Way way;
  int lanes;                                // float32 of a vector
  int panel_pixels[kMostPanelVectors + 1];  // pixels of the register tile by vectors of the panel
  void (*round)(const Bf16RoundArguments&);
  void (*panel)(const Bf16PanelArguments&);
  /// What a thread calls before its first panel and after its last one; null where there is nothing to do.
  void (*enter)();
  void (*leave)();
};

}  // namespace scissionlite::kernels
