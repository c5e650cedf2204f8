#include "kernels/dense/two_four_dense.h"

#include <algorithm>

#include "kernels/parallel.h"
#include "kernels/sparse24/strips.h"

namespace scissionlite::kernels {

TwoFourDense::TwoFourDense(int64_t k, int64_t n, const Dense::Weights& weights, const ActivationArguments& activation, const VectorLoops& loops,
                           Precision precision)
    : k_(k),
      n_(n),
      layout_{n, k, loops.lanes, precision == Precision::kBf16},
      activation_(activation),
      loops_(loops),
      bias_(padded_bias(weights.bias, n, loops.lanes)) {
  const auto text = std::string("dense sparse24 ") + (layout_.is_bf16 ? "bf16 l" : "l") + std::to_string(loops.lanes) + " k" + std::to_string(k) +
                    " n" + std::to_string(n) + " r" + std::to_string(weights.row) + " c" + std::to_string(weights.column);
  weights_ = weights.source.packed<float>(text, layout_.floats(), [&](float* to) {
    pack_strips({weights.w, n, k, weights.column, weights.row}, layout_, to);
  });
}

void TwoFourDense::run_block(int64_t block, const float* x, const float* rest, int rows, float* y) const {
  const int64_t lanes = loops_.lanes, outputs = std::min(lanes, n_ - block * lanes);
  alignas(64) float short_block[kMostTwoFourRows * 16];  // whole vectors would reach beyond the row
  TwoFourRowsArguments a;
  a.x = x, a.x_row = k_, a.rest = rest, a.rows = rows, a.strips = k_ / kStripInputs;
  a.w = weights_.data() + block * layout_.block_floats();
  a.bias = bias_.size() > 0 ? bias_.data() + block * lanes : nullptr;
  a.y = outputs < lanes ? short_block : y + block * lanes, a.y_row = outputs < lanes ? lanes : n_;
  a.activation = activation_;
  layout_.is_bf16 ? loops_.two_four_rows_bf16(a) : loops_.two_four_rows(a);
  if (outputs == lanes) return;
  for (int row = 0; row < rows; ++row) std::copy_n(short_block + row * lanes, outputs, y + row * n_ + block * lanes);
}

void TwoFourDense::run(const float* x, int64_t m, float* y, int threads) const {
  const int64_t whole = k_ / kStripInputs * kStripInputs;
  in_team(threads, [&](const Member& member) {
    const auto mine = share_of(blocks_of(n_, loops_.lanes), member);
    for (int64_t first = 0; first < m; first += kMostTwoFourRows) {
      const int rows = static_cast<int>(std::min<int64_t>(kMostTwoFourRows, m - first));
      float rest[kMostTwoFourRows * kStripInputs] = {};
      for (int row = 0; row < rows; ++row) std::copy(x + (first + row) * k_ + whole, x + (first + row + 1) * k_, rest + row * kStripInputs);
      for (int64_t block = mine.begin; block < mine.end; ++block) run_block(block, x + first * k_, whole < k_ ? rest : nullptr, rows, y + first * n_);
    }
  });
}

}  // namespace scissionlite::kernels
