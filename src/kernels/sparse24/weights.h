// Weights in NVIDIA's 2:4 pattern, packed: of each group of four consecutive inputs an output keeps two. Weights of a convolution have an input for
// each channel and tap (place of the kernel); groups are channels of one tap.
//
// Layout (TwoFourLayout), all rows of one matrix, by output:
//   values   f32, (outputs, taps, groups of a tap, 2): the two that are kept, by ascending input; a group with fewer non-zeros keeps zeros
//   indices  bytes, (outputs, index_row_bytes): four bits a group, groups in the same order, the lower half of a byte first; bits 0-1 say
//            which of the group's inputs the first value belongs to, bits 2-3 the second one, which is greater: what Tensor Cores take as
//            metadata of 16-bit values
//            (Mishra et al., arXiv 2104.08378, Sec. 3; docs/formats.md says how to go from one to the other)
// Inputs beyond the last are zeros: the last group of a tap may be short. 8.5 bytes a group instead of 16.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace scissionlite::kernels {

constexpr int64_t kTwoFourGroup = 4, kTwoFourKept = 2;

/// A matrix as it lies in memory, one for each tap: element (output, input) at w[output * output_step + input * input_step + tap * tap_step].
struct MatrixView {
  const float* w = nullptr;
  int64_t outputs = 0, inputs = 0;
  int64_t output_step = 0, input_step = 1;  // floats
  int64_t taps = 1, tap_step = 0;
  [[nodiscard]] float at(int64_t output, int64_t tap, int64_t input) const {
    return tap < taps && input < inputs ? w[output * output_step + input * input_step + tap * tap_step] : 0.F;
  }
};
/// Weights of a convolution, (outputs, inputs, taps).
[[nodiscard]] inline MatrixView conv_view(const float* w, int64_t outputs, int64_t inputs, int64_t taps) {
  return {w, outputs, inputs, inputs * taps, taps, taps, 1};
}

/// No group has more than two non-zeros. Reads as far as the first that has.
[[nodiscard]] bool is_two_four(const MatrixView& matrix);

/// What a group keeps.
struct TwoFourGroup {
  std::array<float, kTwoFourKept> values{};
  std::array<int, kTwoFourKept> places{};  // 0 to 3, ascending
};

struct TwoFourLayout {
  int64_t outputs = 0, inputs = 0, taps = 1;
  [[nodiscard]] int64_t tap_groups() const { return (inputs + kTwoFourGroup - 1) / kTwoFourGroup; }
  /// Of an output: tap by tap.
  [[nodiscard]] int64_t groups() const { return taps * tap_groups(); }
  [[nodiscard]] int64_t value_bytes() const { return outputs * groups() * kTwoFourKept * static_cast<int64_t>(sizeof(float)); }
  [[nodiscard]] int64_t index_row_bytes() const { return (groups() + 1) / 2; }
  [[nodiscard]] int64_t bytes() const { return value_bytes() + outputs * index_row_bytes(); }
  /// Of packed bytes.
  [[nodiscard]] TwoFourGroup group(const std::byte* packed, int64_t output, int64_t group) const;
};

/// What a matrix keeps of a group. Of more than two non-zeros the first two: see is_two_four.
[[nodiscard]] TwoFourGroup two_four_group(const MatrixView& matrix, int64_t output, int64_t group);

/// Writes TwoFourLayout::bytes() bytes into zeros.
void pack_two_four(const MatrixView& matrix, std::byte* packed);
/// The inverse: w is (outputs, inputs, taps).
void unpack_two_four(const TwoFourLayout& layout, const std::byte* packed, float* w);

/// Keeps the two largest magnitudes of each group of w (outputs, inputs, taps): weights for tests and measurements.
void make_two_four(float* w, int64_t outputs, int64_t inputs, int64_t taps = 1);

}  // namespace scissionlite::kernels
