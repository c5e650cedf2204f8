// Winograd convolution F(m x m, 3 x 3): tiles of the input are transformed, multiplied with transformed weights frequency by
// frequency (a product of matrices each), and transformed back: (m + 2)^2 products a tile instead of 9 m^2.
// Loop nest: for chunks of tiles { transform the input; for groups of panels { for frequencies and panels: product; transform the
// output } }, a barrier between, all members of the team at one chunk. Working memory of a chunk: frequencies of (blocks in, tiles,
// lanes), or of (tiles, blocks in, lanes), and of (blocks out of a group, tiles, lanes).
// Numerics: errors grow with m; relative to max|y| about 1e-6 for 2, 1e-5 for 4, 1e-4 for 6.
#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/conv/panels.h"
#include "kernels/conv/winograd_weights.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

struct Tiles {
  int64_t across = 0, down = 0;
  [[nodiscard]] int64_t count() const { return across * down; }
};
Tiles tiles_of(const ConvProblem& p, int64_t m) { return {(p.out_w() + m - 1) / m, (p.out_h() + m - 1) / m}; }

class Winograd final : public Convolution {
 public:
  Winograd(const ConvProblem& p, const ConvWeights& weights, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops)
      : problem_(p),
        end_(end),
        loops_(loops),
        m_(knobs.at("m")),
        frequencies_((m_ + 2) * (m_ + 2)),
        tiles_(tiles_of(p, m_)),
        chunk_(std::min(knobs.at("tiles"), tiles_.count())),
        in_blocks_(blocks_of(p.c, loops.lanes)),
        out_blocks_(blocks_of(p.k, loops.lanes)),
        most_pixels_(static_cast<int>(knobs.at("pixels"))),
        most_steps_(knobs.at("steps")),
        is_panels_outside_(knobs.at("order") == 1),
        is_tiles_outside_(knobs.at("layout") == 1),
        ahead_(knobs.at("ahead") * kLineFloats),
        group_(knobs.at("group")),
        bias_(padded_bias(weights.bias, p.k, loops.lanes)) {
    panels_ = cut_panels(out_blocks_, static_cast<int>(knobs.at("vectors")));
    group_ = std::min(group_, static_cast<int64_t>(panels_.size()));
    chunk_ = equal_chunk(tiles_.count(), chunk_);
    for (int64_t block = 0; block < in_blocks_; ++block) steps_.push_back(block * block_stride());
    pack(weights);
  }

  [[nodiscard]] int64_t packed_bytes() const override { return weights_.size() * static_cast<int64_t>(sizeof(float)); }
  [[nodiscard]] int64_t scratch_floats(int) const override { return frequencies_ * (in_blocks_ + group_blocks()) * chunk_ * loops_.lanes; }

  void run(const float* x, const float* residual, float* y, float* scratch, int threads) const override {
    const int64_t in_image = in_blocks_ * problem_.h * problem_.w * loops_.lanes,
                  out_image = out_blocks_ * problem_.out_h() * problem_.out_w() * loops_.lanes;
    float* transformed = scratch;
    float* products = scratch + frequencies_ * in_blocks_ * chunk_ * loops_.lanes;
    in_team(threads, [&](const Member& member) {
      for (int64_t n = 0; n < problem_.n; ++n)
        for (int64_t first = 0; first < tiles_.count(); first += chunk_) {
          const Range tiles{first, std::min(first + chunk_, tiles_.count())};
          transform_input(x + n * in_image, tiles, transformed, member);
          for (int64_t panel = 0; panel < static_cast<int64_t>(panels_.size()); panel += group_) {
            member.barrier();  // the products of the group before are read
            const Range group{panel, std::min(panel + group_, static_cast<int64_t>(panels_.size()))};
            multiply(tiles.end - tiles.begin, group, transformed, products, member);
            member.barrier();
            transform_output(residual ? residual + n * out_image : nullptr, y + n * out_image, tiles, group, products, member);
          }
        }
    });
  }

 private:
  static constexpr int64_t kLineFloats = 16;
  [[nodiscard]] int64_t group_blocks() const { return std::min(group_ * panels_[0].vectors, out_blocks_); }
  [[nodiscard]] int64_t block_stride() const { return is_tiles_outside_ ? loops_.lanes : chunk_ * loops_.lanes; }  // of the transformed input
  [[nodiscard]] int64_t tile_stride() const { return is_tiles_outside_ ? in_blocks_ * loops_.lanes : loops_.lanes; }

