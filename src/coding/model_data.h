// The fields of a CodeModel as the coder reads them, and the numbers that fix the format of a stream.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "coding/code_model.h"

namespace scissionlite::coding {

inline constexpr int kGroup = 16;        // channels whose contexts are found at once
inline constexpr int kBlock = 64;        // channels that share a list of terms
inline constexpr int kNeighbours = 4;    // left, top, top right, top left
inline constexpr int kMeanUnit = 32;     // means count 1/32 of a symbol
inline constexpr int kMostValue = 63;    // of a neighbour inside a term; beyond it is clamped
inline constexpr int kHistoryZero = 64;  // what a neighbour of value 0 is stored as
inline constexpr int kCurvePieces = 16;
inline constexpr int kCurveEnd = 256 * kCurvePieces - 1;
inline constexpr int kLowestOctave = -7;  // where the curve of rates begins: a mean |error| of 2^-7 symbols
inline constexpr int kRateOne = 4096;     // distances of one symbol from the mean are two pieces of the curve of shape
inline constexpr int kHalf = 1 << 14;     // what that curve begins with: half of the probability
inline constexpr int kMostFineness = 8;
inline constexpr int kProbabilityBits = 13;
inline constexpr uint32_t kEscapeSlot = (1U << kProbabilityBits) - 1;
inline constexpr int kNoValue = 600;     // of any channel
inline constexpr int kSpreadOne = 4096;  // a spread equal to the channel's scale
inline constexpr int64_t kMostChannels = 4096;
inline constexpr int64_t kMostSymbols = int64_t{1} << 24;
inline constexpr int64_t kMostHistory = int64_t{1} << 26;  // channels in whole groups, a row and two columns more
inline constexpr int kMostTerms = 512;

/// A pair of neighbouring channels (2 * pair, 2 * pair + 1) at one of the four neighbours.
struct Term {
  uint8_t neighbour = 0;
  uint16_t pair = 0;
};

/// Terms two at a time for instructions that add up four products of bytes; a term too few is repeated with weights of zero.
struct Quads {
  struct alignas(64) Weights {
    int8_t of[kGroup][4];
  };
  std::vector<int32_t> offsets;  // (terms)
  std::vector<Weights> weights;  // (terms / 2, groups / 2 rounded up, even and odd channels)
};

/// Means of `groups` x 16 channels from `first_group` on.
struct Block {
  int first_group = 0, groups = 0;
  std::vector<Term> terms;
  std::vector<int32_t> offsets;  // (terms), from a position's history to the pair
  size_t beside = 0;             // the first ones, of the left neighbour; the others are known a row ahead
  std::vector<int8_t> weights;   // (terms, groups, 16, 2)
  Quads quads_beside, quads_above;
};

using Curve = std::array<uint16_t, kCurvePieces + 1>;
/// A curve's values and drops where shuffles of words find them, and their bytes for those of bytes.
struct FastCurve {
  std::array<uint16_t, kCurvePieces> value{}, drop{};
  std::array<uint8_t, kCurvePieces> value_low{}, value_high{}, drop_low{}, drop_high{};
};

/// How far from the mean, in symbols of rate 1, the curve of shape leaves x = 2 slots + 1 outside, about: start + slope * x. A line for each
/// octave from 2^e on, at [(e + 15) % 16], which is the end of a float's exponent. Only where a decoder looks first depends on it.
struct GuessLine {
  std::array<float, kCurvePieces> start{}, slope{};
};

/// 1 / rate at a place in the curve of rates, about: start + slope * place; two lines a piece. As free as `GuessLine`.
struct InverseLine {
  std::array<float, 2 * kCurvePieces> start{}, slope{};
};

/// The same in 32 bits a channel, for vector code that works on two values in a channel's two halves.
struct alignas(64) WideFields {
  uint32_t spread_base[kGroup], spread_around[kGroup], spread_before[kGroup];
  int32_t scales[kGroup];  // less 127 octaves, which a float's exponent has too many
  uint32_t rate_reach[kGroup], fineness[kGroup], reach[kGroup],
      coarseness[kGroup];  // in both halves; fineness and coarseness: log2 of rate_unit and of reach_unit
  uint32_t inverse[kGroup], zeros[kGroup], tops[kGroup];
};

/// What vector code reads about a group, in one place.
struct alignas(64) GroupFields {
  uint16_t spread_base[kGroup], spread_around[kGroup], spread_before[kGroup];
  int16_t scales[kGroup];
  uint16_t rate_reach[kGroup], rate_unit[kGroup], reach[kGroup], reach_unit[kGroup], inverse[kGroup];
  int16_t zeros[kGroup], tops[kGroup], is_channel[kGroup];  // is_channel: -1, or 0 in padding
  WideFields wide;
  int group, channels;
  uint32_t before_scale;
  bool is_quiet;
};

/// Per channel arrays are padded to whole groups; padding has top 0 and no weights.
struct ModelData {
  CodeShape shape;
  int groups = 0;
  std::vector<uint8_t> zeros, tops;  // symbol of value 0, largest symbol
  std::vector<Block> blocks;
  std::vector<int8_t> own;           // (channels, neighbours), weights of the channel itself there
  std::vector<int16_t> multipliers;  // mean = mulhrs(sum of terms, multiplier) + bias
  std::vector<int16_t> biases;
  std::vector<uint16_t> inverse;                                    // 4096 / mean |error|: errors as energy, 16 = an ordinary one
  std::vector<uint16_t> spread_base, spread_around, spread_before;  // spread = base + around * T + before * P
  std::vector<int16_t> scales;        // 256 * log2 of the spread that a channel's unit stands for, from 2^kLowestOctave on
  std::vector<uint8_t> fineness;      // (channels), 0 .. 8: log2 of how much finer rates are and distances coarser
  std::vector<uint8_t> quiet;         // (groups), 1: no symbol but zero was seen
  Curve rate_curve{}, shape_curve{};  // neither ever rises; see context.h
  // Derived by `finish`:
  std::vector<int16_t> starts;                                     // minus what the terms give for neighbours of value 0
  std::vector<int16_t> lows, highs;                                // bounds of a mean
  std::vector<uint16_t> reach, reach_unit, rate_reach, rate_unit;  // what fineness means for distances and rates
  std::vector<uint32_t> before_scale;                              // (groups), 2^16 * 512 / channels before; 0 for the first
  FastCurve fast_rate, fast_shape, fast_guess;                     // the last one is about the inverse of shape
  GuessLine guess_line;
  InverseLine inverse_line;
  std::vector<GroupFields> fields;            // (groups)
  std::vector<int8_t> own_beside, own_above;  // (channels, 2): left and top left; top and top right
  std::string hash;

  [[nodiscard]] int64_t padded() const { return int64_t{groups} * kGroup; }
  [[nodiscard]] int64_t row_stride() const { return (shape.columns + 2) * padded(); }
  [[nodiscard]] int channels_of(int group) const { return static_cast<int>(std::min<int64_t>(kGroup, shape.channels - int64_t{group} * kGroup)); }
};

/// Sizes the arrays for a shape. @throws InvalidArgument for a shape out of bounds, naming `where`.
[[nodiscard]] ModelData empty_model(const CodeShape& shape, const std::string& where);
/// Fills what is derived.
void finish(ModelData& data);

}  // namespace scissionlite::coding
