// Products with a constant matrix that multiply bf16.
#pragma once

#include "kernels/bf16/arguments.h"
#include "kernels/dense/dense.h"

namespace scissionlite::kernels {

/// Dense with x and w rounded to bf16: of few rows it reads half the bytes. Its weights serve every CPU with as many lanes.
class Bf16Dense {
 public:
  Bf16Dense(int64_t k, int64_t n, const Dense::Weights& weights, const ActivationArguments& activation, const VectorLoops& loops);
  /// Whether it is expected to be faster than Dense here: where the CPU multiplies bf16, and otherwise of few rows, which wait for weights.
  [[nodiscard]] static bool pays(int64_t m, const VectorLoops& loops);
  [[nodiscard]] int64_t scratch_bytes(int64_t m) const;
  void run(const float* x, int64_t m, float* y, std::byte* scratch, int threads) const;
  [[nodiscard]] int64_t packed_bytes() const { return weights_.size() * static_cast<int64_t>(sizeof(uint16_t)); }

 private:
  void pack(const Dense::Weights& weights, uint16_t* packed) const;
  [[nodiscard]] int64_t rows_at_a_time(int64_t m) const;
  [[nodiscard]] int64_t units() const { return blocks_of(k_, kBf16Unit); }
  void round_unit(const Bf16Loops& loops, const float* x, int64_t m, int64_t unit, uint16_t* to) const;
  void run_panel(const Bf16Loops& loops, const Panel& panel, const uint16_t* x, const int64_t* steps_at, int64_t m, float* y) const;
  int64_t k_, n_;
  ActivationArguments activation_;
  int lanes_;
  std::vector<Panel> panels_;
  Packed<uint16_t> weights_;  // by panel: (units, kBf16Pairs, vectors, lanes, 2)
  AlignedFloats bias_;
};

}  // namespace scissionlite::kernels
