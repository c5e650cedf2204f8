// Convolution with products of bf16 on blocked float32 activations: a band of input rows is padded and rounded once, in units of 32 channels,
// then read by panels of output vectors. Loop nest: over bands, rounded by the member or by all of the team together; within, over panels,
// pieces of their steps, and the band's pixels (Bf16PanelArguments). Pieces but the first add to what y holds. Where every output pixel depends
// on one input pixel only, those are gathered as they are rounded, and all are rows of one pixel.
// One order of weights serves every way to multiply, so that what was packed on one machine runs on each with as many lanes.
#include <algorithm>
#include <cstring>

#include "base/tensor.h"
#include "kernels/bf16/loops.h"
#include "kernels/conv/panels.h"
#include "kernels/parallel.h"

namespace scissionlite::kernels {
namespace {

constexpr int64_t kSmallImage = 256;  // output pixels; below, threads share the channels and not the rows, so that each reads a part of the weights

bool takes_one_pixel(const ConvProblem& p) { return p.kernel_h == 1 && p.kernel_w == 1 && !p.is_padded(); }

/// The band of input that a range of output rows reads: (units, rows, columns, kBf16Unit), units being the channels' and rows as many as the
/// largest band needs.
struct Bands {
  bool is_of_pixels = false;  // each output reads one pixel: rows are pixels
  int64_t units = 0, out_rows = 0, out_columns = 0;
  int64_t most_out_rows = 0, rows = 0, columns = 0;

  Bands(const ConvProblem& p, int64_t bytes)
      : is_of_pixels(takes_one_pixel(p)), units(blocks_of(p.c, kBf16Unit)), out_rows(p.out_h()), out_columns(p.out_w()) {
    if (is_of_pixels) out_rows *= out_columns, out_columns = 1;
    columns = is_of_pixels ? 1 : (out_columns - 1) * p.stride_w + (p.kernel_w - 1) * p.dilation_w + 1;
    const int64_t fit = bytes / (units * columns * kBf16Unit * static_cast<int64_t>(sizeof(uint16_t)));
    const int64_t most = is_of_pixels ? fit : (fit - (p.kernel_h - 1) * p.dilation_h - 1) / p.stride_h + 1;
    const int64_t least = is_of_pixels ? kBf16Unit : 1;
    most_out_rows = std::min(
        out_rows, is_of_pixels ? round_up(equal_chunk(out_rows, std::max(most, least)), least) : equal_chunk(out_rows, std::max(most, least)));
    rows = rows_for(p, most_out_rows);
  }
  [[nodiscard]] int64_t rows_for(const ConvProblem& p, int64_t out) const {
    return is_of_pixels ? out : (out - 1) * p.stride_h + (p.kernel_h - 1) * p.dilation_h + 1;
  }
  [[nodiscard]] int64_t row_values() const { return columns * kBf16Unit; }
  [[nodiscard]] int64_t unit_values() const { return rows * row_values(); }
  /// With what is read behind the last pixel.
  [[nodiscard]] int64_t values(const ConvProblem& p) const {
    return units * unit_values() + 2 * kBf16ReadBehind * std::max<int64_t>(p.stride_w, 1) * kBf16Unit;
  }
  [[nodiscard]] int64_t floats(const ConvProblem& p) const { return values(p) / 2; }
};

class Bf16 final : public Convolution {
 public:
  Bf16(const ConvProblem& p, const ConvWeights& weights, const ConvEnd& end, const Knobs& knobs, const VectorLoops& vectors)
      : problem_(p),
        end_(end),
        loops_(bf16_loops(vectors.lanes, static_cast<Bf16Way>(knobs.at("way")))),
        bands_(p, knobs.at("band") << 10),
        most_steps_(knobs.at("steps")),
        taps_(p.kernel_h * p.kernel_w),
        panels_(cut_panels(blocks_of(p.k, vectors.lanes), static_cast<int>(knobs.at("vectors")))),
        bias_(padded_bias(weights.bias, p.k, vectors.lanes)) {
    for (int64_t unit = 0; unit < bands_.units; ++unit)
      for (int64_t i = 0; i < p.kernel_h; ++i)
        for (int64_t j = 0; j < p.kernel_w; ++j)
          steps_at_.push_back(unit * bands_.unit_values() + i * p.dilation_h * bands_.row_values() + j * p.dilation_w * kBf16Unit);
    int64_t size = 0;
    for (auto& panel : panels_) {
      panel.weights_at = size, panel.steps = static_cast<int64_t>(steps_at_.size());
      size += panel.steps * step_values(panel);
    }
    const auto layout = "bf16 v" + std::to_string(panels_[0].vectors) + " l" + std::to_string(loops_.lanes) + " " + p.weights_text();
    weights_ = weights.source.packed<uint16_t>(layout, size, [&](uint16_t* to) { pack(weights.w, to); });
  }

