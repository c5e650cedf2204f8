// What one instruction set gives to the coder, and the buffers it works in.
#pragma once

#include <cstdint>
#include <vector>

#include "coding/model_data.h"

namespace scissionlite::coding {

inline constexpr int kLanes = kGroup;
inline constexpr int kPayloadWords = kLanes;       // of 16 bits, in the lanes' start values
inline constexpr int kMostTail = 1023;             // symbols that the 17th state codes
inline constexpr size_t kSlackBytes = 6 * kGroup;  // what one group reads at most, on either side of the words

struct Workspace {
  explicit Workspace(const ModelData& data);
  std::vector<uint8_t> symbols;    // (positions, padded)
  std::vector<uint8_t> history;    // (rows + 1, columns + 2, padded), a border of zero values
  std::vector<uint16_t> activity;  // (rows + 1, columns + 2)
  std::vector<int16_t> sums;       // (columns, padded), what the row above gives to means
  std::vector<int16_t> means;      // (padded)
  // (positions, padded), of each symbol's interval; escapes begin at kEscapeSlot. `nearer`: one step nearer to zero, 0 for an escape
  std::vector<uint16_t> lows, frequencies, nearer;
  std::vector<uint8_t> words;
};

/// The interleaved part of a stream.
struct Interleaved {
  uint32_t lanes[kLanes] = {};
  uint8_t* first = nullptr;  // words
  uint8_t* last = nullptr;
  int tail = 0;                          // symbols at the end of the image that the lanes' start values hold
  uint16_t payload[kPayloadWords] = {};  // those values; the whole image when tail covers it
  bool with_quiet = false;               // quiet groups are coded too
  uint16_t check = 0;                    // of the codes; what the 17th state begins and ends with
};

enum class Damage { kNone, kShort, kLong, kSymbol, kCheck };

struct Codec {
  const char* name;
  void (*means)(const ModelData&, const uint8_t* here, int16_t* mean);
  uint32_t (*remember)(const ModelData&, const GroupFields&, const int16_t* values, const int16_t* mean, uint8_t* history);
  /// Intervals of all symbols, with or without `nearer`.
  void (*analyse)(const ModelData&, Workspace&, bool with_quiet);
  void (*analyse_steps)(const ModelData&, Workspace&, bool with_quiet);
  /// From the intervals; words lie at the end of `Workspace::words`.
  void (*encode)(const ModelData&, Workspace&, Interleaved&);
  /// Into `Workspace::symbols`. Reads up to kSlackBytes behind `last`.
  Damage (*decode)(const ModelData&, Workspace&, Interleaved&);
};

/// Those of this build that this machine can run, fastest first.
[[nodiscard]] std::vector<const Codec*> usable_codecs();
/// The fastest of this machine, or the one called `name`. @throws InvalidArgument naming those there are.
[[nodiscard]] const Codec& codec_named(const std::string& name);

}  // namespace scissionlite::coding
