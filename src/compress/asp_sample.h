// The matrix that ASP's search for channel orders is published on: numpy's random numbers of seed 1 in [0, 1), 128 rows of 64 columns;
// 2:4 keeps 2852 of its 4083 as it lies, the larger half of each row is 3042.
#pragma once

#include <random>

#include "compress/permute.h"

namespace scissionlite::compress {

inline Magnitudes asp_sample() {
  Magnitudes m{128, 64, std::vector<float>(64 * 128)};
  std::mt19937 generator(1);
  for (int64_t r = 0; r < m.rows; ++r)
    for (int64_t c = 0; c < m.columns; ++c) {  // numpy's doubles: 27 and 26 bits of two draws
      const double high = generator() >> 5, low = generator() >> 6;
      m.values[static_cast<size_t>(c * m.rows + r)] = static_cast<float>((high * 67108864 + low) / 9007199254740992.0);
    }
  return m;
}

}  // namespace scissionlite::compress
