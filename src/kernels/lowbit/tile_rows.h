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

/// Of a thread, in scratch memory.
struct TileWork {
  uint8_t* x = nullptr;       // (rows, TileRows::row_bytes()): WeightPanels::set_row's
  int32_t* x_sums = nullptr;  // (rows)
  int32_t* sums = nullptr;    // (rows, outputs)
};

class TileRows {
 public:
  TileRows(const WeightPanels& panels, const LowBitLoops& loops) : panels_(panels), loops_(loops) {}

  /// Rows of a block at most: what unpacking serves at once, and L2 holds a quarter of.
  [[nodiscard]] static int64_t most_rows(int64_t inputs) {
    constexpr int64_t kMost = 256;
    return std::clamp<int64_t>(l2_bytes() / 4 / row_bytes_of(inputs), kMostTileRows, kMost) / kMostTileRows * kMostTileRows;
  }
  [[nodiscard]] int64_t most_rows() const { return most_rows(panels_.inputs()); }
  [[nodiscard]] int64_t row_bytes() const { return row_bytes_of(panels_.inputs()); }
  [[nodiscard]] int64_t scratch_bytes() const { return most_rows() * (row_bytes() + 4 + loops_.outputs * 4); }
  [[nodiscard]] TileWork work_in(std::byte* scratch) const {
    auto* const sums = reinterpret_cast<int32_t*>(scratch);
    auto* const x_sums = sums + most_rows() * loops_.outputs;
    return {.x = reinterpret_cast<uint8_t*>(x_sums + most_rows()), .x_sums = x_sums, .sums = sums};
  }

  /// The first `count` rows by panels `range`, in tiles of as even a height as can be; end(panel) finds the panel's sums in `work`.
  template <typename End>
  void multiply(const TileWork& work, int64_t count, const Range& range, const End& end) const {
    const int64_t tiles = (count + kMostTileRows - 1) / kMostTileRows;
    const int rows = static_cast<int>((count + tiles - 1) / tiles);
    const InTiles thread(loops_, rows);
    for (int64_t panel = range.begin; panel < range.end; ++panel) {
      loops_.tile_product({.x = work.x,
                           .x_row = row_bytes(),
                           .tiles = tiles,
                           .rows = rows,
                           .units = panels_.units(),
                           .packed = panels_.packed(panel),
                           .bits = panels_.code().bits,
                           .sums = work.sums});
      end(panel);
    }
  }

 private:
  [[nodiscard]] static int64_t row_bytes_of(int64_t inputs) { return round_up(inputs, kTileInputs); }
  const WeightPanels& panels_;
  const LowBitLoops& loops_;
};

}  // namespace scissionlite::kernels
