#include "kernels/lowbit/dense.h"

#include "kernels/lowbit/tile_rows.h"

namespace scissionlite::kernels {

LowBitDense::LowBitDense(const Int8DenseProblem& problem, const Int8Weights& weights, const WeightCode& code, const LowBitLoops& loops, bool in_tiles)
    : problem_(problem),
      loops_(loops),
      panels_({.outputs = problem.n, .channels = problem.k, .is_x_signed = problem.is_x_signed, .x_zero = problem.x_zero}, weights, code, loops),
      in_tiles_(in_tiles) {}

int64_t LowBitDense::thread_bytes() const {
  const int64_t rows = in_tiles_ ? TileRows::most_rows(problem_.k) : 1,
                row_bytes = in_tiles_ ? TileRows::row_bytes_of(problem_.k) : panels_.units() * 8;
  return round_up(rows * (row_bytes + 4 + loops_.outputs * 4), 64);
}

void LowBitDense::end(int64_t panel, const int32_t* sums, const int32_t* x_sums, int64_t first, int64_t rows, void* y) const {
  const Requantise end{nullptr, problem_.y_zero, static_cast<float>(problem_.low - problem_.y_zero),
                       static_cast<float>(problem_.high - problem_.y_zero)};
  if (problem_.is_y_float) panels_.to_floats(panel, sums, x_sums, rows, static_cast<float*>(y) + first * problem_.n);
  else panels_.to_bytes(panel, sums, x_sums, rows, end, static_cast<uint8_t*>(y) + first * problem_.n);
}

void LowBitDense::run_rows(const uint8_t* x, int64_t m, void* y, std::byte* scratch, const Range& panels) const {
  auto* const sums = reinterpret_cast<int32_t*>(scratch);
  auto* const row = reinterpret_cast<uint8_t*>(sums + loops_.outputs);
  for (int64_t i = 0; i < m; ++i) {
    const int32_t x_sum = panels_.set_row(x + i * problem_.k, panels_.units() * 8, row);
    for (int64_t panel = panels.begin; panel < panels.end; ++panel) {
      loops_.dense_row({.x = row, .units = panels_.units(), .packed = panels_.packed(panel), .bits = panels_.code().bits, .sums = sums});
      end(panel, sums, &x_sum, i, 1, y);
    }
  }
}

void LowBitDense::run_tiles(const uint8_t* x, int64_t m, void* y, std::byte* scratch, const Range& panels) const {
  const TileRows rows(panels_, loops_);
  const int64_t most = TileRows::most_rows(problem_.k), row_bytes = TileRows::row_bytes_of(problem_.k);
  auto* const sums = reinterpret_cast<int32_t*>(scratch);
  auto* const x_sums = sums + most * loops_.outputs;
  auto* const turned = reinterpret_cast<uint8_t*>(x_sums + most);
  for (int64_t first = 0; first < m; first += most) {
    const int64_t count = std::min(most, m - first);
    for (int64_t i = 0; i < count; ++i) x_sums[i] = panels_.set_row(x + (first + i) * problem_.k, row_bytes, turned + i * row_bytes);
    rows.multiply({.at = turned, .row = row_bytes, .sums = x_sums}, count, panels, sums,
                  [&](int64_t panel) { end(panel, sums, x_sums, first, count, y); });
  }
}

void LowBitDense::run(const uint8_t* x, int64_t m, void* y, std::byte* scratch, int threads) const {
  in_team(threads, [&](const Member& member) {
    const Range mine = share_of(panels_.panels(), member);
    auto* const work = scratch + member.rank * thread_bytes();
    if (in_tiles_ && m > 1) run_tiles(x, m, y, work, mine);
    else run_rows(x, m, y, work, mine);
  });
}

}  // namespace scissionlite::kernels