  /// (frequency, panel, in blocks, lanes in, vectors, lanes out)
  void pack(const ConvWeights& weights) {
    const int64_t lanes = loops_.lanes, rows = in_blocks_ * lanes;
    for (auto& panel : panels_) panel.weights_at = panel.first * lanes * rows;
    const auto layout =
        "winograd m" + std::to_string(m_) + " v" + std::to_string(panels_[0].vectors) + " l" + std::to_string(lanes) + " " + problem_.weights_text();
    weights_ = weights.source.packed<float>(layout, frequencies_ * rows * out_blocks_ * lanes, [&](float* to) { transform(weights.w, rows, to); });
  }

  void transform(const float* w, int64_t rows, float* to) const {
    const int64_t lanes = loops_.lanes;
    const auto g = weight_transform(m_);
    std::vector<double> u(static_cast<size_t>(frequencies_));
    for (const auto& panel : panels_)
      for (int64_t c = 0; c < problem_.c; ++c)  // outputs inside: each frequency's writes go to neighbours
        for (int64_t k = panel.first * lanes; k < std::min(problem_.k, (panel.first + panel.vectors) * lanes); ++k) {
          transform_weights(g, w + (k * problem_.c + c) * 9, u);
          for (int64_t f = 0; f < frequencies_; ++f)
            to[f * rows * out_blocks_ * lanes + panel.weights_at + c * panel.vectors * lanes + k - panel.first * lanes] =
                static_cast<float>(u[static_cast<size_t>(f)]);
        }
  }

  [[nodiscard]] WinogradTilesArguments arguments(Range tiles) const {
    WinogradTilesArguments a;
    a.m = static_cast<int>(m_);
    a.height = problem_.h;
    a.width = problem_.w;
    a.out_height = problem_.out_h();
    a.out_width = problem_.out_w();
    a.top = problem_.top;
    a.left = problem_.left;
    a.tiles_across = tiles_.across;
    a.first = tiles.begin;
    a.count = tiles.end - tiles.begin;
    a.activation = end_.activation;
    return a;
  }

  /// Calls `body(block, tiles)` for the member's share of blocks x tiles.
  template <typename Body>
  static void for_share(int64_t blocks, Range tiles, const Member& member, const Body& body) {
    const int64_t count = tiles.end - tiles.begin;
    const auto items = share_of(blocks * count, member);
    for (int64_t item = items.begin; item < items.end;) {
      const int64_t block = item / count, from = item % count, to = std::min(count, from + items.end - item);
      body(block, Range{tiles.begin + from, tiles.begin + to});
      item += to - from;
    }
  }

  void transform_input(const float* x, Range tiles, float* transformed, const Member& member) const {
    const int64_t lanes = loops_.lanes;
    for_share(in_blocks_, tiles, member, [&](int64_t block, Range part) {
      auto a = arguments(part);
      a.x = x + block * problem_.h * problem_.w * lanes;
      a.transformed = transformed + block * block_stride() + (part.begin - tiles.begin) * tile_stride();
      a.tile_stride = tile_stride();
      a.frequency_stride = in_blocks_ * chunk_ * lanes;
      loops_.winograd_input(a);
    });
  }

  void multiply(int64_t tiles, Range group, const float* transformed, float* products, const Member& member) const {
    const int64_t lanes = loops_.lanes, frequency_weights = in_blocks_ * lanes * out_blocks_ * lanes;
    const int64_t panels = group.end - group.begin, first = panels_[static_cast<size_t>(group.begin)].first;
    const auto items = share_of(frequencies_ * panels, member);
    PanelArguments a;
    a.x_pixel = tile_stride();
    a.y_pixel = lanes;
    a.pixels = tiles;
    a.most_pixels = most_pixels_;
    a.ahead = ahead_;
    a.y_vector = chunk_ * lanes;
    const auto frequency_of = [&](int64_t item) { return is_panels_outside_ ? item % frequencies_ : item / panels; };
    const auto panel_of = [&](int64_t item) -> const Panel& {
      return panels_[static_cast<size_t>(group.begin + (is_panels_outside_ ? item / frequencies_ : item % panels))];
    };
    const auto weights_of = [&](int64_t item) { return weights_.data() + frequency_of(item) * frequency_weights + panel_of(item).weights_at; };
    for (int64_t item = items.begin; item < items.end; ++item) {
      const int64_t f = frequency_of(item);
      const auto& panel = panel_of(item);
      a.x = transformed + f * in_blocks_ * chunk_ * lanes;
      a.w = weights_of(item);
      a.next_w = item + 1 < items.end ? weights_of(item + 1) : nullptr;
      a.vectors = panel.vectors;
      a.y = products + (f * group_blocks() + panel.first - first) * chunk_ * lanes;
      sum_up(a);
    }
  }

