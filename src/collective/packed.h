// Values in fewer bytes, for slow links. Private to collective/ but for Packing.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "collective/round.h"

namespace scissionlite {

/// Values that share a step of int8.
inline constexpr size_t kPackedTogether = 64;

/// How values of a mean travel.
enum class Packing : uint8_t {
  kNone,  // float32
  kBf16,  // upper half of a float32, rounded to nearest even
  kInt8,  // 64 values share a float32 step, a 127th of the largest of them: 1.06 bytes each; or the step is -1, and they are bf16
};
/// How the mean comes back. Members keep what rounding took from what they gave and give it the next time, but nobody keeps what it takes from the
/// mean: a change below half of its block's step would never arrive. bf16 rounds each value by its own size.
[[nodiscard]] Packing packing_of_mean(Packing given);
[[nodiscard]] Round mean_of(Packing packing);
/// What the values of such a mean are packed as.
[[nodiscard]] Packing packing_of(Round round);

/// Values that are not finite stay so, with all that share their step.
/// @param wide_from  a multiple of kPackedTogether: from there on kInt8 packs as bf16 does. For values of such different sizes that they cannot share
/// a step.
[[nodiscard]] std::string pack(std::span<const float> values, Packing packing, size_t wide_from = SIZE_MAX);
/// @throws InvalidArgument for bytes that `pack` does not make.
[[nodiscard]] std::vector<float> unpack(std::string_view bytes, Packing packing);

}  // namespace scissionlite