  [[nodiscard]] int64_t packed_bytes() const override { return weights_.size() * static_cast<int64_t>(sizeof(uint16_t)); }
  [[nodiscard]] int64_t scratch_floats(int threads) const override { return bands_.floats(problem_) * std::max(threads, 1); }

  void run(const float* x, const float* residual, float* y, float* scratch, int threads) const override {
    const auto& p = problem_;
    const bool is_small = p.n * p.out_h() * p.out_w() <= kSmallImage;
    const int64_t a_member = (p.n * bands_.out_rows + threads - 1) / std::max(threads, 1),
                  band_rows = is_small ? bands_.most_out_rows : std::min(bands_.most_out_rows, a_member);
    const int64_t bands = (bands_.out_rows + band_rows - 1) / band_rows, tasks = p.n * bands;
    in_team(threads, [&](const Member& member) {
      const bool is_together = is_small || tasks < member.size;
      const Member team = is_together ? member : Member{};
      const auto mine = is_together ? Range{0, tasks} : share_of(tasks, member);
      auto* const band = reinterpret_cast<uint16_t*>(scratch + (is_together ? 0 : member.rank * bands_.floats(p)));
      const Bf16Thread thread(loops_);
      for (int64_t task = mine.begin; task < mine.end; ++task) {
        const int64_t n = task / bands, first = task % bands * band_rows, count = std::min(band_rows, bands_.out_rows - first);
        fill(x + n * blocks_of(p.c, loops_.lanes) * p.h * p.w * loops_.lanes, first, count, team, band);
        team.barrier();
        const auto panels = share_of(static_cast<int64_t>(panels_.size()), team);
        for (int64_t i = panels.begin; i < panels.end; ++i) compute(static_cast<size_t>(i), i + 1 < panels.end, band, n, first, count, residual, y);
        team.barrier();  // others may still read the band
      }
    });
  }

 private:
  [[nodiscard]] int64_t step_values(const Panel& panel) const { return kBf16Unit * panel.vectors * loops_.lanes; }

  void pack(const float* w, uint16_t* to) const {
    const int64_t lanes = loops_.lanes;
    for (const auto& panel : panels_)
      for (int64_t k = panel.first * lanes; k < std::min(problem_.k, (panel.first + panel.vectors) * lanes); ++k)
        for (int64_t c = 0; c < problem_.c; ++c)
          for (int64_t tap = 0; tap < taps_; ++tap) {
            const int64_t step = c / kBf16Unit * taps_ + tap, pair = c % kBf16Unit / 2, column = k - panel.first * lanes;
            to[panel.weights_at + step * step_values(panel) + (pair * panel.vectors * lanes + column) * 2 + c % 2] =
                f32_to_bf16(w[(k * problem_.c + c) * taps_ + tap]);
          }
  }

  /// The member's share of what output rows [first, first + count) of an image read.
  void fill(const float* x, int64_t first, int64_t count, const Member& member, uint16_t* band) const {
    const int64_t rows = bands_.rows_for(problem_, count);
    if (bands_.is_of_pixels) {
      const auto mine = share_of(rows, member);
      for (int64_t unit = 0; unit < bands_.units; ++unit)
        fill_pixels(x, unit, first + mine.begin, first + mine.end, band + unit * bands_.unit_values() + mine.begin * kBf16Unit);
      return;
    }
    const auto mine = share_of(bands_.units * rows, member);
    for (int64_t i = mine.begin; i < mine.end; ++i)
      fill_row(x, i / rows, first * problem_.stride_h + i % rows - problem_.top,
               band + i / rows * bands_.unit_values() + i % rows * bands_.row_values());
  }

