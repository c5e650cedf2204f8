#include "kernels/peak.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/clock.h"
#include "kernels/conv/panels.h"
#include "kernels/parallel.h"
#include "kernels/vector/loops.h"

namespace scissionlite::kernels {
namespace {

/// The least of `repeats` runs.
template <typename Run>
double least_us(int repeats, const Run& run) {
  double least = 0;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const double start = Clock::steady().now_us();
    run();
    const double us = Clock::steady().now_us() - start;
    least = repeat == 0 ? us : std::min(least, us);
  }
  return least;
}

}  // namespace

double peak_gflops(int threads) {
  const auto& loops = best_loops();
  constexpr int64_t kSteps = 8, kRuns = 400;
  constexpr int kVectors = 2, kRepeats = 12;
  const int64_t pixels = loops.panel_pixels[kVectors];
  const double us = least_us(kRepeats, [&] {
    in_team(threads, [&](const Member&) {
      AlignedFloats x(kSteps * pixels * loops.lanes), w(kSteps * loops.lanes * kVectors * loops.lanes), y(kVectors * pixels * loops.lanes);
      std::vector<int64_t> steps;
      for (int64_t s = 0; s < kSteps; ++s) steps.push_back(s * pixels * loops.lanes);
      PanelArguments a;
      a.x = x.data(), a.x_pixel = loops.lanes, a.steps_at = steps.data(), a.steps = kSteps, a.w = w.data(), a.vectors = kVectors, a.pixels = pixels;
      a.y = y.data(), a.y_pixel = loops.lanes, a.y_vector = pixels * loops.lanes;
      for (int64_t i = 0; i < kRuns; ++i) loops.panel_blocked(a);
    });
  });
  const double flops = 2.0 * static_cast<double>(threads * kRuns * kSteps * loops.lanes * pixels * kVectors * loops.lanes);
  return flops / us / 1e3;
}

double copy_bytes_per_us(int threads) {
  constexpr int64_t kFloats = 4 << 20;  // 16 MiB from and to
  constexpr int kRepeats = 5;
  AlignedFloats from(kFloats), to(kFloats);
  const double us = least_us(kRepeats, [&] {
    in_team(threads, [&](const Member& member) {
      const auto mine = share_of(kFloats, member);
      std::memcpy(to.data() + mine.begin, from.data() + mine.begin, static_cast<size_t>(mine.end - mine.begin) * sizeof(float));
    });
  });
  return 2.0 * kFloats * sizeof(float) / us;
}

}  // namespace scissionlite::kernels
