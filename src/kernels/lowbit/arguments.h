// Plain structures between kernels of few-bit values and the loops of one instruction set; free of library code.
//
// Bit planes: of n values of q bits, plane s holds bit s of each: value i is bit i % 8 of byte i / 8, and bits past the last value are 0.
//
// Look-ups (the loops' `add_look_ups`): a product of weights of one bit with any activations needs no multiplication. The sums of every choice among
// `group` neighbouring activations are a table; bits of `group` neighbouring weights say which entry an output adds. One instruction looks up for a
// whole vector of outputs, so that it does the work of `group` * `outputs` multiply-adds. Weights of p bits are p planes, activations of more bits
// than entries have room for are cut in parts of kPartBits. Source: the idea of tables over bits of weights is T-MAC's (arXiv 2407.00088), here with
// tables made once for each pixel of an image, of all kernel taps and outputs, and 64 entries where one instruction reads as many.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/int8/arguments.h"

namespace scissionlite::kernels {

constexpr int kPartBits = 4;  // of activations, in one table: its entries stay below 6 * 15, and two of them within a byte

/// words[v][p][o] (+)= sum over runs r, i < steps of tables[p * pixel_bytes + runs_at[r] + i * entries][codes[v][r][i][o]], in 16 bits, and where
/// these end sums[v][p][o] (+)= words[v][p][o] << shift, modulo 2^32.
struct LookUpArguments {
  const uint8_t* tables = nullptr;
  int64_t pixel_bytes = 0;           // from one pixel's window to the next
  const int64_t* runs_at = nullptr;  // bytes
  int64_t runs = 0, steps = 0;
  const uint8_t* codes = nullptr;         // (vectors, runs, steps, outputs): entries, outputs at place_of_output
  int64_t vectors = 1, codes_vector = 0;  // vectors of outputs, and bytes from one's codes to the next one's
  int64_t pixels = 0;
  int64_t together = 1;             // entries whose sum fits a byte
  bool begins = true, ends = true;  // there are no words yet; words are not kept
  uint8_t* words = nullptr;         // (vectors, pixels, 2 * outputs bytes)
  int64_t words_vector = 0;         // bytes
  int shift = 0;
  bool adds = false;        // to the sums that are there
  int32_t* sums = nullptr;  // (vectors, pixels, outputs), channels in their order
  int64_t sums_vector = 0;  // int32
};

/// Tables of `pixels` pixels: that of activations i * group ... of a pixel begins at tables + pixel * tables_pixel + i * entries.
struct TablesArguments {
  const uint8_t* planes = nullptr;  // of the first pixel's first plane; four bytes past the last one may be read
  int64_t planes_pixel = 0, plane_bytes = 0;
  int bits = 1;  // planes to be read, at most kPartBits
  int64_t pixels = 0;
  int64_t channels = 0;          // bits of a plane; what follows them may be anything
  int64_t first = 0, count = 0;  // tables; first is a multiple of LowBitLoops::tables_at_once
  uint8_t* tables = nullptr;
  int64_t tables_pixel = 0;  // bytes
  int32_t* sums = nullptr;   // if given, those of each pixel's activations << shift are added here
  int shift = 0;
};

/// Planes of `bits` bits of (x - least), modulo 256, where x may have its top bit turned (signed bytes).
struct PackPlanesArguments {
  const uint8_t* x = nullptr;
  int64_t x_pixel = 0;  // bytes
  int64_t pixels = 0, channels = 0;
  uint8_t turned = 0, least = 0;
  int bits = 1;
  uint8_t* planes = nullptr;  // of the first pixel's first channel
  int64_t planes_pixel = 0, plane_bytes = 0;
};

/// y[p][c] = requantised(sums[p][c] * factor + bias[c] + (x_sums ? x_sums[p] * x_factor : 0)), as a byte or in planes.
struct LowBitEndArguments {
  const int32_t* sums = nullptr;     // (pixels, outputs)
  int64_t pixels = 0, channels = 0;  // channels to be stored, <= outputs
  int32_t factor = 1, x_factor = 0;
  const int32_t* x_sums = nullptr;
  const int32_t* bias = nullptr;  // (outputs)
  Requantise end;                 // its scales likewise
  uint8_t* y = nullptr;           // of the first pixel's first channel
  int64_t y_pixel = 0;            // bytes
  int y_bits = 0;                 // of planes; 0: bytes
  int64_t plane_bytes = 0;
};

/// Weights back to bytes: w = least + step * u, u of `bits` bits, packed as unpack.h has them.
struct UnpackArguments {
  const uint8_t* packed = nullptr;
  int bits = 1, least = 0, step = 1;  // step is 1 or 2
  int64_t units = 0;                  // of 8 * outputs bytes
  int8_t* w = nullptr;
};

constexpr int64_t kFetchBytes = 2048;  // packed weights are asked for so far ahead

/// sums[o] = sum over i < 8 * units of x[i] * u[i][o], o < outputs (four vectors of int32); exact for kMostInputsOfDense inputs and fewer.
struct LowBitDenseArguments {
  const uint8_t* x = nullptr;       // signed bytes
  int64_t units = 0;                // of packed weights: two steps of four inputs
  const uint8_t* packed = nullptr;  // their bytes are (2, outputs, 4)
  int bits = 1;
  int32_t* sums = nullptr;
};
constexpr int64_t kMostInputsOfDense = 65536;  // a sum of 128 * 240 each stays below 2^31

/// sums[m][o] = sum over i < 8 * units of x[m][i] * u[i][o], m < tiles * rows, o < outputs (four vectors of int32); exact as LowBitDenseArguments
/// are. Between enter_tiles(rows) and leave_tiles() only.
struct TileProductArguments {
  const uint8_t* x = nullptr;     // signed bytes; 0 from 8 * units on to the next multiple of kTileInputs
  int64_t x_row = 0;              // bytes
  int64_t x_run = 0, x_jump = 0;  // where not 0: bytes of a row that lie together, a multiple of kTileInputs, and from one such run to the next
  int64_t tiles = 0;
  int rows = 1;       // of a tile, at most kMostTileRows
  int64_t units = 0;  // of packed weights
  const uint8_t* packed = nullptr;
  int bits = 1;             // 1 to 8
  int32_t* sums = nullptr;  // (tiles * rows, outputs)
};
constexpr int64_t kTileInputs = 64, kMostTileRows = 16;

struct LowBitLoops {
  const char* isa;
  int outputs;                   // that one look-up serves: bytes of a vector
  int group;                     // activations of a table
  int entries;                   // 2^group, bytes
  int tables_at_once;            // that begin at a whole byte of a plane
  int pixels;                    // that registers hold the sums of
  double instructions_of_cycle;  // of look-ups, estimated: for the choice
  void (*add_look_ups)(const LookUpArguments&);
  void (*make_tables)(const TablesArguments&);
  void (*end)(const LowBitEndArguments&);
  void (*unpack)(const UnpackArguments&);
  void (*dense_row)(const LowBitDenseArguments&);
  /// `count` bytes of x, each xor `turned`, to `row`, which may be x. @return the sum of (row as signed + 128).
  int32_t (*turn_row)(const uint8_t* x, int64_t count, uint8_t turned, uint8_t* row);
  void (*pack_planes)(const PackPlanesArguments&);
  /// The inverse: y (pixels, channels) without gaps.
  void (*unpack_planes)(const uint8_t* planes, int64_t pixels, int64_t channels, int bits, uint8_t* y);
  bool has_tiles;  // an instruction multiplies them: else `tile_product` is a plain description of it, for tests
  /// What a thread calls before its first `tile_product` with tiles of so many rows, and after its last one.
  void (*enter_tiles)(int rows);
  void (*tile_product)(const TileProductArguments&);
  void (*leave_tiles)();
};

/// Where an output's code lies in a vector of them: four neighbouring bytes are the same output of each quarter.
[[nodiscard]] inline int64_t place_of_output(int64_t output, int64_t outputs) { return output % (outputs / 4) * 4 + output / (outputs / 4); }

}  // namespace scissionlite::kernels