  [[nodiscard]] Bf16RoundArguments rounding(const float* x, int64_t unit, int64_t row, int64_t column) const {
    const int64_t lanes = loops_.lanes, of_unit = kBf16Unit / lanes, block = unit * of_unit;
    Bf16RoundArguments a;
    a.x = x + ((block * problem_.h + row) * problem_.w + column) * lanes;
    a.x_block = problem_.h * problem_.w * lanes, a.x_pixel = lanes;
    a.blocks = std::min(of_unit, blocks_of(problem_.c, lanes) - block);
    return a;
  }

  void fill_row(const float* x, int64_t unit, int64_t row, uint16_t* to) const {
    const auto zero = [&](int64_t begin, int64_t end) {
      std::memset(to + begin * kBf16Unit, 0, static_cast<size_t>((end - begin) * kBf16Unit) * sizeof(uint16_t));
    };
    if (row < 0 || row >= problem_.h) return zero(0, bands_.columns);
    const int64_t begin = std::min(problem_.left, bands_.columns), end = std::clamp<int64_t>(problem_.left + problem_.w, begin, bands_.columns);
    zero(0, begin);
    auto a = rounding(x, unit, row, 0);
    a.pixels = end - begin, a.y = to + begin * kBf16Unit;
    loops_.round(a);
    zero(end, bands_.columns);
  }

  /// What output pixels [begin, end) read, strides taken.
  void fill_pixels(const float* x, int64_t unit, int64_t begin, int64_t end, uint16_t* to) const {
    const int64_t width = problem_.keeps_pixels() ? problem_.h * problem_.w : problem_.out_w();  // of a run without a jump
    while (begin < end) {
      const int64_t row = begin / width, column = begin % width;
      auto a = rounding(x, unit, row * problem_.stride_h, column * problem_.stride_w);
      a.x_pixel *= problem_.stride_w;
      a.pixels = std::min(end - begin, width - column), a.y = to;
      loops_.round(a);
      begin += a.pixels, to += a.pixels * kBf16Unit;
    }
  }

  void compute(size_t index, bool is_followed, const uint16_t* band, int64_t n, int64_t first, int64_t count, const float* residual, float* y) const {
    const auto& panel = panels_[index];
    const int64_t lanes = loops_.lanes, out_block = problem_.out_h() * problem_.out_w() * lanes;
    const int64_t at = (n * blocks_of(problem_.k, lanes) + panel.first) * out_block + first * bands_.out_columns * lanes,
                  short_channels = problem_.c % kBf16Unit;
    Bf16PanelArguments a;
    a.x = band, a.x_pixel = kBf16Unit * (bands_.is_of_pixels ? 1 : problem_.stride_w);
    a.vectors = panel.vectors;
    a.rows = count, a.pixels = bands_.out_columns;
    if (bands_.is_of_pixels) a.rows = 1, a.pixels = count;
    a.x_row = problem_.stride_h * bands_.row_values();
    a.y = y + at, a.y_row = bands_.out_columns * lanes, a.y_pixel = lanes, a.y_vector = out_block;
    if (short_channels > 0) a.short_pairs = (short_channels + 1) / 2;
    const int64_t pieces = (panel.steps + most_steps_ - 1) / most_steps_;
    for (int64_t piece = 0; piece < pieces; ++piece) {
      const Range steps{panel.steps * piece / pieces, panel.steps * (piece + 1) / pieces};
      a.steps_at = steps_at_.data() + steps.begin, a.steps = steps.end - steps.begin;
      a.short_steps = short_channels > 0 ? std::clamp<int64_t>(steps.end - (panel.steps - taps_), 0, a.steps) : 0;
      a.w = weights_.data() + panel.weights_at + steps.begin * step_values(panel);
      const auto* const next = a.w + a.steps * step_values(panel);  // about as much follows, of the next piece or panel
      a.next_w = next;
      a.next_bytes = is_followed || piece + 1 < pieces
                         ? static_cast<int64_t>(sizeof(uint16_t)) * std::min(next - a.w, weights_.data() + weights_.size() - next)
                         : 0;
      a.bias = bias_.size() > 0 && piece == 0 ? bias_.data() + panel.first * lanes : nullptr;
      a.residual = piece > 0 ? a.y : residual ? residual + at : nullptr;  // what the pieces before have summed up
      a.activation = piece + 1 == pieces ? end_.activation : ActivationArguments{};
      loops_.panel(a);
    }
  }

