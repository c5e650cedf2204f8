#include "kernels/lowbit/dense.h"

#include "kernels/conv/panels.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kInputs = 8;     // of a unit
constexpr int32_t kMiddle = 128;   // of unsigned bytes, which loops take as signed ones

}  // namespace

LowBitDense::LowBitDense(const Int8DenseProblem& problem, const Int8Weights& weights, const WeightCode& code, const LowBitLoops& loops) : problem_(problem), loops_(loops), units_((problem.k + kInputs - 1) / kInputs) {
  const int64_t n = problem.n, k = problem.k, outputs = loops.outputs, panels = (n + outputs - 1) / outputs;
  const int32_t zero = problem.x_zero + (problem.is_x_signed ? kMiddle : 0);
  bias_ = Buffer<int32_t>(panels * outputs);
  scale_ = Buffer<float>(panels * outputs);
  offset_ = Buffer<float>(panels * outputs);
  Buffer<uint8_t> u(panels * units_ * outputs * kInputs);  // (panels, units, 2, outputs, 4)
  for (int64_t j = 0; j < n; ++j) {
    uint32_t bias = weights.bias ? static_cast<uint32_t>(weights.bias[j]) : 0;  // sums wrap
    for (int64_t i = 0; i < k; ++i) {
      const int32_t w = weights.w[j * k + i], of = code.u_of(w);
      bias -= static_cast<uint32_t>(zero * w);
      bias += static_cast<uint32_t>(kMiddle * code.step * of);
      u[(((j / outputs * units_ + i / kInputs) * 2 + i / 4 % 2) * outputs + j % outputs) * 4 + i % 4] = static_cast<uint8_t>(of);
    }
    bias_[j] = static_cast<int32_t>(bias);
    scale_[j] = weights.scale[j];
    if (weights.offset) offset_[j] = weights.offset[j];
  }
  weights_ = PackedWeights(u.data(), u.size(), code, loops);
}

int64_t LowBitDense::scratch_bytes(int threads) const { return threads * round_up(units_ * kInputs + loops_.outputs * 4, 64); }

void LowBitDense::run(const uint8_t* x, int64_t m, void* y, std::byte* scratch, int threads) const {
  const int64_t outputs = loops_.outputs, panels = (problem_.n + outputs - 1) / outputs, unit = PackedWeights::unit_values(loops_);
  const auto turned = static_cast<uint8_t>(problem_.is_x_signed ? 0 : kMiddle);
  const auto& code = weights_.code();
  in_team(threads, [&](const Member& member) {
    auto* const sums = reinterpret_cast<int32_t*>(scratch + member.rank * (scratch_bytes(threads) / threads));
    auto* const row = reinterpret_cast<uint8_t*>(sums + outputs);
    const Range mine = share_of(panels, member);
    std::fill(row + problem_.k, row + units_ * kInputs, uint8_t{0});
    for (int64_t i = 0; i < m; ++i) {
      const uint8_t* const from = x + i * problem_.k;
      int32_t x_sum = 0;
      for (int64_t c = 0; c < problem_.k; ++c) row[c] = from[c] ^ turned, x_sum += static_cast<int8_t>(row[c]) + kMiddle;
      for (int64_t panel = mine.begin; panel < mine.end; ++panel) {
        const int64_t at = panel * outputs, to = i * problem_.n + at, count = std::min(outputs, problem_.n - at);
        loops_.dense_row({.x = row, .units = units_, .packed = weights_.at(panel * units_ * unit), .bits = code.bits, .sums = sums});
        if (problem_.is_y_float) {
          for (int64_t j = 0; j < count; ++j)
            static_cast<float*>(y)[to + j] = static_cast<float>(sums[j] * code.step + bias_[at + j] + x_sum * code.least) * scale_[at + j] + offset_[at + j];
          continue;
        }
        loops_.end({.sums = sums, .pixels = 1, .channels = count, .factor = code.step, .x_factor = code.least, .x_sums = &x_sum, .bias = bias_.data() + at,
                    .end = {scale_.data() + at, problem_.y_zero, static_cast<float>(problem_.low - problem_.y_zero), static_cast<float>(problem_.high - problem_.y_zero)}, .y = static_cast<uint8_t*>(y) + to, .y_pixel = problem_.n});
      }
    }
  });
}

}  // namespace scissionlite::kernels
