// The fields of a CodeModel as the coder reads them, and the numbers that fix the format of a stream.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "coding/code_model.h"

namespace scissionlite::coding {

inline constexpr int kGroup = 16;          // channels whose contexts are found at once
inline constexpr int kBlock = 64;          // channels that share a list of terms
inline constexpr int kNeighbours = 4;      // left, top, top right, top left
inline constexpr int kMeanUnit = 32;       // means count 1/32 of a symbol
inline constexpr int kMostValue = 63;      // of a neighbour inside a term; beyond it is clamped
inline constexpr int kHistoryZero = 64;    // what a neighbour of value 0 is stored as
inline constexpr int kClassesPerOctave = 4;
inline constexpr int kClasses = 48;        // of spread: mean |error| from 2^-7 symbols upwards
inline constexpr int kLowestOctave = -7;
inline constexpr int kFractions = 8;       // of half a symbol between the mean and its rounding
inline constexpr int kTables = kClasses * kFractions;
inline constexpr int kRowSymbols = 16;     // 15 buckets of residuals and the escape
inline constexpr int kEscape = 15;
inline constexpr int kCentre = 7;          // the bucket of residual 0
inline constexpr int kProbabilityBits = 13;
inline constexpr int kMostLowBits = 3;     // buckets of 1, 2, 4 or 8 residuals
inline constexpr int kSpreadOne = 4096;    // a spread equal to the channel's scale
inline constexpr int64_t kMostChannels = 4096;
inline constexpr int64_t kMostSymbols = int64_t{1} << 24;
inline constexpr int64_t kMostHistory = int64_t{1} << 26;  // channels in whole groups, a row and two columns more
inline constexpr int kMostTerms = 512;

/// A pair of neighbouring channels (2 * pair, 2 * pair + 1) at one of the four neighbours.
struct Term {
  uint8_t neighbour = 0;
  uint16_t pair = 0;
};

/// Means of `groups` x 16 channels from `first_group` on.
struct Block {
  int first_group = 0, groups = 0;
  std::vector<Term> terms;
  std::vector<int32_t> offsets;  // (terms), from a position's history to the pair
  std::vector<int8_t> weights;   // (terms, groups, 16, 2)
};

/// Per channel arrays are padded to whole groups; padding has top 0 and no weights.
struct ModelData {
  CodeShape shape;
  int groups = 0;
  std::vector<uint8_t> zeros, tops;    // symbol of value 0, largest symbol
  std::vector<Block> blocks;
  std::vector<int16_t> multipliers;    // mean = mulhrs(sum of terms, multiplier) + bias
  std::vector<int16_t> biases;
  std::vector<uint16_t> inverse;       // 4096 / mean |error|: errors as energy, 16 = an ordinary one
  std::vector<uint16_t> spread_base, spread_around, spread_before;  // spread = base + around * T + before * P
  std::vector<int16_t> scales;         // (channels), class of a spread of kSpreadOne
  std::vector<uint8_t> quiet;          // (groups), 1: no symbol but zero was seen
  std::array<uint8_t, kClasses> low_bits{};  // never fewer in a wider class
  std::vector<uint16_t> rows;          // (kTables, 16) cumulative frequencies, and 16 more
  // Derived by `finish`:
  std::vector<int16_t> starts;         // minus what the terms give for neighbours of value 0
  std::vector<int16_t> lows, highs;    // bounds of a mean
  std::vector<uint32_t> before_scale;  // (groups), 2^16 * 512 / channels before; 0 for the first
  std::vector<uint8_t> row_bits;       // (kTables)
  std::vector<uint32_t> cells;         // (kTables, 16), see `pack_cell`
  std::array<int16_t, kMostLowBits> bit_tables{};  // [b] the first table with more than b low bits
  std::string hash;

  [[nodiscard]] int64_t padded() const { return int64_t{groups} * kGroup; }
  [[nodiscard]] int64_t row_stride() const { return (shape.columns + 2) * padded(); }
  [[nodiscard]] int channels_of(int group) const { return static_cast<int>(std::min<int64_t>(kGroup, shape.channels - int64_t{group} * kGroup)); }
};

/// Sizes the arrays for a shape. @throws InvalidArgument for a shape out of bounds, naming `where`.
[[nodiscard]] ModelData empty_model(const CodeShape& shape, const std::string& where);
/// Fills what is derived.
void finish(ModelData& data);
/// Writes a row of cumulative frequencies. @pre all sum to 2^13, the escape has 1 at least.
void set_row(ModelData& data, int table, const std::array<uint16_t, kRowSymbols>& frequencies);

[[nodiscard]] inline int frequency(const uint16_t* row, int symbol) {
  return (row[symbol + 1] - row[symbol]) & ((1 << kProbabilityBits) - 1);  // the next row begins with 0
}

/// All that a step needs: start (13 bits), frequency (13), symbol (4), low bits (2), lowest first.
[[nodiscard]] inline uint32_t pack_cell(const uint16_t* row, int symbol, int bits) {
  return row[symbol] | static_cast<uint32_t>(frequency(row, symbol)) << 13 | static_cast<uint32_t>(symbol) << 26 | static_cast<uint32_t>(bits) << 30;
}

}  // namespace scissionlite::coding
