#include "kernels/lowbit/weight_panels.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kInputs = 8;    // of a unit
constexpr int32_t kMiddle = 128;  // of unsigned bytes, which loops take as signed ones

}  // namespace

WeightPanels::WeightPanels(const PanelsProblem& problem, const Int8Weights& weights, const WeightCode& code, const LowBitLoops& loops)
    : problem_(problem), loops_(&loops), units_((inputs() + kInputs - 1) / kInputs), panels_((problem.outputs + loops.outputs - 1) / loops.outputs) {
  const int64_t k = inputs(), vector = loops.outputs, all = problem.groups * panels_;
  const int32_t zero = problem.x_zero + (problem.is_x_signed ? kMiddle : 0);
  bias_ = Buffer<int32_t>(all * vector);
  scale_ = Buffer<float>(all * vector);
  offset_ = Buffer<float>(all * vector);
  Buffer<uint8_t> u(all * units_ * vector * kInputs);  // (groups, panels, units, 2, outputs, 4)
  for (int64_t j = 0; j < all_outputs(); ++j) {
    const int64_t output = j % problem.outputs, panel = j / problem.outputs * panels_ + output / vector, at = output % vector;
    uint32_t bias = weights.bias ? static_cast<uint32_t>(weights.bias[j]) : 0;  // sums wrap
    for (int64_t i = 0; i < k; ++i) {
      const int32_t w = weights.w[j * k + (problem.taps == 1 ? i : i % problem.channels * problem.taps + i / problem.channels)], of = code.u_of(w);
      bias -= static_cast<uint32_t>(zero * w);
      bias += static_cast<uint32_t>(kMiddle * code.step * of);
      u[(((panel * units_ + i / kInputs) * 2 + i / 4 % 2) * vector + at) * 4 + i % 4] = static_cast<uint8_t>(of);
    }
    bias_[panel * vector + at] = static_cast<int32_t>(bias);
    scale_[panel * vector + at] = weights.scale[j];
    if (weights.offset) offset_[panel * vector + at] = weights.offset[j];
  }
  weights_ = PackedWeights(u.data(), u.size(), code, loops);
}

int32_t WeightPanels::set_row(const uint8_t* x, int64_t padded, uint8_t* row) const {
  std::fill(row + inputs(), row + padded, uint8_t{0});
  return turn(x, inputs(), row);
}

void WeightPanels::to_bytes(int64_t panel, const int32_t* sums, const int32_t* x_sums, int64_t rows, Requantise end, uint8_t* y) const {
  const int64_t at = panel * loops_->outputs;
  end.scale = scale_.data() + at;
  loops_->end({.sums = sums,
               .pixels = rows,
               .channels = outputs_of(panel),
               .factor = code().step,
               .x_factor = code().least,
               .x_sums = x_sums,
               .bias = bias_.data() + at,
               .end = end,
               .y = y + first_output(panel),
               .y_pixel = all_outputs()});
}

void WeightPanels::to_floats(int64_t panel, const int32_t* sums, const int32_t* x_sums, int64_t rows, float* y) const {
  const int64_t at = panel * loops_->outputs, count = outputs_of(panel);
  y += first_output(panel);
  for (int64_t i = 0; i < rows; ++i, sums += loops_->outputs, y += all_outputs())
    for (int64_t j = 0; j < count; ++j) {
      const uint32_t sum = static_cast<uint32_t>(sums[j]) * static_cast<uint32_t>(code().step) + static_cast<uint32_t>(bias_[at + j]) +
                           static_cast<uint32_t>(x_sums[i]) * static_cast<uint32_t>(code().least);
      y[j] = static_cast<float>(static_cast<int32_t>(sum)) * scale_[at + j] + offset_[at + j];
    }
}

}  // namespace scissionlite::kernels
