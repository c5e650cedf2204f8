// Values for tests of convolutions.
#pragma once

#include <cstdint>
#include <vector>

#include "base/rng.h"

namespace scissionlite::kernels {

inline std::vector<float> random_values(Rng& rng, int64_t count) {
  std::vector<float> out(static_cast<size_t>(count));
  for (float& v : out) v = static_cast<float>(rng.normal());
  return out;
}

}  // namespace scissionlite::kernels
