#include "kernels/int8/dense.h"

#include "kernels/conv/panels.h"
#include "kernels/int8/buffer.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kUnit = 64;  // values that `dot` takes at a time

}  // namespace

/// Weights of nine bits are bytes plus an offset a row, whose product with the sum of x is added.
struct Int8Dense::Packed {
  Buffer<int8_t> w;  // (n, padded k)
  std::vector<int32_t> offset, bias;
  std::vector<float> scale, float_offset;
};

Int8Dense::Int8Dense(const Int8DenseProblem& problem, const Int8Weights& weights, const Int8Loops& loops)
    : problem_(problem), loops_(loops), padded_k_(round_up(problem.k, kUnit)) {
  auto packed = std::make_shared<Packed>();
  const int64_t n = problem.n, k = problem.k;
  packed->w = Buffer<int8_t>(n * padded_k_);
  packed->bias.assign(static_cast<size_t>(n), 0);
  packed->scale.assign(weights.scale, weights.scale + n);
  packed->float_offset.assign(static_cast<size_t>(n), 0);
  if (weights.offset) packed->float_offset.assign(weights.offset, weights.offset + n);
  if (weights.bias) packed->bias.assign(weights.bias, weights.bias + n);
  for (int64_t j = 0; j < n; ++j) {
    const int16_t* row = weights.w + j * k;
    const auto [least, most] = std::minmax_element(row, row + k);
    const int32_t offset = *least < -128 ? *least + 128 : *most > 127 ? *most - 127 : 0;
    packed->offset.push_back(offset);
    for (int64_t i = 0; i < k; ++i) packed->w[j * padded_k_ + i] = static_cast<int8_t>(row[i] - offset);
  }
  packed_ = std::move(packed);
}

int64_t Int8Dense::scratch_bytes(int threads) const { return threads * round_up(padded_k_ * 2 + problem_.n * 4, kUnit); }

void Int8Dense::run(const uint8_t* x, int64_t m, void* y, std::byte* scratch, int threads) const {
  const auto& packed = *packed_;
  in_team(threads, [&](const Member& member) {
    auto* wide = reinterpret_cast<int16_t*>(scratch + member.rank * (scratch_bytes(threads) / threads));
    auto* sums = reinterpret_cast<int32_t*>(wide + padded_k_);
    std::fill_n(wide, padded_k_, int16_t{0});
    const Range mine = share_of(problem_.n, member);
    const Requantise end{packed.scale.data() + mine.begin, problem_.y_zero, static_cast<float>(problem_.low - problem_.y_zero),
                         static_cast<float>(problem_.high - problem_.y_zero)};
    for (int64_t row = 0; row < m; ++row) {
      loops_.widen(x + row * problem_.k, problem_.k, 1, problem_.k, problem_.is_x_signed, problem_.x_zero, wide);
      int32_t total = 0;
      for (int64_t i = 0; i < problem_.k; ++i) total += wide[i];
      loops_.dot(wide, packed.w.data() + mine.begin * padded_k_, padded_k_, mine.end - mine.begin, sums);
      for (int64_t j = mine.begin; j < mine.end; ++j) sums[j - mine.begin] += packed.offset[static_cast<size_t>(j)] * total;
      const int64_t to = row * problem_.n + mine.begin;
      if (!problem_.is_y_float) loops_.requantise(sums, packed.bias.data() + mine.begin, end, mine.end - mine.begin, static_cast<uint8_t*>(y) + to);
      else
        loops_.to_floats(sums, packed.bias.data() + mine.begin, packed.scale.data() + mine.begin, packed.float_offset.data() + mine.begin,
                         mine.end - mine.begin, static_cast<float*>(y) + to);
    }
  });
}

}  // namespace scissionlite::kernels
