// 3x3 convolutions of bytes by Winograd's minimal filtering F(m x m, 3 x 3), m = 2 or 4: 4 or 2.25 products an output instead of 9,
// all in integers and exact.
//
// The weights' transform has fractions: its row i is multiplied by f_i, the least that makes it whole. Products are summed modulo
// 2^32, the output transform multiplies frequency (i, j) by F^2 / (f_i f_j), F being 2 or 24, and what comes out is F^2 times the sum
// modulo 2^32. An odd factor of that is taken off by its inverse; powers of two take bits: the sum itself has to fit 30 or 26 of
// them, which the weights tell (Int8Problem::most_sum).
// Inputs grow by 4 (m = 2) or 100 at most, to 25,500; weights by 9 or 49, to 12,495: both fit 16 bits.
#include <array>
#include <cmath>

#include "kernels/conv/panels.h"
#include "kernels/conv/winograd_weights.h"
#include "kernels/int8/band.h"
#include "kernels/int8/buffer.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

/// f_i of the rows of the weights' transform.
std::vector<double> row_factors(int64_t m) { return m == 2 ? std::vector<double>{1, 2, 2, 1} : std::vector<double>{4, 6, 6, 24, 24, 1}; }

constexpr int64_t most_exact_sum(int64_t m) { return (int64_t{1} << (m == 2 ? 29 : 25)) - 1; }

struct Sizes {
  int64_t m, frequencies, across, tiles, channels, outputs;  // channels and outputs in whole vectors
};
Sizes sizes_of(const ConvProblem& p, int64_t m, const Int8Loops& loops) {
  const int64_t across = (p.out_w() + m - 1) / m, down = (p.out_h() + m - 1) / m;
  return {m, (m + 2) * (m + 2), across, across * down, round_up(p.c, 2 * loops.lanes), round_up(p.k, loops.lanes)};
}

/// Estimated cycles of an image in chunks of `at_once` tiles: products or the traffic of weights and of what L2 does not hold, and transforms.
double cycles_of(const Sizes& s, int64_t at_once, const Int8Loops& loops) {
  constexpr double kInputCycles = 3, kOutputCycles = 6,
                   kPairsACycle = 1.2;                   // of one vector of one frequency; vectors of pairs: measured by bench/int8_speed
  constexpr double kShareOfL2 = 0.8, kNotHidden = 0.25;  // of the shorter of products and traffic
  const auto tiles = static_cast<double>(s.tiles), frequencies = static_cast<double>(s.frequencies);
  const double chunks = std::ceil(tiles / static_cast<double>(at_once)),
               a_tile = frequencies * static_cast<double>(2 * s.channels + 4 * 2 * loops.lanes);
  const bool stays = a_tile * static_cast<double>(at_once) <= static_cast<double>(l2_bytes()) * kShareOfL2;
  const double traffic = chunks * frequencies * static_cast<double>(2 * s.channels * s.outputs) + (stays ? 0 : 2 * a_tile * tiles);
  const double products = tiles * frequencies * static_cast<double>(s.channels * s.outputs) / (2 * kPairsACycle * loops.lanes);
  const double transforms =
      tiles * frequencies *
      (static_cast<double>(s.channels) / (2 * loops.lanes) * kInputCycles + static_cast<double>(s.outputs) / loops.lanes * kOutputCycles);
  const double memory = traffic / kBytesPerCycle;
  return std::max(products, memory) + kNotHidden * std::min(products, memory) + transforms;
}

/// Tiles at a time, with the least estimate.
int64_t best_chunk(const Sizes& s, const Int8Loops& loops) {
  int64_t best = 0;
  for (const int64_t size : {6, 12, 18, 24, 36, 48, 72, 96, 144}) {
    const int64_t chunk = std::min(size, s.tiles);
    if (best == 0 || cycles_of(s, chunk, loops) < cycles_of(s, best, loops)) best = chunk;
  }
  return best;
}

/// With whole tiles: rows and columns below and right of the image are zeros.
Int8Problem in_whole_tiles(Int8Problem problem, int64_t m) {
  auto& p = problem.conv;
  p.bottom += (m - p.out_h() % m) % m;
  p.right += (m - p.out_w() % m) % m;
  return problem;
}

class Winograd final : public Int8Convolution {
 public:
  Winograd(const Int8Problem& problem, const Int8Weights& weights, const Int8Loops& loops, int64_t m)
      : problem_(problem),
        loops_(loops),
        sizes_(sizes_of(problem.conv, m, loops)),
        chunk_(best_chunk(sizes_, loops)),
        band_(in_whole_tiles(problem, m), problem.conv.c, l2_bytes() / 4, loops, m) {
    panels_ = cut_panels(sizes_.outputs / loops.lanes, 2);
    pairs_ = (problem.conv.c + 1) / 2;
    w_ = Buffer<int16_t>(sizes_.frequencies * pairs_ * sizes_.outputs * 2);
    bias_ = Buffer<int32_t>(sizes_.outputs);
    scale_ = Buffer<float>(sizes_.outputs);
    pack(weights);
  }

