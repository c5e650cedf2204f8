// Input rows of a few output rows, padded: what the loops of int8 convolutions read.
#pragma once

#include "kernels/int8/conv.h"

namespace scissionlite::kernels {

/// Rows of `channels` channels, a group's or all: (rows, columns, channels). Of int16 values are centred, and 0 outside the image; of uint8_t they
/// are unsigned bytes, those of signed ones plus 128, and the zero point outside.
template <typename Value>
class Band {
 public:
  /// @param most_bytes  of a band, unless `step` output rows need more.
  /// @param step        output rows of a band are a multiple of it, or all.
  Band(const Int8Problem& problem, int64_t channels, int64_t most_bytes, const Int8Loops& loops, int64_t step = 1);

  [[nodiscard]] int64_t channels() const { return channels_; }
  [[nodiscard]] int64_t row_values() const { return columns_ * channels_; }
  /// Input rows that `out_rows` rows read.
  [[nodiscard]] int64_t rows_of(int64_t out_rows) const { return (out_rows - 1) * p_.stride_h + (p_.kernel_h - 1) * p_.dilation_h + 1; }
  /// Output rows at a time: as many as fit, all of them at most.
  [[nodiscard]] int64_t out_rows() const { return out_rows_; }
  /// Of a buffer for `out_rows()`, with room to read past its end.
  [[nodiscard]] int64_t bytes() const;
  /// Fills `to` for output rows [first, first + count) of an image whose first byte is x, channels from `channel` on.
  void fill(const uint8_t* x, int64_t channel, int64_t first, int64_t count, Value* to) const;
  /// Where tap (i, j) lies in the band, from the window's first value.
  [[nodiscard]] int64_t tap_at(int64_t i, int64_t j) const { return i * p_.dilation_h * row_values() + j * p_.dilation_w * channels_; }
  /// Where the window of output row `row` of the band begins.
  [[nodiscard]] int64_t window_at(int64_t row) const { return row * p_.stride_h * row_values(); }

 private:
  void fill_row(const uint8_t* row, Value* to) const;
  ConvProblem p_;
  bool is_signed_;
  int32_t zero_;
  Value outside_;
  const Int8Loops& loops_;
  int64_t channels_, columns_, out_rows_ = 1;
};

extern template class Band<int16_t>;
extern template class Band<uint8_t>;

/// The zero point of bytes once they are unsigned.
[[nodiscard]] inline int32_t unsigned_zero(const Int8Problem& problem) { return problem.x_zero + (problem.is_x_signed ? 128 : 0); }

}  // namespace scissionlite::kernels
