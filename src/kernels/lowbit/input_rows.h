// Input rows of a convolution of few-bit values as bit planes, with what is outside the image, for one block of output columns at a time; and sums of
// x over windows.
#pragma once

#include <utility>
#include <vector>

#include "kernels/lowbit/few_bits.h"
#include "kernels/lowbit/loops.h"

namespace scissionlite::kernels {

/// Bit planes of pixels: plane s of pixel i begins at first + i * pixel + s * plane.
struct PlanesPlace {
  uint8_t* first = nullptr;
  int64_t pixel = 0, plane = 0;  // bytes
};

/// What several output rows read lies in a ring of slots, so that it is made once: a row, counted from the upper pad's first, has slot row % slots.
/// Pixels of a row are those that a block of output columns reads: of a kernel of one column every stride_w-th.
class InputRows {
 public:
  /// @param out_rows  whose input is in the ring at the same time.
  InputRows(const Int8Problem& problem, int64_t most_columns, int64_t out_rows);

  /// A 1x1 convolution's images are one row.
  static Int8Problem in_one_row(Int8Problem problem);
  /// Input pixels that so many output pixels of a row read.
  static int64_t pixels_of(const ConvProblem& p, int64_t columns);

  /// Output pixels of a block of columns; the last one of a row may have fewer.
  [[nodiscard]] int64_t columns() const { return columns_; }
  /// Blocks of columns of a row. A block's number counts those of the images before, too.
  [[nodiscard]] int64_t blocks() const { return blocks_; }
  [[nodiscard]] int64_t first_column(int64_t block) const { return block % blocks_ * columns_; }
  [[nodiscard]] int64_t columns_of(int64_t block) const { return std::min(columns_, problem_.conv.out_w() - first_column(block)); }
  [[nodiscard]] int64_t pixels() const { return pixels_; }
  /// From one output pixel's window to the next.
  [[nodiscard]] int64_t pixel_step() const { return problem_.conv.kernel_w == 1 ? 1 : problem_.conv.stride_w; }
  [[nodiscard]] int64_t slots() const { return slots_; }
  /// Of the input row that kernel row i of an output row reads.
  [[nodiscard]] int64_t slot_of(int64_t out_row, int64_t i) const { return row_of(out_row, i) % slots_; }
  [[nodiscard]] int64_t row_of(int64_t out_row, int64_t i) const { return out_row * problem_.conv.stride_h + i * problem_.conv.dilation_h; }

  /// Planes of channels [channel, channel + channels), which of an image that lies in planes begin with a byte, of a block's pixels of row `row`,
  /// which may lie outside the image.
  void make_planes(const LowBitLoops& loops, const uint8_t* x, int64_t block, int64_t row, int64_t channel, int64_t channels,
                   const PlanesPlace& to) const;

  /// sums[column] = the sum of x over the window of that column of output row `out_row`, by x_sums: (slots, pixels, groups).
  void sum_windows(const int32_t* x_sums, int64_t group, int64_t out_row, int64_t columns, int32_t* sums) const;

  /// Which rows are in a thread's ring.
  class Kept {
   public:
    explicit Kept(const InputRows& of) : of_(of), tags_(static_cast<size_t>(of.slots_), -1) {}
    /// Whether that row is to be made now: it is in the ring from then on.
    [[nodiscard]] bool takes(int64_t block, int64_t row) {
      int64_t& tag = tags_[static_cast<size_t>(row % of_.slots_)];
      const auto& p = of_.problem_.conv;
      const int64_t now = block * (p.h + p.top + p.bottom) + row;
      return std::exchange(tag, now) != now;
    }

   private:
    const InputRows& of_;
    std::vector<int64_t> tags_;  // by slot: block and row; -1: nothing
  };

 private:
  void copy_planes(const uint8_t* x, int64_t first, int64_t step, int64_t channel, int64_t channels, int64_t pixels, const PlanesPlace& to) const;
  void pad_planes(int64_t channels, int64_t from, int64_t to, const PlanesPlace& place) const;
  Int8Problem problem_;
  FewBits x_;
  int64_t columns_ = 1, blocks_ = 1, pixels_ = 1, slots_ = 1;
};

}  // namespace scissionlite::kernels