  [[nodiscard]] int64_t scratch_bytes(int threads) const override { return member_bytes() * threads; }

  void run(const uint8_t* x, uint8_t* y, std::byte* scratch, int threads) const override {
    const auto& p = problem_.conv;
    const int64_t bands = (p.out_h() + band_.out_rows() - 1) / band_.out_rows(), panels = static_cast<int64_t>(panels_.size());
    const bool shares_panels = p.n * bands < threads;  // each transforms all of the input, and multiplies for its own outputs
    in_team(threads, [&](const Member& member) {
      const Range tasks = shares_panels ? Range{0, p.n * bands} : share_of(p.n * bands, member),
                  mine = shares_panels ? share_of(panels, member) : Range{0, panels};
      if (mine.begin == mine.end) return;
      for (int64_t task = tasks.begin; task < tasks.end; ++task)
        run_band(x, y, task / bands, task % bands * band_.out_rows(), mine, scratch + member.rank * member_bytes());
    });
  }

 private:
  [[nodiscard]] int64_t panel_channels() const { return 2 * loops_.lanes; }
  [[nodiscard]] int64_t transformed_stride() const { return chunk_ * sizes_.channels; }
  [[nodiscard]] int64_t sums_stride() const { return chunk_ * panel_channels(); }
  [[nodiscard]] int64_t transformed_bytes() const { return round_up(sizes_.frequencies * transformed_stride() * 2, 64); }
  [[nodiscard]] int64_t sums_bytes() const { return round_up(sizes_.frequencies * sums_stride() * 4, 64); }
  [[nodiscard]] int64_t member_bytes() const { return band_.bytes() + transformed_bytes() + sums_bytes(); }

  /// (frequency, panel, pairs, vectors, lanes, 2)
  void pack(const Int8Weights& weights) {
    const auto& p = problem_.conv;
    const auto g = weight_transform(sizes_.m);
    const auto factors = row_factors(sizes_.m);
    const int64_t lanes = loops_.lanes, edge = sizes_.m + 2;
    std::vector<double> u(static_cast<size_t>(sizes_.frequencies));
    for (int64_t k = 0; k < p.k; ++k) {
      bias_[k] = weights.bias ? weights.bias[k] : 0;
      scale_[k] = weights.scale[k];
      const auto& panel = panels_[static_cast<size_t>(k / lanes / 2)];
      const int64_t place = (k / lanes - panel.first) * lanes + k % lanes;
      for (int64_t c = 0; c < p.c; ++c) {
        std::array<float, 9> kernel;
        std::copy_n(weights.w + (k * p.c + c) * 9, 9, kernel.begin());
        transform_weights(g, kernel.data(), u);
        for (int64_t f = 0; f < sizes_.frequencies; ++f)
          w_[(f * pairs_ * sizes_.outputs + panel.first * lanes * pairs_ + c / 2 * panel.vectors * lanes + place) * 2 + c % 2] = static_cast<int16_t>(
              std::lround(u[static_cast<size_t>(f)] * factors[static_cast<size_t>(f / edge)] * factors[static_cast<size_t>(f % edge)]));
      }
    }
  }

  void run_band(const uint8_t* x, uint8_t* y, int64_t n, int64_t first, const Range& panels, std::byte* scratch) const {
    const auto& p = problem_.conv;
    auto* rows = reinterpret_cast<int16_t*>(scratch);
    auto* transformed = reinterpret_cast<int16_t*>(scratch + band_.bytes());
    auto* sums = reinterpret_cast<int32_t*>(scratch + band_.bytes() + transformed_bytes());
    const int64_t count = std::min(band_.out_rows(), p.out_h() - first), down = (count + sizes_.m - 1) / sizes_.m, tiles = down * sizes_.across;
    band_.fill(x + n * p.h * p.w * p.c, 0, first, down * sizes_.m, rows);
    const int64_t chunks = (tiles + chunk_ - 1) / chunk_;
    for (int64_t i = 0; i < chunks; ++i) {
      const Range chunk{tiles * i / chunks, tiles * (i + 1) / chunks};
      transform_input(rows, chunk, transformed);
      for (int64_t panel = panels.begin; panel < panels.end;
           ++panel) {  // at a time: sums of all outputs need a multiple of the memory, and gave no other times
        multiply(transformed, chunk.end - chunk.begin, panels_[static_cast<size_t>(panel)], sums);
        transform_output(sums, chunk, panels_[static_cast<size_t>(panel)], y + (n * p.out_h() + first) * p.out_w() * p.k, count);
      }
    }
  }

  /// Calls `body(row of tiles, first tile in it, tiles, tiles of the chunk before)`.
  template <typename Body>
  void for_each_run(const Range& chunk, const Body& body) const {
    for (int64_t tile = chunk.begin; tile < chunk.end;) {
      const int64_t across = tile % sizes_.across, count = std::min(sizes_.across - across, chunk.end - tile);
      body(tile / sizes_.across, across, count, tile - chunk.begin);
      tile += count;
    }
  }

