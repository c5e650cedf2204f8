#include "kernels/sparse24/weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace scissionlite::kernels {

bool is_two_four(const MatrixView& matrix) {
  for (int64_t output = 0; output < matrix.outputs; ++output)
    for (int64_t tap = 0; tap < matrix.taps; ++tap)
      for (int64_t first = 0; first < matrix.inputs; first += kTwoFourGroup) {
        int count = 0;
        for (int64_t i = first; i < first + kTwoFourGroup; ++i) count += matrix.at(output, tap, i) != 0;  // not equal: what is no number counts
        if (count > kTwoFourKept) return false;
      }
  return true;
}

TwoFourGroup two_four_group(const MatrixView& matrix, int64_t output, int64_t group) {
  const int64_t of_tap = TwoFourLayout{matrix.outputs, matrix.inputs}.tap_groups(), tap = group / of_tap, first = group % of_tap * kTwoFourGroup;
  int places[kTwoFourKept], count = 0;
  for (int place = 0; place < kTwoFourGroup && count < kTwoFourKept; ++place)
    if (matrix.at(output, tap, first + place) != 0) places[count++] = place;
  if (count == 0) places[count++] = 0;
  if (count == 1) {  // a zero beside it
    places[1] = places[0] == 3 ? 2 : places[0] + 1;
    if (places[1] < places[0]) std::swap(places[0], places[1]);
  }
  TwoFourGroup out;
  for (size_t i = 0; i < kTwoFourKept; ++i) out.places[i] = places[i], out.values[i] = matrix.at(output, tap, first + places[i]);
  return out;
}

TwoFourGroup TwoFourLayout::group(const std::byte* packed, int64_t output, int64_t group) const {
  TwoFourGroup out;
  std::memcpy(out.values.data(), packed + (output * groups() + group) * static_cast<int64_t>(sizeof(out.values)), sizeof(out.values));
  const int nibble = std::to_integer<int>(packed[value_bytes() + output * index_row_bytes() + group / 2]) >> (group % 2 * 4);
  out.places = {nibble & 3, nibble >> 2 & 3};
  return out;
}

void pack_two_four(const MatrixView& matrix, std::byte* packed) {
  const TwoFourLayout layout{matrix.outputs, matrix.inputs, matrix.taps};
  for (int64_t output = 0; output < matrix.outputs; ++output)
    for (int64_t group = 0; group < layout.groups(); ++group) {
      const auto kept = two_four_group(matrix, output, group);
      std::memcpy(packed + (output * layout.groups() + group) * static_cast<int64_t>(sizeof(kept.values)), kept.values.data(), sizeof(kept.values));
      packed[layout.value_bytes() + output * layout.index_row_bytes() + group / 2] |=
          std::byte((kept.places[0] | kept.places[1] << 2) << (group % 2 * 4));
    }
}

void unpack_two_four(const TwoFourLayout& layout, const std::byte* packed, float* w) {
  std::fill_n(w, layout.outputs * layout.inputs * layout.taps, 0.F);
  for (int64_t output = 0; output < layout.outputs; ++output)
    for (int64_t group = 0; group < layout.groups(); ++group) {
      const auto kept = layout.group(packed, output, group);
      const int64_t tap = group / layout.tap_groups(), first = group % layout.tap_groups() * kTwoFourGroup;
      for (size_t i = 0; i < kTwoFourKept; ++i)
        if (const int64_t input = first + kept.places[i]; input < layout.inputs)
          w[(output * layout.inputs + input) * layout.taps + tap] = kept.values[i];
    }
}

void make_two_four(float* w, int64_t outputs, int64_t inputs, int64_t taps) {
  for (int64_t output = 0; output < outputs; ++output)
    for (int64_t tap = 0; tap < taps; ++tap)
      for (int64_t first = 0; first < inputs; first += kTwoFourGroup) {
        const auto value = [&](int64_t i) -> float& { return w[(output * inputs + first + i) * taps + tap]; };
        const int64_t size = std::min(kTwoFourGroup, inputs - first);
        int64_t kept = 0;
        for (int64_t i = 0; i < size; ++i) kept += value(i) != 0;
        for (; kept > kTwoFourKept; --kept) {
          int64_t least = -1;
          for (int64_t i = 0; i < size; ++i)
            if (value(i) != 0 && (least < 0 || std::abs(value(i)) < std::abs(value(least)))) least = i;
          value(least) = 0;
        }
      }
}

}  // namespace scissionlite::kernels
