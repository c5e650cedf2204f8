#include "kernels/conv/phase_planes.h"

namespace scissionlite::kernels {
namespace {

/// Columns of zeros that begin each row of every phase and end it as well.
int64_t shared_columns(const ConvProblem& p, const std::vector<int64_t>& phases, int64_t reach) {
  int64_t shared = reach;
  for (const int64_t phase : phases) {
    const int64_t first = std::max<int64_t>(0, blocks_of(p.left - phase, p.stride_w)),
                  end = blocks_of(p.w + p.left - phase, p.stride_w);  // of columns that are pixels
    shared = std::min({shared, first, std::max<int64_t>(0, p.out_w() + reach - end)});
  }
  return shared;
}

}  // namespace

PhaseLayout::Axis::Axis(int64_t kernel, int64_t dilation_given, int64_t stride_given) : dilation(dilation_given), stride(stride_given) {
  for (int64_t tap = 0; tap < kernel; ++tap) phases.push_back(tap * dilation % stride);
  std::sort(phases.begin(), phases.end());
  phases.erase(std::unique(phases.begin(), phases.end()), phases.end());
  reach = steps_of(kernel - 1);
}

int64_t PhaseLayout::Axis::phase_of(int64_t tap) const {
  return std::lower_bound(phases.begin(), phases.end(), tap * dilation % stride) - phases.begin();
}

PhaseLayout::PhaseLayout(const ConvProblem& p, int64_t band_rows)
    : channels_(p.c),
      pixels_(p.h * p.w),
      out_h_(p.out_h()),
      out_w_(p.out_w()),
      rows_(p.kernel_h, p.dilation_h, p.stride_h),
      columns_(p.kernel_w, p.dilation_w, p.stride_w),
      pitch_(out_w_ + columns_.reach - shared_columns(p, columns_.phases, columns_.reach)),
      band_rows_(equal_chunk(out_h_, band_rows)) {
  phase_tiles_ = tiles_of(band_rows_) + blocks_of(rows_.reach * pitch_ + columns_.reach, kTile);
  channel_floats_ = (phases() * phase_tiles_ | 1) * kTile;  // an odd number of cache lines: channels lie in all sets of a cache
}

int64_t PhaseLayout::tap_at(int64_t kernel_row, int64_t kernel_column) const {
  const int64_t phase = rows_.phase_of(kernel_row) * columns_.count() + columns_.phase_of(kernel_column);
  return phase * phase_tiles_ * kTile + rows_.steps_of(kernel_row) * pitch_ + columns_.steps_of(kernel_column);
}

PhasePlanes::PhasePlanes(const ConvProblem& p, int64_t band_rows) : PhaseLayout(p, band_rows) {
  const auto pixel_of = [&](int64_t row, int64_t column) {
    return static_cast<int32_t>(row >= 0 && row < p.h && column >= 0 && column < p.w ? row * p.w + column : -1);
  };
  for (int64_t band = 0; band < bands(); ++band)
    for (const int64_t row_phase : rows_.phases)
      for (const int64_t column_phase : columns_.phases)
        for (int64_t position = 0; position < phase_tiles_ * kTile; ++position)
          pixel_of_.push_back(pixel_of((first_row(band) + position / pitch_) * p.stride_h + row_phase - p.top,
                                       position % pitch_ * p.stride_w + column_phase - p.left));
}

int64_t PhaseLayout::items() const { return blocks_of(channels_, kTile) * phases() * phase_tiles_; }

void PhasePlanes::fill(const float* image, int64_t band, Range items, const VectorLoops& loops, float* planes) const {
  const int64_t block_tiles = phases() * phase_tiles_;
  PixelRowsArguments a;
  a.step = channel_floats_;
  for (int64_t item = items.begin; item < items.end; ++item) {
    const int64_t block = item / block_tiles, tile = item % block_tiles;
    a.x = image + block * pixels_ * kTile;
    a.pixels = pixel_of_.data() + (band * block_tiles + tile) * kTile;
    a.rows = planes + block * kTile * channel_floats_ + tile * kTile;
    a.channels = std::min(kTile, channels_ - block * kTile);
    loops.pixels_to_rows(a);
  }
}

}  // namespace scissionlite::kernels
