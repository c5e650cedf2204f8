// First layers of stride 2 with wide kernels, by minimal filtering. The values of an image whose row and column have one parity form a phase:
// over the four phases of each channel the convolution has stride 1 and kernels half as wide (7x7 of 3 channels: 4x4 of 12), which Winograd's
// F(m x m, r x r) computes with (m + r - 1)^2 / m^2 products a value and phase: 4 for 7x7 and m = 3, and 2.56 for m = 5, where 12.25 are needed.
// Loop nest: for rows of tiles { gather the phases' rows; for chunks of tiles { transform the input; for panels { for frequencies: product;
// transform the output } } }; what a chunk needs stays in L2, most of it in L1. Rows of tiles are shared among threads.
#include <algorithm>
#include <cstring>

#include "kernels/conv/panels.h"
#include "kernels/conv/winograd_weights.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kPhases = 4;

/// What follows from a problem and m.
struct Sizes {
  Sizes(const ConvProblem& p, int64_t m_, int64_t lanes)
      : m(m_),
        taps((std::max(p.kernel_h, p.kernel_w) + 1) / 2),
        edge(m + taps - 1),
        frequencies(edge * edge),
        inputs(kPhases * p.c),
        in_blocks(blocks_of(inputs, lanes)),
        out_blocks(blocks_of(p.k, lanes)),
        across((p.out_w() + m - 1) / m),
        down((p.out_h() + m - 1) / m),
        columns(across * m + taps - 1) {}
  int64_t m, taps, edge, frequencies;
  int64_t inputs, in_blocks, out_blocks;  // inputs: channels of all phases
  int64_t across, down;                   // tiles
  int64_t columns;                        // of the phases, as far as tiles reach
};

class WinogradImage final : public Convolution {
 public:
  WinogradImage(const ConvProblem& p, const ConvWeights& weights, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops)
      : problem_(p),
        end_(end),
        loops_(loops),
        s_(p, knobs.at("m"), loops.lanes),
        panels_(cut_panels(s_.out_blocks, static_cast<int>(knobs.at("vectors")))),
        chunk_(equal_chunk(s_.across, knobs.at("tiles"))),
        bias_(padded_bias(weights.bias, p.k, loops.lanes)) {
    for (auto& panel : panels_) panel.weights_at = panel.first * loops.lanes * s_.inputs * s_.frequencies;
    const auto layout = "winograd_image m" + std::to_string(s_.m) + " v" + std::to_string(panels_[0].vectors) + " l" + std::to_string(loops.lanes) +
                        " " + p.weights_text();
    weights_ =
        weights.source.packed<float>(layout, s_.frequencies * s_.inputs * s_.out_blocks * loops.lanes, [&](float* to) { pack(weights.w, to); });
  }

  [[nodiscard]] bool takes_plain_input() const override { return true; }
  [[nodiscard]] int64_t packed_bytes() const override { return weights_.size() * static_cast<int64_t>(sizeof(float)); }
  [[nodiscard]] int64_t scratch_floats(int threads) const override { return threads * (phase_floats() + transformed_floats() + product_floats()); }

  void run(const float* x, const float* residual, float* y, float* scratch, int threads) const override {
    const int64_t in_image = problem_.c * problem_.h * problem_.w, out_image = s_.out_blocks * problem_.out_h() * problem_.out_w() * loops_.lanes;
    in_team(threads, [&](const Member& member) {
      float* phases = scratch + member.rank * scratch_floats(1);
      float* transformed = phases + phase_floats();
      float* products = transformed + transformed_floats();
      std::memset(phases, 0, static_cast<size_t>(phase_floats()) * sizeof(float));  // lanes beyond the last input stay so
      const auto rows = share_of(problem_.n * s_.down, member);
      for (int64_t row = rows.begin; row < rows.end; ++row) {
        const int64_t n = row / s_.down, down = row % s_.down;
        gather_phases(x + n * in_image, down * s_.m, phases);
        for (int64_t first = 0; first < s_.across; first += chunk_) {
          const Range tiles{first, std::min(first + chunk_, s_.across)};
          transform_input(phases, tiles, transformed);
          for (const auto& panel : panels_) {
            multiply(panel, tiles.end - tiles.begin, transformed, products);
            transform_output(panel, down, tiles, products, residual ? residual + n * out_image : nullptr, y + n * out_image);
          }
        }
      }
    });
  }

 private:
  [[nodiscard]] int64_t phase_block() const { return s_.edge * s_.columns * loops_.lanes; }  // (rows of a tile, columns, lanes)
  [[nodiscard]] int64_t phase_floats() const { return s_.in_blocks * phase_block(); }
  [[nodiscard]] int64_t transformed_floats() const {
    return s_.frequencies * chunk_ * s_.in_blocks * loops_.lanes;
  }  // (frequency, tile, in blocks, lanes)
  [[nodiscard]] int64_t product_floats() const {
    return s_.frequencies * panels_[0].vectors * chunk_ * loops_.lanes;
  }  // (frequency, vector, tile, lanes)

