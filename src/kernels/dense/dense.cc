#include "kernels/dense/dense.h"

#include <algorithm>
#include <cstring>

#include "kernels/parallel.h"

namespace scissionlite::kernels {

Dense::Dense(int64_t k, int64_t n, const Weights& weights, const ActivationArguments& activation, const VectorLoops& loops)
    : k_(k), n_(n), activation_(activation), loops_(loops), is_in_vectors_(k % loops.lanes == 0), bias_(padded_bias(weights.bias, n, loops.lanes)) {
  const int64_t lanes = loops.lanes, inputs = is_in_vectors_ ? lanes : 1;
  for (int64_t i = 0; i < k; i += inputs) steps_.push_back(i);
  panels_ = cut_panels(blocks_of(n, lanes), kMostPanelVectors);  // m is 1 in most cases: many chains of sums at once
  for (auto& panel : panels_) panel.weights_at = panel.first * lanes * k;
  const auto layout = "dense l" + std::to_string(lanes) + " k" + std::to_string(k) + " n" + std::to_string(n) + " r" + std::to_string(weights.row) +
                      " c" + std::to_string(weights.column);
  weights_ = weights.source.packed<float>(layout, k * round_up(n, lanes), [&](float* to) { pack(weights, to); });
}

void Dense::pack(const Weights& weights, float* packed) const {
  const int64_t lanes = loops_.lanes, k = k_, n = n_;
  for (const auto& panel : panels_) {
    const int64_t columns = panel.vectors * lanes, filled = std::min(columns, n - panel.first * lanes);
    float* to = packed + panel.weights_at;
    constexpr int64_t kStrip = 64;  // rows at a time, so that neither side of the transposition leaves L1
    for (int64_t first = 0; first < k; first += kStrip)
      for (int64_t j = 0; j < filled; ++j)
        for (int64_t i = first; i < std::min(k, first + kStrip); ++i)
          to[i * columns + j] = weights.w[i * weights.row + (panel.first * lanes + j) * weights.column];
  }
}

void Dense::run_panel(const Panel& panel, const float* x, int64_t m, float* y) const {
  const int64_t lanes = loops_.lanes, first = panel.first * lanes, columns = panel.vectors * lanes;
  PanelArguments a;
  a.steps_at = steps_.data();
  a.steps = static_cast<int64_t>(steps_.size());
  a.w = weights_.data() + panel.weights_at;
  a.vectors = panel.vectors;
  a.bias = bias_.size() > 0 ? bias_.data() + first : nullptr;
  a.activation = activation_;
  a.x_pixel = k_;
  a.y_vector = lanes;
  auto* const loop = is_in_vectors_ ? loops_.panel_blocked : loops_.panel_plain;
  if (first + columns <= n_) {
    a.x = x;
    a.pixels = m;
    a.y = y + first;
    a.y_pixel = n_;
    return loop(a);
  }
  for (int64_t row = 0; row < m; ++row) {  // whole vectors would reach beyond the row
    alignas(64) float rest[kMostPanelVectors * 16];
    a.x = x + row * k_;
    a.pixels = 1;
    a.y = rest;
    a.y_pixel = columns;
    loop(a);
    std::memcpy(y + row * n_ + first, rest, static_cast<size_t>(n_ - first) * sizeof(float));
  }
}

void Dense::run(const float* x, int64_t m, float* y, int threads) const {
  in_team(threads, [&](const Member& member) {
    const auto mine = share_of(static_cast<int64_t>(panels_.size()), member);
    for (int64_t i = mine.begin; i < mine.end; ++i) run_panel(panels_[static_cast<size_t>(i)], x, m, y);
  });
}

}  // namespace scissionlite::kernels