  /// All steps of a product, in pieces whose weights stay in L1: pieces but the first add to what y holds.
  void sum_up(PanelArguments a) const {
    const int64_t pieces = (in_blocks_ + most_steps_ - 1) / most_steps_, step_floats = loops_.lanes * a.vectors * loops_.lanes;
    const float *w = a.w, *next_product = a.next_w;
    for (int64_t piece = 0; piece < pieces; ++piece) {
      const Range steps{in_blocks_ * piece / pieces, in_blocks_ * (piece + 1) / pieces};
      a.steps_at = steps_.data() + steps.begin;
      a.steps = steps.end - steps.begin;
      set_short_steps(a, problem_.c, loops_.lanes, in_blocks_, 1, steps.end);
      a.w = w + steps.begin * step_floats;
      a.next_w = piece + 1 < pieces ? w + steps.end * step_floats : next_product;
      a.next_floats = a.next_w ? a.steps * step_floats : 0;
      a.residual = piece > 0 ? a.y : nullptr;
      loops_.panel_blocked(a);
    }
  }

  void transform_output(const float* residual, float* y, Range tiles, Range group, float* products, const Member& member) const {
    const int64_t lanes = loops_.lanes, out_block = problem_.out_h() * problem_.out_w() * lanes;
    const auto &first = panels_[static_cast<size_t>(group.begin)], &last = panels_[static_cast<size_t>(group.end - 1)];
    for_share(last.first + last.vectors - first.first, tiles, member, [&](int64_t of_group, Range part) {
      const int64_t block = first.first + of_group;
      auto a = arguments(part);
      a.y = y + block * out_block;
      a.residual = residual ? residual + block * out_block : nullptr;
      a.bias = bias_.size() > 0 ? bias_.data() + block * lanes : nullptr;
      a.transformed = products + (of_group * chunk_ + part.begin - tiles.begin) * lanes;
      a.frequency_stride = group_blocks() * chunk_ * lanes;
      loops_.winograd_output(a);
    });
  }

  ConvProblem problem_;
  ConvEnd end_;
  const VectorLoops& loops_;
  int64_t m_, frequencies_;
  Tiles tiles_;
  int64_t chunk_, in_blocks_, out_blocks_;
  int most_pixels_;         // of a register tile
  int64_t most_steps_;      // of a product at a time
  bool is_panels_outside_;  // of the products: all frequencies of a panel, then the next panel
  bool is_tiles_outside_;   // of the transformed input of a frequency
  int64_t ahead_, group_;   // floats of weights; panels
  std::vector<Panel> panels_;
  std::vector<int64_t> steps_;
  Packed<float> weights_;
  AlignedFloats bias_;
};

std::string reason_against(const ConvProblem& p, const VectorLoops&) {
  if (p.kernel_h != 3 || p.kernel_w != 3) return "the kernel is not 3x3";
  if (p.stride_h != 1 || p.stride_w != 1 || p.dilation_h != 1 || p.dilation_w != 1) return "strides and dilations have to be 1";
  return p.groups != 1 ? "groups" : "";
}

constexpr int64_t kAllPanels = 1024;  // in one group

std::vector<KnobRange> knobs(const ConvProblem& p, const VectorLoops& loops) {
  std::vector<int64_t> tiles;
  for (const int64_t count : {6, 12, 18, 24, 36, 48, 72, 98, 144, 196})
    if (tiles.empty() || tiles.back() < tiles_of(p, 2).count()) tiles.push_back(count);
  return {{"m", {2, 4, 6}},           {"vectors", {1, 2, 3, 4}}, {"pixels", panel_pixels_values(loops)},
          {"tiles", tiles},           {"steps", {8, 1024}},      {"order", {0, 1}},
          {"group", {2, kAllPanels}}, {"layout", {0, 1}},        {"ahead", {0, 8}}};
}

