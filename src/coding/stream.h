// The bytes around the words of a stream: header and states of the lanes.
//
//   u16, little endian: bits 0 to 9 symbols of the tail, bit 15 quiet groups are coded, the others 0
//   when the tail is not the whole image:
//     16 x 4 bits  length - 1 of the upper half of each lane's state, without its leading 1
//     those bits   lane by lane, lowest first, filled up with zeros to a whole byte
//     16 x u16     lower halves
//     u16 ...      words
//   else: the payload's words (see codec_impl.h), two at least, zeros at the end left out
#pragma once

#include <string>
#include <string_view>

#include "coding/codec.h"

namespace scissionlite::coding {

inline constexpr size_t kMostHeadBytes = 2 + kLanes / 2 + 15 * kLanes / 8 + 2 * kLanes;

/// @param symbols  that are coded in this image.
void append_stream(const Interleaved& parts, int64_t symbols, std::string& out);
/// Lanes or payload from the head; `first` and `last` point into `words`, a copy of the rest with slack behind it.
/// @throws InvalidArgument for a head that the encoder does not write.
[[nodiscard]] Interleaved parse_stream(std::string_view stream, const ModelData& data, std::vector<uint8_t>& words);
/// Symbols of an image that are coded.
[[nodiscard]] int64_t coded_symbols(const ModelData& data, bool with_quiet);

}  // namespace scissionlite::coding
