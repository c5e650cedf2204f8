// Images as rows that tiles read. Each output pixel's window may become a row of its own. Where a kernel's row of taps lies in one piece and steps by
// one pixel, a strip of the image itself, turned and padded, is as good: windows begin at neighbouring pixels of it, output rows are one pitch of it
// apart, and what is computed between them belongs to no output.
#pragma once

#include <memory>

#include "kernels/int8/conv.h"
#include "kernels/lowbit/tile_rows.h"

namespace scissionlite::kernels {

/// What is multiplied at once: `rows` times `columns` output pixels, in rows of x that are `pitch` apart.
struct TileBlock {
  TileX x;
  int64_t count = 0;  // rows of x, those between output rows too
  int64_t rows = 1, columns = 0, pitch = 0;
  int64_t first_pixel = 0, pixel_pitch = 0;  // of y: the first one, and from one row to the next
};

/// For the choice.
struct TileCost {
  double products = 0;    // of a tile of x by a vector of outputs
  double unpackings = 0;  // of all weights
  double bytes = 0;       // of x that are laid out
  double pieces = 0;      // of windows, in which they are copied
  double output_pixels = 0;
};

class TileInputs {
 public:
  explicit TileInputs(const Int8Problem& problem) : problem_(problem) {}
  virtual ~TileInputs() = default;
  TileInputs(const TileInputs&) = delete;
  TileInputs& operator=(const TileInputs&) = delete;

  /// Of a group.
  [[nodiscard]] virtual int64_t blocks() const = 0;
  /// Rows of x in a block at most, of which there are sums.
  [[nodiscard]] virtual int64_t most_rows() const = 0;
  /// What `lay_out` is given.
  [[nodiscard]] virtual int64_t scratch_bytes() const = 0;
  virtual TileBlock lay_out(const uint8_t* x, int64_t group, int64_t block, const WeightPanels& panels, std::byte* scratch) const = 0;
  /// Of a group; products and unpackings of one panel of outputs.
  [[nodiscard]] virtual TileCost cost() const = 0;

 protected:
  Int8Problem problem_;
};

/// A strip where it can be read and most of what it gives are outputs, else windows.
[[nodiscard]] std::unique_ptr<TileInputs> make_tile_inputs(const Int8Problem& problem);

}  // namespace scissionlite::kernels