  /// Panel by panel: (frequency, phases of channels, vectors, lanes).
  void pack(const float* w, float* to) const {
    const int64_t lanes = loops_.lanes, area = problem_.kernel_h * problem_.kernel_w;
    const auto g = weight_transform(s_.m, static_cast<int>(s_.taps));
    std::vector<double> u(static_cast<size_t>(s_.frequencies));
    std::vector<float> phase(static_cast<size_t>(s_.taps * s_.taps));
    for (const auto& panel : panels_)
      for (int64_t k = panel.first * lanes; k < std::min(problem_.k, (panel.first + panel.vectors) * lanes); ++k)
        for (int64_t input = 0; input < s_.inputs; ++input) {
          phase_of_kernel(w + (k * problem_.c + input / kPhases) * area, input % kPhases / 2, input % 2, phase);
          transform_weights(g, phase.data(), u, static_cast<int>(s_.taps));
          for (int64_t f = 0; f < s_.frequencies; ++f)
            to[panel.weights_at + ((f * s_.inputs + input) * panel.vectors) * lanes + k - panel.first * lanes] =
                static_cast<float>(u[static_cast<size_t>(f)]);
        }
  }
  void phase_of_kernel(const float* w, int64_t row_parity, int64_t column_parity, std::vector<float>& phase) const {
    for (int64_t i = 0; i < s_.taps; ++i)
      for (int64_t j = 0; j < s_.taps; ++j) {
        const int64_t kh = 2 * i + row_parity, kw = 2 * j + column_parity;
        phase[static_cast<size_t>(i * s_.taps + j)] = kh < problem_.kernel_h && kw < problem_.kernel_w ? w[kh * problem_.kernel_w + kw] : 0;
      }
  }

  /// Phase rows [first, first + edge). The two phases of a row's columns lie side by side in the image and as lanes.
  void gather_phases(const float* x, int64_t first, float* phases) const {
    const int64_t lanes = loops_.lanes;
    for (int64_t row = 0; row < s_.edge; ++row)
      for (int64_t input = 0; input < s_.inputs; input += 2) {
        const int64_t channel = input / kPhases, at = 2 * (first + row) + input % kPhases / 2 - problem_.top;
        float* to = phases + input / lanes * phase_block() + row * s_.columns * lanes + input % lanes;
        gather_row(at >= 0 && at < problem_.h ? x + (channel * problem_.h + at) * problem_.w : nullptr, to);
      }
  }
  void gather_row(const float* x, float* to) const {
    const int64_t lanes = loops_.lanes, w = problem_.w, left = problem_.left;
    const int64_t begin = x ? std::min((left + 1) / 2, s_.columns) : s_.columns, end = std::clamp((w + left) / 2, begin, s_.columns);  // whole pairs
    const auto by_value = [&](int64_t column) {
      for (int64_t parity = 0; parity < 2; ++parity) {
        const int64_t at = 2 * column + parity - left;
        to[column * lanes + parity] = x && at >= 0 && at < w ? x[at] : 0;
      }
    };
    for (int64_t column = 0; column < begin; ++column) by_value(column);
    for (int64_t column = begin; column < end; ++column) std::memcpy(to + column * lanes, x + 2 * column - left, 2 * sizeof(float));
    for (int64_t column = end; column < s_.columns; ++column) by_value(column);
  }

  [[nodiscard]] WinogradTilesArguments arguments(int64_t first, int64_t count) const {
    WinogradTilesArguments a;
    a.m = static_cast<int>(s_.m);
    a.taps = static_cast<int>(s_.taps);
    a.height = s_.edge;
    a.width = s_.columns;
    a.out_height = problem_.out_h();
    a.out_width = problem_.out_w();
    a.tiles_across = s_.across;
    a.first = first;
    a.count = count;
    a.activation = end_.activation;
    return a;
  }

  void transform_input(const float* phases, Range tiles, float* transformed) const {
    const int64_t lanes = loops_.lanes;
    for (int64_t block = 0; block < s_.in_blocks; ++block) {
      auto a = arguments(tiles.begin, tiles.end - tiles.begin);
      a.x = phases + block * phase_block();
      a.transformed = transformed + block * lanes;
      a.tile_stride = s_.in_blocks * lanes;
      a.frequency_stride = chunk_ * s_.in_blocks * lanes;
      loops_.winograd_input(a);
    }
  }

