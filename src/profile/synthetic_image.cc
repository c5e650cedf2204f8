#include "profile/synthetic_image.h"

#include <algorithm>
#include <cmath>

#include "base/rng.h"

namespace scissionlite {

vision::Image synthetic_image(int width, int height, uint64_t seed) {
  Rng rng(seed);
  vision::Image image{width, height, std::vector<uint8_t>(static_cast<size_t>(width) * static_cast<size_t>(height) * 3)};
  struct Wave {
    double x, y, phase, weight;
  };
  std::vector<Wave> waves[3];
  for (auto& channel : waves)  // amplitudes fall with frequency, as in photos
    for (int i = 1; i <= 12; ++i) channel.push_back({rng.uniform(-0.02, 0.02) * i, rng.uniform(-0.02, 0.02) * i, rng.uniform(0, 6.28), 60.0 / i});
  size_t at = 0;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (const auto& channel : waves) {
        double value = 128 + rng.uniform(-4, 4);
        for (const auto& wave : channel) value += wave.weight * std::sin(wave.x * x + wave.y * y + wave.phase);
        image.rgb[at++] = static_cast<uint8_t>(std::clamp(value, 0.0, 255.0));
      }
  return image;
}

}  // namespace scissionlite
