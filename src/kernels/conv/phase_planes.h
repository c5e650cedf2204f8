// Bands of rows of an image with pixels in lanes, for code that reads any vector of neighbouring outputs' inputs by one load.
//
// Layout: (channels, phases, positions). A phase holds the pixels whose rows and columns are alike modulo the strides, so that a tap of the kernel
// reads neighbouring pixels for neighbouring outputs whatever the strides are; only phases that a tap reads are kept (one of a 1x1 kernel, four of
// 3x3 with strides of 2, one where strides are 1). Positions are rows of `pitch`, a row for each of the band's and those below that taps reach,
// borders as zeros:
//   output (row of the band, column) stands at position row * pitch + column, and tap (i, j) reads what lies tap_at(i, j) behind that.
// Where columns of zeros end each row and begin the next the two share them: pitch is the output's width and one for a 3x3 kernel with a border of
// one.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/conv/panels.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {

/// Where things lie.
class PhaseLayout {
 public:
  static constexpr int64_t kTile = 16;  // positions that are written, and read, at once

  /// @param band_rows  of the output, that a band is at most.
  PhaseLayout(const ConvProblem& p, int64_t band_rows);

  [[nodiscard]] int64_t pitch() const { return pitch_; }
  [[nodiscard]] int64_t bands() const { return blocks_of(out_h_, band_rows_); }
  [[nodiscard]] int64_t first_row(int64_t band) const { return band * band_rows_; }
  [[nodiscard]] int64_t rows(int64_t band) const { return std::min(band_rows_, out_h_ - first_row(band)); }
  /// Of a band's output, those between its rows included; they begin at multiples of kTile.
  [[nodiscard]] int64_t tiles(int64_t band) const { return tiles_of(rows(band)); }
  /// Floats from an output's position to what a tap reads for it, of channel 0.
  [[nodiscard]] int64_t tap_at(int64_t kernel_row, int64_t kernel_column) const;
  [[nodiscard]] int64_t channel_floats() const { return channel_floats_; }
  /// Of a band.
  [[nodiscard]] int64_t floats() const { return channels_ * channel_floats_; }
  /// What `fill` may be cut into.
  [[nodiscard]] int64_t items() const;

 protected:
  /// Along one dimension.
  struct Axis {
    Axis(int64_t kernel, int64_t dilation, int64_t stride);
    std::vector<int64_t> phases;  // that are read, ascending
    int64_t reach = 0;            // of taps beyond the output, in steps of the stride
    int64_t dilation, stride;
    [[nodiscard]] int64_t count() const { return static_cast<int64_t>(phases.size()); }
    [[nodiscard]] int64_t phase_of(int64_t tap) const;
    [[nodiscard]] int64_t steps_of(int64_t tap) const { return tap * dilation / stride; }
  };
  [[nodiscard]] int64_t tiles_of(int64_t rows) const { return blocks_of((rows - 1) * pitch_ + out_w_, kTile); }
  [[nodiscard]] int64_t phases() const { return rows_.count() * columns_.count(); }

  int64_t channels_, pixels_, out_h_, out_w_;
  Axis rows_, columns_;
  int64_t pitch_, band_rows_;
  int64_t phase_tiles_, channel_floats_;
};

/// Brings what it says into them.
class PhasePlanes : public PhaseLayout {
 public:
  PhasePlanes(const ConvProblem& p, int64_t band_rows);
  /// @param image  (blocks, pixels, 16).
  /// @param items  of items().
  void fill(const float* image, int64_t band, Range items, const VectorLoops& loops, float* planes) const;

 private:
  std::vector<int32_t> pixel_of_;  // (bands, phases, positions): -1 is a zero
};

}  // namespace scissionlite::kernels
