#include "kernels/int8/band.h"

#include <algorithm>
#include <type_traits>

#include "kernels/conv/panels.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kSlackBytes = 256;  // a vector or a step may be read that begins at the last value

void to_unsigned(const uint8_t* x, int64_t count, uint8_t* y) {
  for (int64_t i = 0; i < count; ++i) y[i] = x[i] ^ 0x80;
}

}  // namespace

template <typename Value>
Band<Value>::Band(const Int8Problem& problem, int64_t channels, int64_t most_bytes, const Int8Loops& loops, int64_t step)
    : p_(problem.conv),
      is_signed_(problem.is_x_signed),
      zero_(problem.x_zero),
      outside_(static_cast<Value>(sizeof(Value) == 1 ? unsigned_zero(problem) : 0)),
      loops_(loops),
      channels_(channels),
      columns_(p_.left + p_.w + std::max<int64_t>(p_.right, 0)) {
  const auto bytes_of = [&](int64_t out_rows) { return rows_of(out_rows) * row_values() * static_cast<int64_t>(sizeof(Value)); };
  out_rows_ = step;
  while (out_rows_ < p_.out_h() && bytes_of(out_rows_ + step) <= most_bytes) out_rows_ += step;
  const int64_t bands = (p_.out_h() + out_rows_ - 1) / out_rows_;
  out_rows_ = round_up((p_.out_h() + bands - 1) / bands, step);  // all of nearly one size
}

template <typename Value>
int64_t Band<Value>::bytes() const {
  return round_up(rows_of(out_rows_) * row_values() * static_cast<int64_t>(sizeof(Value)) + kSlackBytes, 64);
}

template <typename Value>
void Band<Value>::fill_row(const uint8_t* row, Value* to) const {
  std::fill_n(to, p_.left * channels_, outside_);
  Value* inner = to + p_.left * channels_;
  if constexpr (std::is_same_v<Value, int16_t>) {
    loops_.widen(row, p_.c, p_.w, channels_, is_signed_, zero_, inner);
  } else {
    const bool is_joined = channels_ == p_.c;
    for (int64_t i = 0; i < (is_joined ? 1 : p_.w); ++i) {
      const int64_t count = is_joined ? p_.w * channels_ : channels_;
      if (is_signed_) to_unsigned(row + i * p_.c, count, inner + i * channels_);
      else std::copy_n(row + i * p_.c, count, inner + i * channels_);
    }
  }
  std::fill_n(inner + p_.w * channels_, (columns_ - p_.left - p_.w) * channels_, outside_);
}

template <typename Value>
void Band<Value>::fill(const uint8_t* x, int64_t channel, int64_t first, int64_t count, Value* to) const {
  const int64_t top = first * p_.stride_h - p_.top, rows = rows_of(count),
                step = p_.kernel_h == 1 ? p_.stride_h : 1;  // rows between the strides of a 1x1 are not read
  for (int64_t i = 0; i < rows; i += step) {
    const int64_t row = top + i;
    if (row < 0 || row >= p_.h) std::fill_n(to + i * row_values(), row_values(), outside_);
    else fill_row(x + row * p_.w * p_.c + channel, to + i * row_values());
  }
}

template class Band<int16_t>;
template class Band<uint8_t>;

}  // namespace scissionlite::kernels
