#include "kernels/sparse24/strips.h"

#include <cstring>

#include "base/tensor.h"

namespace scissionlite::kernels {

int64_t StripLayout::strips() const { return (inputs + kStripInputs - 1) / kStripInputs; }
int64_t StripLayout::strip_floats() const { return (1 + (is_bf16 ? 1 : kTwoFourKept) * kTwoFourStrip) * lanes; }

void pack_strips(const MatrixView& matrix, const StripLayout& layout, float* packed) {
  const int64_t lanes = layout.lanes;
  for (int64_t output = 0; output < matrix.outputs; ++output)
    for (int64_t strip = 0; strip < layout.strips(); ++strip) {
      float* const to = packed + output / lanes * layout.block_floats() + strip * layout.strip_floats() + output % lanes;
      uint32_t places = 0;
      for (int64_t group = 0; group < kTwoFourStrip; ++group) {
        const auto kept = two_four_group(matrix, output, strip * kTwoFourStrip + group);
        if (layout.is_bf16) {
          const uint32_t both = f32_to_bf16(kept.values[0]) | static_cast<uint32_t>(f32_to_bf16(kept.values[1])) << 16;
          std::memcpy(to + (1 + group) * lanes, &both, sizeof(both));
        }
        for (size_t i = 0; i < kTwoFourKept && !layout.is_bf16; ++i)
          to[(1 + group * kTwoFourKept + static_cast<int64_t>(i)) * lanes] = kept.values[i];
        places |= static_cast<uint32_t>(kept.places[0] | kept.places[1] << 2) << (4 * group);
      }
      std::memcpy(to, &places, sizeof(places));
    }
}

}  // namespace scissionlite::kernels
