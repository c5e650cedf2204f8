// Convolutions of bytes on another architecture: every way, with all kinds of borders, against the loop nest of the definition.
#include <cmath>
#include <cstdio>

#include "base/rng.h"
#include "kernels/int8/buffer.h"
#include "kernels/int8/conv.h"

namespace scissionlite::kernels {
namespace {

int32_t value(const Int8Problem& problem, uint8_t code) { return problem.is_x_signed ? static_cast<int8_t>(code) : static_cast<int32_t>(code); }

uint8_t expected(const Int8Problem& problem, const std::vector<uint8_t>& x, const std::vector<int16_t>& w, float scale, int64_t row, int64_t column,
                 int64_t k) {
  const auto& p = problem.conv;
  const int64_t in = p.c / p.groups, first = k / (p.k / p.groups) * in;
  int64_t sum = 0;
  for (int64_t i = 0; i < p.kernel_h; ++i)
    for (int64_t j = 0; j < p.kernel_w; ++j) {
      const int64_t h = row * p.stride_h - p.top + i, v = column * p.stride_w - p.left + j;
      if (h < 0 || h >= p.h || v < 0 || v >= p.w) continue;
      for (int64_t c = 0; c < in; ++c)
        sum += (value(problem, x[static_cast<size_t>((h * p.w + v) * p.c + first + c)]) - problem.x_zero) *
               w[static_cast<size_t>(((k * in + c) * p.kernel_h + i) * p.kernel_w + j)];
    }
  const double y = std::nearbyint(static_cast<float>(sum) * scale) + problem.y_zero;
  return static_cast<uint8_t>(std::min(std::max(y, 0.0), 255.0));
}

struct Bits {
  int weights, x;
};

std::vector<int16_t> weights_of(const ConvProblem& p, int bits, Rng& rng) {
  std::vector<int16_t> w;
  for (int64_t i = 0; i < p.k * (p.c / p.groups) * p.kernel_h * p.kernel_w; ++i)
    w.push_back(static_cast<int16_t>(static_cast<int64_t>(rng.below(uint64_t{1} << bits)) - (int64_t{1} << (bits - 1))));
  return w;
}

/// Wrong bytes.
int wrong_bytes(const Int8Problem& problem, const Int8ConvImplementation& row, const std::vector<int16_t>& w, const Bits& bits, Rng& rng) {
  const auto& p = problem.conv;
  const auto& loops = best_int8_loops();
  std::vector<uint8_t> x;
  for (int64_t i = 0; i < p.c * p.h * p.w; ++i) x.push_back(static_cast<uint8_t>(rng.below(uint64_t{1} << bits.x)));
  const float scale = 10 / static_cast<float>(1 << (bits.weights + bits.x - 2));
  const std::vector<float> scales(static_cast<size_t>(p.k), scale);
  const auto conv = row.make(problem, {w.data(), nullptr, scales.data()}, loops);
  Buffer<uint8_t> in(static_cast<int64_t>(x.size())), y(p.k * p.out_h() * p.out_w()), scratch(conv->scratch_bytes(2));
  std::copy(x.begin(), x.end(), in.data());
  conv->run(in.data(), y.data(), reinterpret_cast<std::byte*>(scratch.data()), 2);
  int wrong = 0;
  for (int64_t i = 0; i < y.size(); ++i) wrong += y[i] != expected(problem, x, w, scale, i / p.k / p.out_w(), i / p.k % p.out_w(), i % p.k);
  return wrong;
}

/// By all ways that can. @return wrong ones.
int wrong_ways(const ConvProblem& conv, const Bits& bits, int& tried) {
  Rng rng(5);
  const bool is_byte = bits.x == 8;
  Int8Problem problem{.conv = conv, .x_zero = is_byte ? 9 : 0, .y_zero = 100};
  problem.is_x_signed = is_byte && conv.c % 2 == 0;
  if (!is_byte) problem.x_low = 0, problem.x_high = (1 << bits.x) - 1;
  const auto w = weights_of(conv, bits.weights, rng);
  note_weights(problem, w.data());
  int wrong = 0;
  for (const auto* row : int8_conv_implementations()) {
    if (!row->reason_against(problem, best_int8_loops()).empty()) continue;
    ++tried;
    if (const int bytes = wrong_bytes(problem, *row, w, bits, rng); bytes > 0)
      ++wrong, std::printf("%s by %s, w%da%d: %d wrong bytes\n", conv.text().c_str(), row->name, bits.weights, bits.x, bytes);
  }
  return wrong;
}

int check_all() {
  int tried = 0, wrong = 0;
  for (const int64_t c : {3, 16, 21})
    for (const int64_t kernel : {1, 3, 5})
      for (const int64_t stride : {1, 2})
        for (const int64_t groups : {int64_t{1}, c})
          for (const Bits bits : {Bits{9, 8}, {8, 8}, {1, 1}, {1, 2}, {3, 5}}) {
            ConvProblem p{
                .c = c, .h = 9, .w = 11, .k = groups == 1 ? 18 : c, .kernel_h = kernel, .kernel_w = kernel, .stride_h = stride, .stride_w = stride};
            p.top = p.left = p.bottom = p.right = kernel / 2;
            p.groups = groups;
            wrong += wrong_ways(p, bits, tried);
          }
  // more words of bits than bytes count
  for (const Bits bits : {Bits{1, 1}, {2, 3}})
    wrong +=
        wrong_ways({.c = 1100, .h = 4, .w = 5, .k = 18, .kernel_h = 3, .kernel_w = 3, .top = 1, .left = 1, .bottom = 1, .right = 1}, bits, tried);
  std::printf("%d convolutions of bytes, %d wrong\n", tried, wrong);
  return tried < 300 || wrong > 0 ? 1 : 0;
}

}  // namespace
}  // namespace scissionlite::kernels

int main() { return scissionlite::kernels::check_all(); }
