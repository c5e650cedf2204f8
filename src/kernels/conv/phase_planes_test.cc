#include "kernels/conv/phase_planes.h"

#include <gtest/gtest.h>

#include "kernels/conv/test_values.h"
#include "kernels/layout.h"
#include "kernels/vector/loops.h"

namespace scissionlite::kernels {
namespace {

std::vector<ConvProblem> problems() {
  return {
      {.c = 5, .h = 9, .w = 11, .k = 1, .kernel_h = 3, .kernel_w = 3, .top = 1, .left = 1, .bottom = 1, .right = 1},
      {.c = 18, .h = 20, .w = 17, .k = 1, .kernel_h = 3, .kernel_w = 3, .stride_h = 2, .stride_w = 2, .top = 1, .left = 1, .bottom = 1, .right = 1},
      {.c = 16, .h = 13, .w = 8, .k = 1, .stride_h = 2, .stride_w = 2},
      {.c = 4, .h = 6, .w = 5, .k = 1, .stride_h = 3, .stride_w = 2, .top = 2, .left = 1, .bottom = 0, .right = 3},
      {.c = 3,
       .h = 14,
       .w = 15,
       .k = 1,
       .kernel_h = 5,
       .kernel_w = 2,
       .stride_h = 3,
       .stride_w = 1,
       .dilation_h = 2,
       .dilation_w = 3,
       .top = 0,
       .left = 3,
       .bottom = 4,
       .right = 0},
      {.c = 2, .h = 1, .w = 1, .k = 1, .kernel_h = 3, .kernel_w = 3, .top = 3, .left = 3, .bottom = 3, .right = 3}};
}

TEST(PhasePlanes, HoldWhatEachTapReadsOfEachOutput) {
  const auto& loops = best_loops();
  if (loops.lanes != PhaseLayout::kTile) GTEST_SKIP() << "[SKIP] needs vectors of 16 values";
  for (const auto& p : problems())
    for (const int64_t band_rows : {1, 3, 100}) {
      Rng rng(8);
      const auto x = random_values(rng, p.c * p.h * p.w);
      std::vector<float> blocked(static_cast<size_t>(round_up(p.c, loops.lanes) * p.h * p.w));
      to_blocked(x.data(), blocked.data(), 1, p.c, p.h * p.w, loops.lanes);
      const PhasePlanes planes(p, band_rows);
      for (int64_t band = 0; band < planes.bands(); ++band) {
        constexpr float kUntouched = 12345;
        std::vector<float> filled(static_cast<size_t>(planes.floats()) + 16, kUntouched);
        const int64_t half = planes.items() / 2;
        planes.fill(blocked.data(), band, {half, planes.items()}, loops, filled.data());
        planes.fill(blocked.data(), band, {0, half}, loops, filled.data());
        EXPECT_EQ(std::count(filled.end() - 16, filled.end(), kUntouched), 16);
        const auto padded = [&](int64_t c, int64_t row, int64_t column) {
          return row < 0 || row >= p.h || column < 0 || column >= p.w ? 0.F : x[static_cast<size_t>((c * p.h + row) * p.w + column)];
        };
        for (int64_t c = 0; c < p.c; ++c)
          for (int64_t row = 0; row < planes.rows(band); ++row)
            for (int64_t column = 0; column < p.out_w(); ++column)
              for (int64_t i = 0; i < p.kernel_h; ++i)
                for (int64_t j = 0; j < p.kernel_w; ++j)
                  ASSERT_EQ(filled[static_cast<size_t>(c * planes.channel_floats() + planes.tap_at(i, j) + row * planes.pitch() + column)],
                            padded(c, (planes.first_row(band) + row) * p.stride_h + i * p.dilation_h - p.top,
                                   column * p.stride_w + j * p.dilation_w - p.left))
                      << p.text() << " rows " << band_rows << " channel " << c << " output " << row << " " << column << " tap " << i << " " << j;
      }
    }
}

TEST(PhasePlanes, RowsShareTheirBordersAndPhasesThatNoTapReadsAreLeftOut) {
  const auto all = problems();
  EXPECT_EQ(PhaseLayout(all[0], 100).pitch(), 12);  // 11 and a border
  EXPECT_EQ(PhaseLayout(all[2], 100).pitch(), 4);
  EXPECT_EQ(PhaseLayout(all[2], 100).channel_floats(), 3 * 16);  // 28 pixels of one phase, an odd number of tiles
}

}  // namespace
}  // namespace scissionlite::kernels
