// Blocks of rows of bytes times panels of packed weights, in tiles (tile_product.h): what products and convolutions share.
#pragma once

#include "kernels/conv/panels.h"
#include "kernels/lowbit/weight_panels.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {

/// Within its life the thread may multiply tiles of so many rows.
class InTiles {
 public:
  InTiles(const LowBitLoops& loops, int rows) : loops_(loops) { loops_.enter_tiles(rows); }
  ~InTiles() { loops_.leave_tiles(); }
  InTiles(const InTiles&) = delete;
  InTiles& operator=(const InTiles&) = delete;

 private:
  const LowBitLoops& loops_;
};

/// Rows of x: signed bytes, as WeightPanels::set_row makes them.
struct TileX {
  const uint8_t* at = nullptr;
  int64_t row = 0;            // bytes from one to the next
  int64_t run = 0, jump = 0;  // as TileProductArguments has them
  const int32_t* sums = nullptr;
};

class TileRows {
 public:
  TileRows(const WeightPanels& panels, const LowBitLoops& loops) : panels_(panels), loops_(loops) {}

  /// Rows of a block at most: what unpacking serves at once, and L2 holds a quarter of.
  [[nodiscard]] static int64_t most_rows(int64_t inputs) {
    constexpr int64_t kMost = 256;
    return std::clamp<int64_t>(l2_bytes() / 4 / row_bytes_of(inputs), kMostTileRows, kMost) / kMostTileRows * kMostTileRows;
  }
  [[nodiscard]] static int64_t row_bytes_of(int64_t inputs) { return round_up(inputs, kTileInputs); }

  /// The first `count` rows by panels `range`, in tiles of as even a height as can be: a few rows beyond them are read. Sums of a panel go to `sums`,
  /// (rows up to a whole tile, outputs), where end(panel) finds them.
  template <typename End>
  void multiply(const TileX& x, int64_t count, const Range& range, int32_t* sums, const End& end) const {
    const int64_t tiles = (count + kMostTileRows - 1) / kMostTileRows;
    const int rows = static_cast<int>((count + tiles - 1) / tiles);
    const InTiles thread(loops_, rows);
    for (int64_t panel = range.begin; panel < range.end; ++panel) {
      loops_.tile_product({.x = x.at,
                           .x_row = x.row,
                           .x_run = x.run,
                           .x_jump = x.jump,
                           .tiles = tiles,
                           .rows = rows,
                           .units = panels_.units(),
                           .packed = panels_.packed(panel),
                           .bits = panels_.code().bits,
                           .sums = sums});
      end(panel);
    }
  }

 private:
  const WeightPanels& panels_;
  const LowBitLoops& loops_;
};

}  // namespace scissionlite::kernels
