// The flags below ask for vectors in registers; without them (another compiler) the results are the same but for the order of sums.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif
#include "train/op/depthwise_loops.h"

#include <algorithm>
#include <cstring>

#include "base/clones.h"

namespace scissionlite::train::op {
namespace {

using Lanes = float __attribute__((vector_size(32)));
constexpr int64_t kLanes = 8;

[[gnu::always_inline]] inline void load(Lanes& to, const float* from) { std::memcpy(&to, from, sizeof(Lanes)); }
[[gnu::always_inline]] inline void add(float* to, const Lanes& value) {
  Lanes sum;
  load(sum, to);
  sum += value;
  std::memcpy(to, &sum, sizeof(Lanes));
}

/// First output column at which tap `k` reads no column before the image, and the one behind the last at which it reads none beyond it.
[[gnu::always_inline]] inline int64_t first_of(const DepthwiseSize& s, int64_t k) {
  return std::clamp<int64_t>((s.pad - k * s.dilation + s.stride - 1) / s.stride, 0, s.out_w);
}
[[gnu::always_inline]] inline int64_t end_of(const DepthwiseSize& s, int64_t k) {
  const int64_t last = s.in_w - 1 + s.pad - k * s.dilation;  // of columns times stride
  return last < 0 ? 0 : std::min(s.out_w, last / s.stride + 1);
}

/// One row of gradients over one row of x, kBlocks * kLanes channels: all taps of a row of the kernel at once where all are inside, one by one at the
/// edges.
template <int kTaps, int kBlocks>
[[gnu::always_inline]] inline void add_row(const float* x, const float* gradient, const DepthwiseSize& s, float* sums) {
  const int64_t inner = std::max(first_of(s, 0), first_of(s, kTaps - 1)), inner_end = std::max(inner, std::min(end_of(s, 0), end_of(s, kTaps - 1)));
  Lanes sum[kTaps][kBlocks] = {};
  for (int64_t o = inner; o < inner_end; ++o) {
    const float *g = gradient + o * s.channels, *from = x + (o * s.stride - s.pad) * s.channels;
    Lanes given[kBlocks], read;
    for (int b = 0; b < kBlocks; ++b) load(given[b], g + b * kLanes);
    for (int k = 0; k < kTaps; ++k)
      for (int b = 0; b < kBlocks; ++b) {
        load(read, from + k * s.dilation * s.channels + b * kLanes);
        sum[k][b] += given[b] * read;
      }
  }
  for (int k = 0; k < kTaps; ++k) {
    const auto edge = [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o)
        for (int b = 0; b < kBlocks; ++b) {
          Lanes given, read;
          load(given, gradient + o * s.channels + b * kLanes);
          load(read, x + (o * s.stride - s.pad + k * s.dilation) * s.channels + b * kLanes);
          sum[k][b] += given * read;
        }
    };
    edge(first_of(s, k), std::min(inner, end_of(s, k)));
    edge(std::max(inner_end, first_of(s, k)), end_of(s, k));
    for (int b = 0; b < kBlocks; ++b) add(sums + k * s.channels + b * kLanes, sum[k][b]);
  }
}

/// The same for a channel that is left over.
template <int kTaps>
[[gnu::always_inline]] inline void add_row_of_channel(const float* x, const float* gradient, const DepthwiseSize& s, float* sums) {
  for (int k = 0; k < kTaps; ++k) {
    float sum = 0;
    for (int64_t o = first_of(s, k); o < end_of(s, k); ++o) sum += gradient[o * s.channels] * x[(o * s.stride - s.pad + k * s.dilation) * s.channels];
    sums[k * s.channels] += sum;
  }
}

template <int kTaps>
[[gnu::always_inline]] inline void add_image(const float* x, const float* gradient, const DepthwiseSize& s, float* sums) {
  for (int64_t row = 0; row < s.out_h; ++row)
    for (int64_t k = 0; k < kTaps; ++k) {
      const int64_t in_row = row * s.stride - s.pad + k * s.dilation;
      if (in_row < 0 || in_row >= s.in_h) continue;
      const float *from = x + in_row * s.in_w * s.channels, *given = gradient + row * s.out_w * s.channels;
      float* to = sums + k * kTaps * s.channels;
      int64_t c = 0;
      for (; c + 2 * kLanes <= s.channels; c += 2 * kLanes) add_row<kTaps, 2>(from + c, given + c, s, to + c);
      for (; c + kLanes <= s.channels; c += kLanes) add_row<kTaps, 1>(from + c, given + c, s, to + c);
      for (; c < s.channels; ++c) add_row_of_channel<kTaps>(from + c, given + c, s, to + c);
    }
}

SCISSIONLITE_CLONES("arch=x86-64-v4", "arch=x86-64-v3") void add_3(const float* x, const float* gradient, const DepthwiseSize& s, float* sums) {
  add_image<3>(x, gradient, s, sums);
}
SCISSIONLITE_CLONES("arch=x86-64-v4", "arch=x86-64-v3") void add_5(const float* x, const float* gradient, const DepthwiseSize& s, float* sums) {
  add_image<5>(x, gradient, s, sums);
}
SCISSIONLITE_CLONES("arch=x86-64-v4", "arch=x86-64-v3") void add_7(const float* x, const float* gradient, const DepthwiseSize& s, float* sums) {
  add_image<7>(x, gradient, s, sums);
}

}  // namespace

bool has_depthwise_loop(int64_t taps) { return taps == 3 || taps == 5 || taps == 7; }

void add_depthwise_weight_gradients(const float* x, const float* gradient, const DepthwiseSize& size, float* sums) {
  (size.taps == 3 ? add_3 : size.taps == 5 ? add_5 : add_7)(x, gradient, size, sums);
}

}  // namespace scissionlite::train::op
