// What tests of convolutions of bytes share: a problem with its values, what it should give, and a run whose memory is guarded.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <iostream>
#include <string>
#include <vector>

#include "base/rng.h"
#include "kernels/int8/buffer.h"
#include "kernels/int8/conv.h"

namespace scissionlite::kernels::testing_bytes {

inline int64_t between(Rng& rng, int64_t low, int64_t high) { return low + static_cast<int64_t>(rng.below(static_cast<uint64_t>(high - low + 1))); }

struct Case {
  Int8Problem problem;
  std::vector<uint8_t> x;
  std::vector<int16_t> w;
  std::vector<int32_t> bias;
  std::vector<float> scale;
  [[nodiscard]] Int8Weights weights() const { return {w.data(), bias.data(), scale.data()}; }
  [[nodiscard]] int64_t value(size_t i) const {
    return (problem.is_x_signed ? static_cast<int8_t>(x[i]) : static_cast<int64_t>(x[i])) - problem.x_zero;
  }
};

inline uint8_t rounded(const Case& c, int64_t sum, int64_t k) {
  const double v = std::nearbyint(static_cast<float>(sum + c.bias[static_cast<size_t>(k)]) * c.scale[static_cast<size_t>(k)]) + c.problem.y_zero;
  return static_cast<uint8_t>(static_cast<int64_t>(std::min<double>(std::max<double>(v, c.problem.low), c.problem.high)));
}

/// Sums in int64, rounding in double.
inline std::vector<uint8_t> expected(const Case& c) {
  const auto& p = c.problem.conv;
  const int64_t in = p.c / p.groups, per = p.k / p.groups;
  std::vector<uint8_t> y;
  for (int64_t n = 0; n < p.n; ++n)
    for (int64_t row = 0; row < p.out_h(); ++row)
      for (int64_t column = 0; column < p.out_w(); ++column)
        for (int64_t k = 0; k < p.k; ++k) {
          int64_t sum = 0;
          for (int64_t i = 0; i < p.kernel_h; ++i)
            for (int64_t j = 0; j < p.kernel_w; ++j) {
              const int64_t h = row * p.stride_h - p.top + i * p.dilation_h, v = column * p.stride_w - p.left + j * p.dilation_w;
              if (h < 0 || h >= p.h || v < 0 || v >= p.w) continue;
              for (int64_t ch = 0; ch < in; ++ch)
                sum += c.value(static_cast<size_t>(((n * p.h + h) * p.w + v) * p.c + k / per * in + ch)) *
                       c.w[static_cast<size_t>(((k * in + ch) * p.kernel_h + i) * p.kernel_w + j)];
            }
          y.push_back(rounded(c, sum, k));
        }
  return y;
}

/// What `conv`, which is the problem's by the way and on the loops of `by`, makes of `x`, bytes or planes as the problem says, is `want`, and nothing
/// is written past it; scratch memory is as another step leaves it.
inline void expect_exact_of(const Int8Convolution& conv, const std::string& by, const Case& c, const std::vector<uint8_t>& x,
                            const std::vector<uint8_t>& want, int threads, const std::string& what) {
  constexpr int64_t kGuard = 64;
  constexpr uint8_t kUntouched = 77, kLeftOver = 0xA5;
  const auto size = static_cast<int64_t>(want.size());
  Buffer<uint8_t> in(static_cast<int64_t>(x.size())), y(size + kGuard), scratch(conv.scratch_bytes(threads));
  std::copy(x.begin(), x.end(), in.data());
  std::fill_n(y.data(), y.size(), kUntouched);
  std::fill_n(scratch.data(), scratch.size(), kLeftOver);
  conv.run(in.data(), y.data(), reinterpret_cast<std::byte*>(scratch.data()), threads);
  ASSERT_EQ(std::vector<uint8_t>(y.data(), y.data() + size), want) << c.problem.conv.text() << " by " << by << ", " << what;
  for (int64_t i = size; i < size + kGuard; ++i)
    ASSERT_EQ(y[i], kUntouched) << "written past the end: " << c.problem.conv.text() << " by " << by << ", " << what;
}

inline void expect_exact_by(const Int8ConvImplementation& row, const Int8Loops& loops, const Case& c, const std::vector<uint8_t>& x,
                            const std::vector<uint8_t>& want, int threads, const std::string& what) {
  expect_exact_of(*row.make(c.problem, c.weights(), loops), std::string(row.name) + " on " + loops.isa, c, x, want, threads, what);
}

/// Whether some instructions of this CPU can do it at all; says so where they cannot.
inline bool is_of_this_cpu(const Int8ConvImplementation& row) {
  const auto reason = row.reason_against({}, best_int8_loops());
  const bool needs_another = reason.rfind("needs ", 0) == 0;
  if (needs_another) std::cout << "[SKIP] " << row.name << ": " << reason << "\n";
  return !needs_another;
}

}  // namespace scissionlite::kernels::testing_bytes
