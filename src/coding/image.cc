#include "coding/image.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.h"
#include "coding/transpose.h"

namespace scissionlite::coding {
namespace {

[[noreturn]] void beyond_levels(const ModelData& data, std::span<const uint8_t> codes) {
  const auto positions = static_cast<size_t>(data.shape.positions());
  for (size_t i = 0; i < codes.size(); ++i)
    if (const size_t channel = i / positions; codes[i] > data.tops[channel])
      throw InvalidArgument("[entropy coder] symbol " + std::to_string(codes[i]) + " in channel " + std::to_string(channel) + ", which has " +
                            std::to_string(data.tops[channel] + 1) + " levels");
  throw InternalError("[entropy coder] no symbol beyond its levels");
}

/// Bits of what is wrong: 1 a symbol beyond its levels, 2 a symbol but zero in a quiet group.
int inspect(const ModelData& data, const uint8_t* symbols) {
  uint8_t beyond = 0, loud = 0;
  const int64_t padded = data.padded();
  for (int64_t k = 0; k < padded; ++k) beyond |= static_cast<uint8_t>(symbols[k] > data.tops[k]);
  for (int group = 0; group < data.groups; ++group)
    if (data.quiet[group])
      for (int k = group * kGroup; k < (group + 1) * kGroup; ++k) loud |= static_cast<uint8_t>(symbols[k] ^ data.zeros[k]);
  return (beyond ? 1 : 0) | (loud ? 2 : 0);
}

}  // namespace

void check_count(const ModelData& data, size_t count) {
  if (count != static_cast<size_t>(data.shape.symbols()))
    throw InvalidArgument("[entropy coder] " + std::to_string(count) + " symbols; the model codes " + std::to_string(data.shape.symbols()) + ": (" +
                          std::to_string(data.shape.channels) + ", " + std::to_string(data.shape.rows) + ", " + std::to_string(data.shape.columns) +
                          ")");
}

uint16_t check_of(std::span<const uint8_t> codes) {
  constexpr uint64_t kFactor = 0x9e3779b97f4a7c15;  // odd, from the golden ratio: every bit moves upwards
  uint64_t sums[4] = {1, 2, 3, 4};                  // side by side, since each product takes several cycles
  const auto take = [&](const uint8_t* bytes) {
    for (int i = 0; i < 4; ++i) {
      uint64_t word = 0;
      std::memcpy(&word, bytes + 8 * i, 8);
      sums[i] = (std::rotl(sums[i], 29) ^ word) * kFactor;
    }
  };
  size_t at = 0;
  for (; at + 32 <= codes.size(); at += 32) take(codes.data() + at);
  uint8_t rest[32] = {};
  std::copy(codes.begin() + static_cast<std::ptrdiff_t>(at), codes.end(), rest);
  take(rest);
  uint64_t all = 0;
  for (const uint64_t sum : sums) all = (std::rotl(all, 29) ^ sum ^ sum >> 32) * kFactor;
  return static_cast<uint16_t>(all >> 48);
}

void clear_quiet(const ModelData& data, Workspace& work) {
  const int64_t padded = data.padded(), wide = data.shape.columns + 2;
  for (int group = 0; group < data.groups; ++group) {
    if (!data.quiet[group]) continue;
    for (int64_t p = 0; p < data.shape.positions(); ++p) {
      const int64_t place = (p / data.shape.columns + 1) * wide + p % data.shape.columns + 1;
      std::memcpy(work.symbols.data() + p * padded + group * kGroup, data.zeros.data() + group * kGroup, kGroup);
      std::memset(work.history.data() + place * padded + group * kGroup, kHistoryZero, kGroup);
    }
  }
}

bool analyse_image(const ModelData& data, const Codec& codec, std::span<const uint8_t> codes, Workspace& work, bool with_steps) {
  check_count(data, codes.size());
  const int64_t positions = data.shape.positions(), padded = data.padded();
  work.lows.resize(work.symbols.size()), work.frequencies.resize(work.symbols.size());
  if (with_steps) work.nearer.resize(work.symbols.size());
  for (int64_t p = 0; p < positions && padded > data.shape.channels; ++p)  // decoding leaves what it found
    std::memset(work.symbols.data() + p * padded + data.shape.channels, 0, static_cast<size_t>(padded - data.shape.channels));
  transpose(codes.data(), data.shape.channels, positions, positions, work.symbols.data(), padded);
  int found = 0;
  for (int64_t p = 0; p < positions; ++p) found |= inspect(data, work.symbols.data() + p * padded);
  if (found & 1) beyond_levels(data, codes);
  const bool with_quiet = (found & 2) != 0;
  if (!with_quiet) clear_quiet(data, work);
  (with_steps ? codec.analyse_steps : codec.analyse)(data, work, with_quiet);
  return with_quiet;
}

}  // namespace scissionlite::coding
