// Products with a constant matrix: fully connected layers.
#pragma once

#include <memory>

#include "kernels/conv/panels.h"

namespace scissionlite::kernels {

/// y (m, n) = f(x (m, k) w (k, n) + bias), plain layouts. Immutable. Bound by reading w once when m is small.
class Dense {
 public:
  /// `w` holds element (i, j) at w[i * row + j * column], read while packing only.
  struct Weights {
    const float* w = nullptr;
    int64_t row = 0, column = 0;
    const float* bias = nullptr;  // (n) or null
    WeightSource source = {};     // of w
  };
  Dense(int64_t k, int64_t n, const Weights& weights, const ActivationArguments& activation, const VectorLoops& loops);
  void run(const float* x, int64_t m, float* y, int threads) const;
  [[nodiscard]] int64_t packed_bytes() const { return weights_.size() * static_cast<int64_t>(sizeof(float)); }

 private:
  void pack(const Weights& weights, float* packed) const;
  void run_panel(const Panel& panel, const float* x, int64_t m, float* y) const;
  int64_t k_, n_;
  ActivationArguments activation_;
  const VectorLoops& loops_;
  bool is_in_vectors_;          // steps of `lanes` values instead of one
  std::vector<int64_t> steps_;  // offsets in a row of x
  std::vector<Panel> panels_;
  Packed<float> weights_;  // by panel: (k, vectors, lanes)
  AlignedFloats bias_;
};

}  // namespace scissionlite::kernels
