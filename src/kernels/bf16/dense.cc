#include "kernels/bf16/dense.h"

#include <algorithm>
#include <cstring>

#include "base/tensor.h"
#include "kernels/bf16/loops.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kFewRows = 4;   // whose product waits for its weights
constexpr int64_t kTileRows = 8;  // from which on tiles are worth their empty rows

const Bf16Loops& loops_for(int64_t m, int lanes) { return bf16_loops(lanes, m < kTileRows ? Bf16Way::kDot : Bf16Way::kTiles); }

}  // namespace

Bf16Dense::Bf16Dense(int64_t k, int64_t n, const Dense::Weights& weights, const ActivationArguments& activation, const VectorLoops& loops)
    : k_(k),
      n_(n),
      activation_(activation),
      lanes_(loops.lanes),
      panels_(cut_panels(blocks_of(n, loops.lanes), kMostPanelVectors)),
      bias_(padded_bias(weights.bias, n, loops.lanes)) {
  const int64_t values = units() * kBf16Unit;
  for (auto& panel : panels_) panel.weights_at = panel.first * lanes_ * values;
  const auto layout = "dense bf16 l" + std::to_string(lanes_) + " k" + std::to_string(k) + " n" + std::to_string(n) + " r" +
                      std::to_string(weights.row) + " c" + std::to_string(weights.column);
  weights_ = weights.source.packed<uint16_t>(layout, values * round_up(n, lanes_), [&](uint16_t* to) { pack(weights, to); });
}

bool Bf16Dense::pays(int64_t m, const VectorLoops& loops) { return m <= kFewRows || loops_for(m, loops.lanes).way != Bf16Way::kWidened; }

void Bf16Dense::pack(const Dense::Weights& weights, uint16_t* packed) const {
  for (const auto& panel : panels_) {
    const int64_t first = panel.first * lanes_, columns = panel.vectors * lanes_, filled = std::min(columns, n_ - first);
    uint16_t* const to = packed + panel.weights_at;
    for (int64_t unit = 0; unit < k_; unit += kBf16Unit)  // rows at a time, so that neither side of the transposition leaves L1
      for (int64_t j = 0; j < filled; ++j)
        for (int64_t i = unit; i < std::min(k_, unit + kBf16Unit); ++i)
          to[i / 2 * columns * 2 + j * 2 + i % 2] = f32_to_bf16(weights.w[i * weights.row + (first + j) * weights.column]);
  }
}

int64_t Bf16Dense::rows_at_a_time(int64_t m) const {
  const int64_t fit = l2_bytes() / 4 / (units() * kBf16Unit * static_cast<int64_t>(sizeof(uint16_t)));
  return std::min(m, std::max(kBf16Unit, fit / kBf16Unit * kBf16Unit));
}

int64_t Bf16Dense::scratch_bytes(int64_t m) const {
  return (units() * rows_at_a_time(m) + 2 * kBf16ReadBehind) * kBf16Unit * static_cast<int64_t>(sizeof(uint16_t));
}

void Bf16Dense::run(const float* x, int64_t m, float* y, std::byte* scratch, int threads) const {
  const auto& loops = loops_for(m, lanes_);
  const int64_t most = rows_at_a_time(m);
  auto* const rounded = reinterpret_cast<uint16_t*>(scratch);
  std::vector<int64_t> steps_at;  // (units, rows, kBf16Unit)
  for (int64_t unit = 0; unit < units(); ++unit) steps_at.push_back(unit * most * kBf16Unit);
  in_team(threads, [&](const Member& member) {
    const auto rounds = share_of(units(), member), mine = share_of(static_cast<int64_t>(panels_.size()), member);
    const Bf16Thread thread(loops);
    for (int64_t first = 0; first < m; first += most) {
      const int64_t rows = std::min(most, m - first);
      for (int64_t unit = rounds.begin; unit < rounds.end; ++unit)
        round_unit(loops, x + first * k_, rows, unit, rounded + steps_at[static_cast<size_t>(unit)]);
      member.barrier();
      for (int64_t i = mine.begin; i < mine.end; ++i)
        run_panel(loops, panels_[static_cast<size_t>(i)], rounded, steps_at.data(), rows, y + first * n_);
      member.barrier();  // others may still read what was rounded
    }
  });
}

void Bf16Dense::round_unit(const Bf16Loops& loops, const float* x, int64_t m, int64_t unit, uint16_t* to) const {
  const int64_t first = unit * kBf16Unit, there = std::min(kBf16Unit, k_ - first), blocks = there / lanes_;
  loops.round({.x = x + first, .x_block = lanes_, .x_pixel = k_, .blocks = blocks, .pixels = m, .y = to});
  for (int64_t row = 0; row < m; ++row)
    for (int64_t i = blocks * lanes_; i < there; ++i) to[row * kBf16Unit + i] = f32_to_bf16(x[row * k_ + first + i]);
}

void Bf16Dense::run_panel(const Bf16Loops& loops, const Panel& panel, const uint16_t* x, const int64_t* steps_at, int64_t m, float* y) const {
  const int64_t first = panel.first * lanes_, columns = panel.vectors * lanes_;
  Bf16PanelArguments a;
  a.x = x, a.x_pixel = a.x_row = kBf16Unit;
  a.steps_at = steps_at, a.steps = units();
  a.short_steps = k_ % kBf16Unit == 0 ? 0 : 1, a.short_pairs = (k_ % kBf16Unit + 1) / 2;
  a.w = weights_.data() + panel.weights_at, a.vectors = panel.vectors;
  a.bias = bias_.size() > 0 ? bias_.data() + first : nullptr;
  a.activation = activation_;
  a.y_vector = lanes_;
  if (first + columns <= n_) {
    a.pixels = m;
    a.y = y + first, a.y_pixel = n_;
    return loops.panel(a);
  }
  for (int64_t row = 0; row < m; ++row) {  // whole vectors would reach beyond the row
    alignas(64) float rest[kMostPanelVectors * 16];
    a.x = x + row * kBf16Unit, a.pixels = 1;
    a.y = rest, a.y_pixel = columns;
    loops.panel(a);
    std::memcpy(y + row * n_ + first, rest, static_cast<size_t>(n_ - first) * sizeof(float));
  }
}

}  // namespace scissionlite::kernels