  ConvProblem problem_;
  ConvEnd end_;
  const Bf16Loops& loops_;
  Bands bands_;
  int64_t most_steps_;  // of a panel at a time, so that their weights stay in L1
  int64_t taps_;
  std::vector<Panel> panels_;
  std::vector<int64_t> steps_at_;  // (units, taps)
  Packed<uint16_t> weights_;       // by panel: (units, taps, kBf16Pairs, vectors, lanes, 2)
  AlignedFloats bias_;
};

std::string reason_against(const ConvProblem& p, const VectorLoops&) { return p.groups == 1 ? "" : "grouped: too few channels to pair"; }

std::vector<KnobRange> knobs(const ConvProblem& p, const VectorLoops& loops) {
  std::vector<int64_t> ways;
  for (const auto* way : bf16_loops(loops.lanes)) ways.push_back(static_cast<int64_t>(way->way));
  return {{"way", ways},
          {"vectors", panel_vectors_values(blocks_of(p.k, loops.lanes))},
          {"steps", {4, 8, 16, 32, 1024}},
          {"band", {64, 128, 256, 512, 1024}}};
}

/// Multiply-adds of a lane in a cycle, of which float32 has two: as measured on an Emerald Rapids Xeon, whose VDPBF16PS takes two cycles
/// (docs/findings.md).
double products_a_cycle(const Bf16Loops& loops) {
  switch (loops.way) {
    case Bf16Way::kTiles: return 8;  // of 64: tiles wait for L2
    case Bf16Way::kDot: return 1.2;
    case Bf16Way::kWidened: return 1.3;  // two instructions widen each word
  }
  return 1;
}

Knobs usual(const ConvProblem& p, const VectorLoops& loops) {
  const auto& fastest = *bf16_loops(loops.lanes)[0];
  const int64_t blocks = blocks_of(p.k, loops.lanes), pixels = takes_one_pixel(p) ? p.out_h() * p.out_w() : p.out_w();
  const int64_t vectors =
      fastest.way == Bf16Way::kTiles ? std::min<int64_t>(2, blocks) : std::min<int64_t>(best_vectors(blocks, pixels, loops), blocks);
  return {{"way", static_cast<int64_t>(fastest.way)},
          {"vectors", vectors},
          {"steps", fastest.way == Bf16Way::kTiles ? 16 : 1024},
          {"band", l2_bytes() / 4 >> 10}};
}

double estimate(const ConvProblem& p, const VectorLoops& loops, const Knobs& knobs) {
  const auto& way = bf16_loops(loops.lanes, static_cast<Bf16Way>(knobs.at("way")));
  const bool is_of_tiles = way.way == Bf16Way::kTiles;
  const double lanes = loops.lanes, pixels = static_cast<double>(p.n * p.out_h() * p.out_w());
  const double channels = static_cast<double>(is_of_tiles ? round_up(p.c, kBf16Unit) : round_up(p.c, 2)),
               taps = static_cast<double>(p.kernel_h * p.kernel_w);
  const double products = pixels * channels * taps * static_cast<double>(blocks_of(p.k, loops.lanes)) / products_a_cycle(way);
  const double rounding =
      static_cast<double>(p.n * p.c * p.h * p.w) / lanes * (takes_one_pixel(p) ? 1.0 / static_cast<double>(p.stride_h * p.stride_w) : 1) * 3;
  const double ends = pixels * static_cast<double>(blocks_of(p.k, loops.lanes)) * 2;
  const double weights = static_cast<double>(p.k * p.c) * taps * 2;
  return std::max(products, weights / kBytesPerCycle) + rounding + ends;
}

std::unique_ptr<Convolution> make(const ConvProblem& p, const ConvWeights& w, const ConvEnd& end, const Knobs& knobs, const VectorLoops& loops) {
  return std::make_unique<Bf16>(p, w, end, knobs, loops);
}

}  // namespace

extern const ConvImplementation k_conv_bf16;
const ConvImplementation k_conv_bf16{"bf16",
                                     "every tap of every input channel, products of values rounded to bf16, by tiles, dot products or widened",
                                     reason_against,
                                     knobs,
                                     usual,
                                     estimate,
                                     make,
                                     /*is_measured_only=*/false,
                                     /*effect=*/nullptr,
                                     /*can=*/nullptr,
                                     /*takes_plain_input=*/false,
                                     Precision::kBf16};

}  // namespace scissionlite::kernels