  void multiply(const Panel& panel, int64_t tiles, const float* transformed, float* products) const {
    const int64_t lanes = loops_.lanes, step = 0;
    PanelArguments a;
    a.x_pixel = s_.in_blocks * lanes;
    a.steps_at = &step;
    a.steps = 1;
    a.inputs = static_cast<int>(s_.inputs);
    a.vectors = panel.vectors;
    a.pixels = tiles;
    a.y_pixel = lanes;
    a.y_vector = chunk_ * lanes;
    for (int64_t f = 0; f < s_.frequencies; ++f) {
      a.x = transformed + f * chunk_ * s_.in_blocks * lanes;
      a.w = weights_.data() + panel.weights_at + f * s_.inputs * panel.vectors * lanes;
      a.y = products + f * panel.vectors * chunk_ * lanes;
      loops_.panel_plain(a);
    }
  }

  void transform_output(const Panel& panel, int64_t down, Range tiles, float* products, const float* residual, float* y) const {
    const int64_t lanes = loops_.lanes, out_block = problem_.out_h() * problem_.out_w() * lanes;
    for (int64_t v = 0; v < panel.vectors; ++v) {
      const int64_t block = panel.first + v;
      auto a = arguments(down * s_.across + tiles.begin, tiles.end - tiles.begin);
      a.y = y + block * out_block;
      a.residual = residual ? residual + block * out_block : nullptr;
      a.bias = bias_.size() > 0 ? bias_.data() + block * lanes : nullptr;
      a.transformed = products + v * chunk_ * lanes;
      a.frequency_stride = panel.vectors * chunk_ * lanes;
      loops_.winograd_output(a);
    }
  }

  ConvProblem problem_;
  ConvEnd end_;
  const VectorLoops& loops_;
  Sizes s_;
  std::vector<Panel> panels_;
  int64_t chunk_;  // tiles
  Packed<float> weights_;
  AlignedFloats bias_;
};

std::string reason_against(const ConvProblem& p, const VectorLoops&) {
  if (p.c > 4) return "more than 4 input channels";
  if (p.groups != 1 || p.dilation_h != 1 || p.dilation_w != 1) return "groups or dilations";
  if (p.stride_h != 2 || p.stride_w != 2) return "strides have to be 2";
  const auto side = std::max(p.kernel_h, p.kernel_w);
  return side < 5 || side > 8 ? "the kernel's larger side has to be 5 to 8" : "";
}

std::vector<int64_t> edges_of(const ConvProblem& p) {
  const auto taps = (std::max(p.kernel_h, p.kernel_w) + 1) / 2;
  return taps == 3 ? std::vector<int64_t>{2, 4, 6} : std::vector<int64_t>{3, 5};
}
const std::vector<int64_t> kTiles{6, 8, 12, 16, 20, 24, 32, 48};

std::vector<KnobRange> knobs(const ConvProblem& p, const VectorLoops& loops) {
  return {{"m", edges_of(p)}, {"vectors", panel_vectors_values(blocks_of(p.k, loops.lanes))}, {"tiles", kTiles}};
}

double estimate(const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs) {
  constexpr double kTransformCycles = 7, kCallCycles = 30;  // a transformed vector, its loads and stores included; one product of a panel
  const Sizes s(p, knobs.at("m"), loops.lanes);
  const int64_t tiles = std::min(knobs.at("tiles"), s.across);
  const double chunks = static_cast<double>(s.across) / static_cast<double>(tiles),
               panels = static_cast<double>((s.out_blocks + knobs.at("vectors") - 1) / knobs.at("vectors"));
  const double products =
      static_cast<double>(s.frequencies) * chunks *
      (static_cast<double>(s.inputs) * panel_cycles(s.out_blocks, static_cast<int>(knobs.at("vectors")), tiles, loops) + panels * kCallCycles);
  const double transforms = static_cast<double>(s.frequencies * s.across * (s.in_blocks + s.out_blocks)) * kTransformCycles;
  return static_cast<double>(p.n * s.down) * (products + transforms);
}

Knobs usual(const ConvProblem& p, const VectorLoops& loops) {
  Knobs best;
  for (const int64_t m : edges_of(p))
    for (const int64_t tiles : kTiles) {
      const Knobs knobs{{"m", m}, {"vectors", best_vectors(blocks_of(p.k, loops.lanes), tiles, loops)}, {"tiles", tiles}};
      if (best.empty() || estimate(p, loops, knobs) < estimate(p, loops, best)) best = knobs;
    }
  return best;
}

}  // namespace

extern const ConvImplementation k_conv_winograd_image;
const ConvImplementation k_conv_winograd_image{
    "winograd_image",
    "Winograd's minimal filtering of a plain image's phases: 5x5 to 8x8 kernels of stride 2",
    reason_against,
    knobs,
    usual,
    estimate,
    [](const ConvProblem& p, const ConvWeights& w, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops) -> std::unique_ptr<Convolution> {
      return std::make_unique<WinogradImage>(p, w, end, knobs, loops);
    },
    /*is_measured_only=*/false,
    /*effect=*/nullptr,
    /*can=*/nullptr,
    /*takes_plain_input=*/true};

}  // namespace scissionlite::kernels
