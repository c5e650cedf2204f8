#include "kernels/int8/band.h"

#include <algorithm>

#include "kernels/conv/panels.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kSlackBytes = 256;  // a vector or a pair may be read that begins at the last value

}  // namespace

Band::Band(const Int8Problem& problem, int64_t channels, int64_t most_bytes, const Int8Loops& loops)
    : p_(problem.conv), is_signed_(problem.is_x_signed), zero_(problem.x_zero), loops_(loops), channels_(channels), columns_(p_.left + p_.w + std::max<int64_t>(p_.right, 0)) {
  while (out_rows_ < p_.out_h() && rows_of(out_rows_ + 1) * row_values() * 2 <= most_bytes) ++out_rows_;
  const int64_t bands = (p_.out_h() + out_rows_ - 1) / out_rows_;
  out_rows_ = (p_.out_h() + bands - 1) / bands;  // all of nearly one size
}

int64_t Band::bytes() const { return (rows_of(out_rows_) * row_values() * 2 + kSlackBytes + 63) / 64 * 64; }

void Band::fill_row(const uint8_t* row, int16_t* to) const {
  std::fill_n(to, p_.left * channels_, int16_t{0});
  int16_t* inner = to + p_.left * channels_;
  loops_.widen(row, p_.c, p_.w, channels_, is_signed_, zero_, inner);
  std::fill_n(inner + p_.w * channels_, (columns_ - p_.left - p_.w) * channels_, int16_t{0});
}

void Band::fill(const uint8_t* x, int64_t channel, int64_t first, int64_t count, int16_t* to) const {
  const int64_t top = first * p_.stride_h - p_.top, rows = rows_of(count), step = p_.kernel_h == 1 ? p_.stride_h : 1;  // rows between the strides of a 1x1 are not read
  for (int64_t i = 0; i < rows; i += step) {
    const int64_t row = top + i;
    if (row < 0 || row >= p_.h) std::fill_n(to + i * row_values(), row_values(), int16_t{0});
    else fill_row(x + row * p_.w * p_.c + channel, to + i * row_values());
  }
}

}  // namespace scissionlite::kernels
