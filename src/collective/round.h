// What the values of a round become, wherever they meet. Private to collective/ but for the names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace scissionlite {

enum class Round : uint8_t {
  kMean,       // float32, added in float64 in the order of ranks
  kMeanBf16,   // the same, as packed.h packs them, on the way there and back
  kMeanInt8,   // likewise
  kSum,        // float64, in the order of ranks
  kBroadcast,  // of the first one
  kGather,     // each one's length as 8 bytes (little endian) and its bytes; of members that are gone, nothing
  kWelcome,    // as kBroadcast, and members that wait to be taken back are members from here on
};
[[nodiscard]] const char* round_name(Round round);

/// What a member gave, by rank; nullopt of one that is gone.
using Given = std::vector<std::optional<std::string_view>>;
/// @throws InvalidArgument where lengths differ (names the rank), or are no whole values.
[[nodiscard]] std::string combined(Round round, const Given& by_rank);
/// What is said where members come for rounds of different kinds.
[[nodiscard]] std::string message_of_kinds(int rank, Round kind, Round of_first, int first = 0);
/// What is said of members that did not come in time.
[[nodiscard]] std::string message_of_absent(const std::vector<int>& ranks, Round round, double wait_s);
/// The inverse of kGather. @throws InvalidArgument for bytes that are none.
[[nodiscard]] std::vector<std::string> parts_of(std::string_view gathered);

}  // namespace scissionlite
