// Random weights of few bits, for programs that measure.
#pragma once

#include <cstdint>
#include <vector>

#include "base/rng.h"

namespace scissionlite {

/// Of one bit -1 and 1, else two's complement.
inline std::vector<int16_t> lowbit_weights(int64_t count, int bits, Rng& rng) {
  std::vector<int16_t> out;
  for (int64_t i = 0; i < count; ++i) {
    const auto code = static_cast<int64_t>(rng.below(uint64_t{1} << bits));
    out.push_back(static_cast<int16_t>(bits == 1 ? 2 * code - 1 : code - (int64_t{1} << (bits - 1))));
  }
  return out;
}

}  // namespace scissionlite
