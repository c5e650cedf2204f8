#include "kernels/lowbit/dense.h"

#include "kernels/conv/panels.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {

LowBitDense::LowBitDense(const Int8DenseProblem& problem, const Int8Weights& weights, const WeightCode& code, const LowBitLoops& loops) : problem_(problem), loops_(loops), steps_((problem.k + 3) / 4) {
  const int64_t n = problem.n, k = problem.k, outputs = loops.outputs, panels = (n + outputs - 1) / outputs;
  const int32_t zero = problem.x_zero + (problem.is_x_signed ? 128 : 0);
  bias_ = Buffer<int32_t>(panels * outputs);
  scale_ = Buffer<float>(panels * outputs);
  Buffer<uint8_t> u(panels * steps_ * outputs * 4);  // (panels, steps, outputs, 4)
  for (int64_t j = 0; j < n; ++j) {
    uint32_t bias = weights.bias ? static_cast<uint32_t>(weights.bias[j]) : 0;  // sums wrap
    for (int64_t i = 0; i < k; ++i) {
      const int32_t w = weights.w[j * k + i];
      bias -= static_cast<uint32_t>(zero * w);
      u[((j / outputs * steps_ + i / 4) * outputs + j % outputs) * 4 + i % 4] = static_cast<uint8_t>((w - code.least) / code.step);
    }
    bias_[j] = static_cast<int32_t>(bias);
    scale_[j] = weights.scale[j];
  }
  weights_ = PackedWeights(u.data(), u.size(), code, loops);
}

int64_t LowBitDense::scratch_bytes(int threads) const { return threads * round_up(kRows * (steps_ + loops_.outputs) * 4, 64); }

void LowBitDense::run(const uint8_t* x, int64_t m, uint8_t* y, std::byte* scratch, int threads) const {
  const int64_t outputs = loops_.outputs, panels = (problem_.n + outputs - 1) / outputs, unit = PackedWeights::unit_values(loops_);
  const auto turned = static_cast<uint8_t>(problem_.is_x_signed ? 128 : 0);
  const auto& code = weights_.code();
  in_team(threads, [&](const Member& member) {
    auto* const rows = reinterpret_cast<uint8_t*>(scratch + member.rank * (scratch_bytes(threads) / threads));
    auto* const sums = reinterpret_cast<int32_t*>(rows + kRows * steps_ * 4);
    const Range mine = share_of(panels, member);
    for (int64_t first = 0; first < m; first += kRows) {
      const int64_t count = std::min(kRows, m - first);
      int32_t x_sums[kRows] = {};
      for (int64_t row = 0; row < count; ++row) {
        uint8_t* const to = rows + row * steps_ * 4;
        for (int64_t i = 0; i < problem_.k; ++i) to[i] = x[(first + row) * problem_.k + i] ^ turned, x_sums[row] += to[i];
        std::fill(to + problem_.k, to + steps_ * 4, uint8_t{0});
      }
      for (int64_t panel = mine.begin; panel < mine.end; ++panel) {
        const int64_t at = panel * outputs;
        loops_.dense_rows({.x = rows, .x_row = steps_ * 4, .rows = count, .steps = steps_, .packed = weights_.at(panel * steps_ * unit), .bits = code.bits, .sums = sums, .sums_row = outputs});
        loops_.end({.sums = sums, .pixels = count, .channels = std::min(outputs, problem_.n - at), .factor = code.step, .x_factor = code.least, .x_sums = x_sums, .bias = bias_.data() + at,
                    .end = {scale_.data() + at, problem_.y_zero, static_cast<float>(problem_.low - problem_.y_zero), static_cast<float>(problem_.high - problem_.y_zero)}, .y = y + first * problem_.n + at, .y_pixel = problem_.n});
      }
    }
  });
}

}  // namespace scissionlite::kernels