/// Bytes that a convolution in chunks of `at_once` tiles moves beyond L2: all weights for each chunk, and what is transformed, written
/// and read twice, where a chunk of it does not stay in L2.
double traffic(const ConvProblem& p, const VectorLoops& loops, int64_t m, int64_t at_once) {
  const int64_t in = round_up(p.c, loops.lanes), out = round_up(p.k, loops.lanes), frequencies = (m + 2) * (m + 2), tiles = tiles_of(p, m).count();
  const double chunks = std::ceil(static_cast<double>(tiles) / static_cast<double>(at_once));
  const double weights = static_cast<double>(frequencies * in * out * 4), a_tile = static_cast<double>(frequencies * (in + out) * 4);
  const bool stays = a_tile * static_cast<double>(at_once) <= static_cast<double>(l2_bytes()) * 0.8;
  return chunks * weights + (stays ? 0 : 3 * a_tile * static_cast<double>(tiles));
}

double estimate(const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs) {
  constexpr double kTransformCycles = 1.6;  // a transformed vector, its loads and stores included
  const int64_t m = knobs.at("m"), frequencies = (m + 2) * (m + 2), tiles = tiles_of(p, m).count(), at_once = std::min(tiles, knobs.at("tiles"));
  const int64_t blocks = blocks_of(p.k, loops.lanes), in = round_up(p.c, loops.lanes);
  const double chunks = static_cast<double>(tiles) / static_cast<double>(at_once);
  const double products =
      static_cast<double>(frequencies * in) * chunks * panel_cycles(blocks, static_cast<int>(knobs.at("vectors")), at_once, loops);
  const double transforms = static_cast<double>(frequencies * tiles * (in / loops.lanes + blocks)) * kTransformCycles * 2;
  return static_cast<double>(p.n) * (std::max(products, traffic(p, loops, m, at_once) / kBytesPerCycle) + transforms);
}

/// The chunk with the least estimate.
Knobs knobs_with(const ConvProblem& p, const VectorLoops& loops, int64_t m) {
  const int64_t all = tiles_of(p, m).count(), blocks = blocks_of(p.k, loops.lanes);
  Knobs best;
  double least = 0;
  for (const int64_t size : {6, 12, 18, 24, 36, 48, 72, 98, 144, 196}) {
    const int64_t tiles = std::min(size, all);
    const int vectors = best_vectors(blocks, tiles, loops);
    const Knobs knobs{{"m", m},
                      {"vectors", vectors},
                      {"pixels", loops.panel_pixels[vectors]},
                      {"tiles", tiles},
                      {"steps", 1024},
                      {"order", 0},
                      {"group", kAllPanels},
                      {"layout", 0},
                      {"ahead", 0}};
    const double cycles = estimate(p, loops, knobs);
    if (best.empty() || cycles < least) best = knobs, least = cycles;
  }
  return best;
}

Knobs usual(const ConvProblem& p, const VectorLoops& loops) {
  Knobs best = knobs_with(p, loops, 2);
  for (const int64_t m : {4, 6}) {
    const auto other = knobs_with(p, loops, m);
    if (estimate(p, loops, other) < estimate(p, loops, best)) best = other;
  }
  return best;
}

KnobEffect effect(const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs) {
  const int64_t m = knobs.at("m"), all = tiles_of(p, m).count(), chunk = equal_chunk(all, std::min(all, knobs.at("tiles"))), rest = all % chunk;
  const int64_t blocks = blocks_of(p.k, loops.lanes), vectors = std::min(knobs.at("vectors"), blocks), panels = (blocks + vectors - 1) / vectors,
                most = knobs.at("pixels");
  const int64_t steps = blocks_of(p.c, loops.lanes), pieces = (steps + knobs.at("steps") - 1) / knobs.at("steps"),
                group = std::min(knobs.at("group"), panels);
  const bool is_one_block = steps == 1;  // of the input: then both layouts are the same
  return {m,
          vectors,
          chunk,
          panel_tiles(blocks, vectors, most, chunk, loops),
          rest > 0 ? panel_tiles(blocks, vectors, most, rest, loops) : 0,
          pieces,
          group == 1 ? 0 : knobs.at("order"),
          group,
          is_one_block ? 0 : knobs.at("layout"),
          knobs.at("ahead")};
}

}  // namespace

extern const ConvImplementation k_conv_winograd;
const ConvImplementation k_conv_winograd{
    "winograd",
    "Winograd's minimal filtering of 3x3 kernels: fewer products, more traffic",
    reason_against,
    knobs,
    usual,
    estimate,
    [](const ConvProblem& p, const ConvWeights& w, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops) -> std::unique_ptr<Convolution> {
      return std::make_unique<Winograd>(p, w, end, knobs, loops);
    },
    /*is_measured_only=*/false,
    effect};

}  // namespace scissionlite::kernels