  void transform_input(const int16_t* rows, const Range& chunk, int16_t* transformed) const {
    Int8WinogradInputArguments a;
    a.m = static_cast<int>(sizes_.m);
    a.x_row = band_.row_values(), a.x_pixel = band_.channels(), a.channels = sizes_.channels;
    a.v_frequency = transformed_stride(), a.v_tile = sizes_.channels;
    for_each_run(chunk, [&](int64_t row, int64_t first, int64_t count, int64_t before) {
      a.x = rows + band_.window_at(row * sizes_.m) + first * sizes_.m * a.x_pixel;
      a.v = transformed + before * sizes_.channels;
      a.tiles = count;
      loops_.winograd_input(a);
    });
  }

  void multiply(const int16_t* transformed, int64_t tiles, const Panel& panel, int32_t* sums) const {
    const int64_t one_run = 0;
    Int8PanelArguments a;
    a.x_pixel = sizes_.channels, a.pixels = tiles, a.runs_at = &one_run, a.runs = 1, a.steps = pairs_, a.vectors = panel.vectors,
    a.sums_pixel = panel_channels();
    for (int64_t f = 0; f < sizes_.frequencies; ++f) {
      a.x = transformed + f * transformed_stride();
      a.w = w_.data() + (f * sizes_.outputs + panel.first * loops_.lanes) * pairs_ * 2;
      a.sums = sums + f * sums_stride();
      a.next_w = f + 1 < sizes_.frequencies ? a.w + sizes_.outputs * pairs_ * 2 : nullptr;
      a.next_bytes = a.next_w ? pairs_ * panel_channels() * 2 * static_cast<int64_t>(sizeof(int16_t)) : 0;
      loops_.panel(a);
    }
  }

  void transform_output(const int32_t* sums, const Range& chunk, const Panel& panel, uint8_t* y, int64_t out_rows) const {
    const auto& p = problem_.conv;
    const int64_t channel = panel.first * loops_.lanes;
    Int8WinogradOutputArguments a;
    a.m = static_cast<int>(sizes_.m);
    a.sums_frequency = sums_stride(), a.sums_tile = panel_channels();
    a.bias = bias_.data() + channel, a.end = end_of(problem_, scale_.data() + channel);
    a.channels = std::min<int64_t>(p.k - channel, panel.vectors * loops_.lanes);
    a.y_row = p.out_w() * p.k, a.y_pixel = p.k;
    for_each_run(chunk, [&](int64_t row, int64_t first, int64_t count, int64_t before) {
      a.sums = sums + before * panel_channels();
      a.tiles = count;
      a.rows = std::min(sizes_.m, out_rows - row * sizes_.m), a.columns = p.out_w() - first * sizes_.m;
      a.y = y + (row * p.out_w() + first) * sizes_.m * p.k + channel;
      loops_.winograd_output(a);
    });
  }

  Int8Problem problem_;
  const Int8Loops& loops_;
  Sizes sizes_;
  int64_t chunk_;
  Band<int16_t> band_;
  int64_t pairs_ = 0;
  std::vector<Panel> panels_;
  Buffer<int16_t> w_;     // (frequencies, panels, pairs, vectors, lanes, 2)
  Buffer<int32_t> bias_;  // (outputs in whole vectors)
  Buffer<float> scale_;   // likewise
};

template <int64_t M>
std::string reason_against(const Int8Problem& problem, const Int8Loops&) {
  const auto& p = problem.conv;
  if (p.kernel_h != 3 || p.kernel_w != 3) return "the kernel is not 3x3";
  if (p.stride_h != 1 || p.stride_w != 1 || p.dilation_h != 1 || p.dilation_w != 1) return "strides and dilations have to be 1";
  if (p.groups != 1) return "groups";
  return problem.most_sum > most_exact_sum(M) ? "sums may need more bits than its output transform leaves" : "";
}

template <int64_t M>
double estimate(const Int8Problem& problem, const Int8Loops& loops) {
  const auto sizes = sizes_of(problem.conv, M, loops);
  return static_cast<double>(problem.conv.n) * cycles_of(sizes, best_chunk(sizes, loops), loops);
}

template <int64_t M>
std::unique_ptr<Int8Convolution> make(const Int8Problem& p, const Int8Weights& w, const Int8Loops& loops) {
  return std::make_unique<Winograd>(p, w, loops, M);
}

}  // namespace

extern const Int8ConvImplementation k_int8_conv_winograd2, k_int8_conv_winograd4;
const Int8ConvImplementation k_int8_conv_winograd2{"winograd m=2", reason_against<2>, estimate<2>, make<2>};
const Int8ConvImplementation k_int8_conv_winograd4{"winograd m=4", reason_against<4>, estimate<4>, make<4>};

}  // namespace scissionlite::kernels
