// Weights of few bits in panels of a vector of outputs, packed in order of what they multiply, with what makes results of sums of x * u: x signed
// bytes (of unsigned ones x - 128), u as in WeightCode. A sum over all inputs, (x - zero) * (least + step * u), is step * sum(x * u) + least * sum(x
// + 128) + bias.
#pragma once

#include "kernels/lowbit/packed_weights.h"

namespace scissionlite::kernels {

struct PanelsProblem {
  int64_t groups = 1, outputs = 1;  // of a group
  int64_t channels = 1, taps = 1;   // of a group's input: rows of x are (taps, channels), of weights (channels, taps)
  bool is_x_signed = false;
  int32_t x_zero = 0;
};

class WeightPanels {
 public:
  WeightPanels(const PanelsProblem& problem, const Int8Weights& weights, const WeightCode& code, const LowBitLoops& loops);

  [[nodiscard]] int64_t inputs() const { return problem_.channels * problem_.taps; }
  /// Of eight inputs.
  [[nodiscard]] int64_t units() const { return units_; }
  /// Of a group; its first panel is group * panels().
  [[nodiscard]] int64_t panels() const { return panels_; }
  [[nodiscard]] const uint8_t* packed(int64_t panel) const { return weights_.at(panel * units_ * PackedWeights::unit_values(*loops_)); }
  [[nodiscard]] const WeightCode& code() const { return weights_.code(); }
  [[nodiscard]] int64_t weight_bytes() const { return weights_.bytes(); }

  /// What bytes of x are turned with, to be signed ones.
  [[nodiscard]] uint8_t turned() const { return problem_.is_x_signed ? 0 : 128; }
  /// Bytes of x, turned, to `to`, which may be x. @return sum(x + 128).
  int32_t turn(const uint8_t* x, int64_t count, uint8_t* to) const { return loops_->turn_row(x, count, turned(), to); }
  /// x of a row, turned, and where tiles read them zeros up to `padded`. @return sum(x + 128).
  int32_t set_row(const uint8_t* x, int64_t padded, uint8_t* row) const;
  /// The same of a row that holds its bytes as they are.
  int32_t end_row(uint8_t* row, int64_t padded) const { return set_row(row, padded, row); }

  /// Outputs of all groups, and the first one of a panel.
  [[nodiscard]] int64_t all_outputs() const { return problem_.groups * problem_.outputs; }
  [[nodiscard]] int64_t first_output(int64_t panel) const { return panel / panels_ * problem_.outputs + panel % panels_ * loops_->outputs; }
  /// Sums (rows, LowBitLoops::outputs) of a panel, and of x by rows, to bytes of rows of y; `end` needs no scale.
  void to_bytes(int64_t panel, const int32_t* sums, const int32_t* x_sums, int64_t rows, Requantise end, uint8_t* y) const;
  void to_floats(int64_t panel, const int32_t* sums, const int32_t* x_sums, int64_t rows, float* y) const;

 private:
  [[nodiscard]] int64_t outputs_of(int64_t panel) const {
    return std::min<int64_t>(loops_->outputs, problem_.outputs - panel % panels_ * loops_->outputs);
  }
  PanelsProblem problem_;
  const LowBitLoops* loops_;
  int64_t units_, panels_;
  PackedWeights weights_;         // (groups, panels, units)
  Buffer<int32_t> bias_;          // (groups, panels, outputs of a vector)
  Buffer<float> scale_, offset_;  // likewise
};

}  // namespace scissionlite::kernels
