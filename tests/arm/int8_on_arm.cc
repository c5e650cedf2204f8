// Convolutions of bytes on another architecture: every way, with all kinds of borders, against the loop nest of the definition.
#include <cmath>
#include <cstdio>

#include "base/rng.h"
#include "kernels/int8/buffer.h"
#include "kernels/int8/conv.h"

namespace scissionlite::kernels {
namespace {

int32_t value(const Int8Problem& problem, uint8_t code) { return problem.is_x_signed ? static_cast<int8_t>(code) : static_cast<int32_t>(code); }

uint8_t expected(const Int8Problem& problem, const std::vector<uint8_t>& x, const std::vector<int16_t>& w, float scale, int64_t row, int64_t column, int64_t k) {
  const auto& p = problem.conv;
  const int64_t in = p.c / p.groups, first = k / (p.k / p.groups) * in;
  int64_t sum = 0;
  for (int64_t i = 0; i < p.kernel_h; ++i)
    for (int64_t j = 0; j < p.kernel_w; ++j) {
      const int64_t h = row * p.stride_h - p.top + i, v = column * p.stride_w - p.left + j;
      if (h < 0 || h >= p.h || v < 0 || v >= p.w) continue;
      for (int64_t c = 0; c < in; ++c) sum += (value(problem, x[static_cast<size_t>((h * p.w + v) * p.c + first + c)]) - problem.x_zero) * w[static_cast<size_t>(((k * in + c) * p.kernel_h + i) * p.kernel_w + j)];
    }
  const double y = std::nearbyint(static_cast<float>(sum) * scale) + problem.y_zero;
  return static_cast<uint8_t>(std::min(std::max(y, 0.0), 255.0));
}

/// Wrong bytes.
int wrong_bytes(const Int8Problem& problem, const Int8ConvImplementation& row) {
  const auto& p = problem.conv;
  const auto& loops = best_int8_loops();
  Rng rng(5);
  std::vector<uint8_t> x;
  std::vector<int16_t> w;
  for (int64_t i = 0; i < p.c * p.h * p.w; ++i) x.push_back(static_cast<uint8_t>(rng.below(256)));
  for (int64_t i = 0; i < p.k * (p.c / p.groups) * p.kernel_h * p.kernel_w; ++i) w.push_back(static_cast<int16_t>(static_cast<int64_t>(rng.below(511)) - 255));
  const float scale = 3e-4F;
  const std::vector<float> scales(static_cast<size_t>(p.k), scale);
  const auto conv = row.make(problem, {w.data(), nullptr, scales.data()}, loops);
  Buffer<uint8_t> in(static_cast<int64_t>(x.size())), y(p.k * p.out_h() * p.out_w()), scratch(conv->scratch_bytes(2));
  std::copy(x.begin(), x.end(), in.data());
  conv->run(in.data(), y.data(), reinterpret_cast<std::byte*>(scratch.data()), 2);
  int wrong = 0;
  for (int64_t i = 0; i < y.size(); ++i) wrong += y[i] != expected(problem, x, w, scale, i / p.k / p.out_w(), i / p.k % p.out_w(), i % p.k);
  return wrong;
}

int check_all() {
  int tried = 0, wrong = 0;
  for (const int64_t c : {3, 16, 21})
    for (const int64_t kernel : {1, 3, 5})
      for (const int64_t stride : {1, 2})
        for (const int64_t groups : {int64_t{1}, c})
          for (const auto* row : int8_conv_implementations()) {
            Int8Problem problem{.conv = {.c = c, .h = 9, .w = 11, .k = groups == 1 ? 18 : c, .kernel_h = kernel, .kernel_w = kernel, .stride_h = stride, .stride_w = stride}, .x_zero = 9, .y_zero = 100};
            problem.conv.top = problem.conv.left = problem.conv.bottom = problem.conv.right = kernel / 2;
            problem.conv.groups = groups;
            problem.is_x_signed = c % 2 == 0;
            problem.most_sum = c * kernel * kernel * 255 * 255;
            if (!row->reason_against(problem, best_int8_loops()).empty()) continue;
            ++tried;
            if (const int bytes = wrong_bytes(problem, *row); bytes > 0) ++wrong, std::printf("%s by %s: %d wrong bytes\n", problem.conv.text().c_str(), row->name, bytes);
          }
  std::printf("%d convolutions of bytes, %d wrong\n", tried, wrong);
  return tried < 30 || wrong > 0 ? 1 : 0;
}

}  // namespace
}  // namespace scissionlite::kernels

int main() { return scissionlite::kernels::check_all(); }
